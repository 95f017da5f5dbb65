/** Numbers and names as people say them. */

/**
 * @param {number} bytes
 * @returns {string} such as `1.2 MB`
 */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${Math.round(bytes / 1000)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/**
 * @param {number} seconds
 * @returns {string} such as `8 s`, `2 min`, `1 hour`
 */
export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  const hours = Math.round(seconds / 3600);
  return hours === 1 ? '1 hour' : `${hours} hours`;
}

/**
 * @param {number} width
 * @param {number} height
 * @returns {string} such as `2000 × 1500`
 */
export function pixels(width, height) {
  return `${width} × ${height}`;
}

/**
 * @param {string} text
 * @returns {string} with a capital first letter
 */
export function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * @param {readonly string[]} parts
 * @param {string} [last] word before the last
 * @returns {string} such as `a, b and c`
 */
export function list(parts, last = 'and') {
  if (parts.length < 2) return parts.join('');
  return `${parts.slice(0, -1).join(', ')} ${last} ${parts[parts.length - 1]}`;
}

/**
 * @param {number} count
 * @param {string} noun
 * @returns {string} such as `1 photo`, `3 photos`
 */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
