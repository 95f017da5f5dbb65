/** Mouse, pen and fingers on the photo: move, pinch, wheel, double click. */

/**
 * @typedef {object} Moves device pixels, from the left and top of the view
 * @property {(right: number, down: number, left: number) => void} drag one pointer has moved, and
 *   is now so far from the left
 * @property {(ratio: number, left: number, top: number) => void} zoom by a ratio around a place
 * @property {(left: number, top: number) => void} twice a double click, or double tap
 */

/** Wheel pixels that double the size. */
const DOUBLING = 300;
/** Lines and pages of wheels that do not tell pixels. */
const UNITS = [1, 16, 400];
/** A pinch on a touchpad comes as a wheel with Ctrl, in smaller steps. */
const PINCH = 4;

/**
 * @param {HTMLElement} element
 * @param {Moves} moves
 */
export function listen(element, moves) {
  /** @type {Map<number, [number, number]>} */
  const pointers = new Map();

  /** @type {(event: MouseEvent) => [number, number]} */
  const place = (event) => {
    const { left, top } = element.getBoundingClientRect();
    const dense = window.devicePixelRatio;
    return [(event.clientX - left) * dense, (event.clientY - top) * dense];
  };

  element.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
  });
  element.addEventListener('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const ratio = distance(now, other) / Math.max(1, distance(before, other));
      moves.zoom(ratio, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else {
      moves.drag(now[0] - before[0], now[1] - before[1], now[0]);
    }
    pointers.set(event.pointerId, now);
  });
  const leave = (/** @type {PointerEvent} */ event) => pointers.delete(event.pointerId);
  element.addEventListener('pointerup', leave);
  element.addEventListener('pointercancel', leave);
  // One finger may scroll the page; two are for the photo.
  element.addEventListener(
    'touchstart',
    (event) => {
      if (event.touches.length > 1) event.preventDefault();
    },
    { passive: false },
  );
  element.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const turned = event.deltaY * UNITS[event.deltaMode] * (event.ctrlKey ? PINCH : 1);
      moves.zoom(2 ** (-turned / DOUBLING), ...place(event));
    },
    { passive: false },
  );
  element.addEventListener('dblclick', (event) => moves.twice(...place(event)));
}

/**
 * @param {[number, number]} a
 * @param {[number, number]} b
 */
function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}
