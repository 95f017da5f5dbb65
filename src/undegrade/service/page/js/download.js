/** Results become files on the reader's machine. */

import * as api from './api.js';
import { h } from './dom.js';

/**
 * @param {import('./types.js').Version} version
 * @throws {api.Problem} the service has deleted it
 */
export async function download({ job }) {
  await api.job(job.id);
  await save(`jobs/${job.id}/result`, job.name ?? 'photo');
}

/**
 * All of them in one ZIP file; the service must still have each.
 * @param {import('./types.js').Version[]} versions
 */
export async function downloadAll(versions) {
  const ids = versions.map(({ job }) => job.id).join(',');
  await save(`jobs/archive?ids=${ids}`, 'enhanced.zip');
}

/**
 * @param {string} path
 * @param {string} name
 */
async function save(path, name) {
  if (api.isOpen()) {
    press(api.address(path), name);
    return;
  }
  // A link cannot carry the token.
  const url = URL.createObjectURL(await api.file(path));
  press(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/**
 * @param {string} href
 * @param {string} name
 */
function press(href, name) {
  h('a', { href, download: name }).click();
}
