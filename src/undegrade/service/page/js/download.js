/** Results become files on the reader's machine, or go to its clipboard and other programs. */

import * as api from './api.js';
import { h } from './dom.js';

/** @typedef {import('./types.js').Version} Version */

/** Longest side of a picture that goes by way of a rendering. */
const SIDE = 4096;

/**
 * @param {Version} version
 * @throws {api.Problem} the service has deleted it
 */
export async function download({ job }) {
  await api.job(job.id);
  await save(`jobs/${job.id}/result`, job.name ?? 'photo');
}

/**
 * All of them in one ZIP file; the service must still have each.
 * @param {Version[]} versions
 */
export async function downloadAll(versions) {
  const ids = versions.map(({ job }) => job.id).join(',');
  await save(`jobs/archive?ids=${ids}`, 'enhanced.zip');
}

/** Whether results can go to the clipboard here; not where the page came over plain HTTP. */
export function canCopy() {
  return typeof ClipboardItem === 'function' && Boolean(navigator.clipboard?.write);
}

/** Whether results can be handed to other programs here. */
export function canShare() {
  return Boolean(navigator.canShare?.({ files: [new File([''], 'photo.jpg', { type: 'image/jpeg' })] }));
}

/** @param {Version} version */
export async function copy({ job }) {
  // The browser must be told at once; what it is told may come later.
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': png(job.id) })]);
}

/** @param {Version} version */
export async function share({ job }) {
  const blob = await api.file(`jobs/${job.id}/result`);
  await navigator.share({ files: [new File([blob], job.name ?? 'photo', { type: blob.type })] });
}

/**
 * Clipboards know PNG only.
 * @param {string} id of a job
 */
async function png(id) {
  const blob = await api.file(`jobs/${id}/result`);
  if (blob.type === 'image/png') return blob;
  const bitmap = await createImageBitmap(blob).catch(async () =>
    createImageBitmap(await api.view('jobs', id, SIDE)),
  );
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas.convertToBlob({ type: 'image/png' });
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
