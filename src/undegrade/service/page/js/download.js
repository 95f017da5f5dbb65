/** Results become files on the reader's machine. */

import * as api from './api.js';
import { h } from './dom.js';

/** @param {import('./types.js').Version} version */
export function download({ job }) {
  return save(`jobs/${job.id}/result`, job.name ?? 'photo');
}

/**
 * All of them in one ZIP file.
 * @param {import('./types.js').Version[]} versions
 */
export function downloadAll(versions) {
  const ids = versions.map(({ job }) => job.id).join(',');
  return save(`jobs/archive?ids=${ids}`, 'enhanced.zip');
}

/**
 * @param {string} path
 * @param {string} name
 */
async function save(path, name) {
  if (api.isOpen()) return press(api.address(path), name);
  // A link cannot carry the token.
  const url = URL.createObjectURL(await api.file(path));
  press(url, name);
  return setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/**
 * @param {string} href
 * @param {string} name
 */
function press(href, name) {
  h('a', { href, download: name }).click();
}
