/** A picture cut into squares, those in sight first. */

/** @typedef {import('./types.js').Box} Box */

/**
 * The squares that a box touches, those nearest to its middle first.
 * @param {Box} seen
 * @param {{ width: number, height: number }} whole the squares at its border are smaller
 * @param {number} side
 * @returns {(Box & { key: string })[]}
 */
export function squares(seen, whole, side) {
  const found = [];
  for (let y = Math.floor(seen.y / side) * side; y < seen.y + seen.height; y += side) {
    for (let x = Math.floor(seen.x / side) * side; x < seen.x + seen.width; x += side) {
      const width = Math.min(side, whole.width - x);
      const height = Math.min(side, whole.height - y);
      if (width > 0 && height > 0) found.push({ key: `${x},${y}`, x, y, width, height });
    }
  }
  const middle = { x: seen.x + seen.width / 2, y: seen.y + seen.height / 2 };
  const distance = (/** @type {Box} */ box) =>
    Math.hypot(box.x + box.width / 2 - middle.x, box.y + box.height / 2 - middle.y);
  return found.sort((a, b) => distance(a) - distance(b));
}
