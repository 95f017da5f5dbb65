/** A lane lets so many pass at a time; the others wait their turn, or leave when aborted. */

/**
 * @param {number} width
 * @returns {<T>(action: () => Promise<T>, signal: AbortSignal) => Promise<T>}
 */
export function makeLane(width) {
  let free = width;
  /** @type {(() => void)[]} */
  const waiting = [];
  const turn = (/** @type {AbortSignal} */ signal) =>
    new Promise((resolve, reject) => {
      const leave = () => {
        waiting.splice(waiting.indexOf(enter), 1);
        reject(signal.reason);
      };
      const enter = () => {
        signal.removeEventListener('abort', leave);
        resolve(undefined);
      };
      waiting.push(enter);
      signal.addEventListener('abort', leave);
    });
  return async (action, signal) => {
    signal.throwIfAborted();
    if (free > 0) free -= 1;
    else await turn(signal);
    try {
      return await action();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

/**
 * @param {number} seconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>} rejected when aborted
 */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
