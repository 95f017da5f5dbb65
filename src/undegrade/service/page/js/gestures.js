/** What fingers, a mouse and keys do to the frame of a picture. */

const STEP = 1.25;
const PAN = 60;
const WHEEL = 0.0018;
/** A line of a wheel that counts in lines, in pixels. */
const LINE = 33;

/**
 * @param {HTMLElement} stage
 * @param {import('./frame.js').Frame} frame
 * @param {{ changed: () => void, wipe: (x: number) => void }} told `wipe` when the divider is to
 *     come to a place in the stage
 */
export function addGestures(stage, frame, { changed, wipe }) {
  addWheel(stage, frame, changed);
  addPointers(stage, frame, changed, wipe);
  stage.addEventListener('keydown', (event) => {
    if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = keys(frame)[event.key];
    if (!action) return;
    event.preventDefault();
    action();
    changed();
  });
}

/**
 * @param {import('./frame.js').Frame} frame
 * @returns {Record<string, () => void>}
 */
function keys(frame) {
  const larger = () => frame.magnify(frame.magnification * STEP);
  return {
    ArrowLeft: () => frame.pan(PAN, 0),
    ArrowRight: () => frame.pan(-PAN, 0),
    ArrowUp: () => frame.pan(0, PAN),
    ArrowDown: () => frame.pan(0, -PAN),
    '+': larger,
    '=': larger,
    '-': () => frame.magnify(frame.magnification / STEP),
    0: () => frame.fit(),
    1: () => frame.magnify(1),
    4: () => frame.magnify(4),
  };
}

/**
 * @param {HTMLElement} stage
 * @param {import('./frame.js').Frame} frame
 * @param {() => void} changed
 */
function addWheel(stage, frame, changed) {
  const zoom = (/** @type {WheelEvent} */ event) => {
    event.preventDefault();
    const { x, y } = within(stage, event);
    const turned = event.deltaMode ? event.deltaY * LINE : event.deltaY;
    // Pinching a trackpad comes as a wheel with Ctrl, in small turns.
    const factor = Math.exp(-turned * WHEEL * (event.ctrlKey ? 5 : 1));
    if (factor < 1 && frame.scale * factor <= frame.fitting) frame.fit();
    else frame.magnify(frame.magnification * factor, x, y);
    changed();
  };
  stage.addEventListener('wheel', zoom, { passive: false });
}

/**
 * One pointer moves the picture where it is larger than the stage, else the divider; two pinch.
 * @param {HTMLElement} stage
 * @param {import('./frame.js').Frame} frame
 * @param {() => void} changed
 * @param {(x: number) => void} wipe
 */
function addPointers(stage, frame, changed, wipe) {
  /** @type {Map<number, { x: number, y: number }>} */
  const down = new Map();

  stage.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || /** @type {Element} */ (event.target).closest('button')) return;
    down.set(event.pointerId, within(stage, event));
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener('pointermove', (event) => {
    const last = down.get(event.pointerId);
    if (!last) return;
    const now = within(stage, event);
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const factor = Math.hypot(now.x - other.x, now.y - other.y) / distance(last, other);
      frame.magnify(frame.magnification * factor, (now.x + other.x) / 2, (now.y + other.y) / 2);
      frame.pan((now.x - last.x) / 2, (now.y - last.y) / 2);
    } else if (frame.fitted) {
      wipe(now.x);
    } else {
      frame.pan(now.x - last.x, now.y - last.y);
    }
    down.set(event.pointerId, now);
    changed();
  });
  for (const end of ['pointerup', 'pointercancel']) {
    stage.addEventListener(end, (event) => {
      down.delete(/** @type {PointerEvent} */ (event).pointerId);
      if (!down.size && frame.scale <= frame.fitting) frame.fit();
      changed();
    });
  }
  stage.addEventListener('dblclick', (event) => {
    if (/** @type {Element} */ (event.target).closest('button, [role=slider]')) return;
    const { x, y } = within(stage, event);
    if (frame.fitted) frame.magnify(Math.max(1, frame.magnification * 2), x, y);
    else frame.fit();
    changed();
  });
}

/**
 * @param {{ x: number, y: number }} a
 * @param {{ x: number, y: number }} b
 */
function distance(a, b) {
  return Math.max(Math.hypot(a.x - b.x, a.y - b.y), 1);
}

/**
 * @param {HTMLElement} stage
 * @param {MouseEvent} event
 */
function within(stage, event) {
  const { left, top } = stage.getBoundingClientRect();
  return { x: event.clientX - left, y: event.clientY - top };
}
