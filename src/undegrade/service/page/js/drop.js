/** Photos come in: dropped anywhere, pasted, or chosen. */

import { byId } from './dom.js';

/** @param {(files: File[]) => void} add */
export function listenForPhotos(add) {
  const hint = byId('drop-hint');
  const input = /** @type {HTMLInputElement} */ (byId('files'));

  for (const id of ['add', 'choose']) byId(id).addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    add(Array.from(input.files ?? []));
    input.value = ''; // so that the same file can be chosen again
  });

  document.addEventListener('paste', (event) => {
    const files = Array.from(event.clipboardData?.files ?? []);
    if (files.length) add(files);
  });

  // Every element on the way tells of entering and leaving; the page is left when all are.
  let depth = 0;
  const show = (/** @type {number} */ now) => {
    depth = now;
    hint.hidden = depth === 0;
  };
  document.addEventListener('dragenter', (event) => {
    if (hasFiles(event)) show(depth + 1);
  });
  document.addEventListener('dragleave', (event) => {
    if (hasFiles(event)) show(Math.max(0, depth - 1));
  });
  document.addEventListener('dragover', (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  document.addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    show(0);
    add(Array.from(event.dataTransfer?.files ?? []));
  });
}

/** @param {DragEvent} event */
function hasFiles(event) {
  return event.dataTransfer?.types.includes('Files') ?? false;
}
