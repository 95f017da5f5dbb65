/** Photos come in: dropped anywhere, with their folders, pasted, or chosen. */

import { note } from './announce.js';
import { byId } from './dom.js';
import { counted } from './words.js';

/** Photos that browsers do not know as pictures. */
const SUFFIXES = /\.(heic|heif|hif|tiff?|avif|jp2|jxl|webp|dng|cr[23]|nef|arw|raf|orf|rw2)$/i;

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
  document.addEventListener('drop', async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    show(0);
    add(await dropped(event.dataTransfer));
  });
}

/** @param {DragEvent} event */
function hasFiles(event) {
  return event.dataTransfer?.types.includes('Files') ?? false;
}

/**
 * @param {DataTransfer} transfer its items are gone once this waits
 * @returns {Promise<File[]>} what was dropped; of folders all photos in them
 */
async function dropped(transfer) {
  const files = Array.from(transfer.files);
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry?.() ?? null);
  const folders = entries.filter((entry) => entry?.isDirectory);
  if (!folders.length) return files;
  const names = new Set(folders.map(({ name }) => name));
  const alone = files.filter(({ name }) => !names.has(name));
  const inside = (await Promise.all(folders.map(walk))).flat();
  const photos = inside.filter(isPhoto);
  const others = inside.length - photos.length;
  const noun = folders.length === 1 ? 'the folder' : 'the folders';
  if (!photos.length) note(`There are no photos in ${noun}.`);
  else if (others) note(`${counted(others, 'file')} in ${noun}, no photos by their names, passed over.`);
  return [...alone, ...photos];
}

/**
 * @param {any} entry of a file system
 * @returns {Promise<File[]>} all files below, by name; what cannot be read is left out
 */
async function walk(entry) {
  const asked = (/** @type {(...given: any[]) => void} */ ask) =>
    new Promise((resolve) => ask(resolve, () => resolve(null)));
  if (entry.name.startsWith('.')) return [];
  if (entry.isFile) {
    const file = await asked((...then) => entry.file(...then));
    return file ? [file] : [];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // A folder is read in parts, until nothing comes.
    const part = await asked((...then) => reader.readEntries(...then));
    if (!part?.length) break;
    found.push(...part);
  }
  found.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  return (await Promise.all(found.map(walk))).flat();
}

/** @param {File} file */
function isPhoto({ name, type }) {
  return type.startsWith('image/') || SUFFIXES.test(name);
}
