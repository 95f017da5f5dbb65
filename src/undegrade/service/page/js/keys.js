/** Single keys: `?` anywhere, letters at the photo and its row; and undo as everywhere. */

import { byId } from './dom.js';

/**
 * @typedef {object} Actions
 * @property {() => void} full
 * @property {() => void} grid
 * @property {() => void} side
 * @property {(isOn: boolean) => void} hold
 * @property {(step: number) => void} go to another photo
 * @property {(way: 'undo' | 'redo') => void} change
 */

/** @param {Actions} actions */
export function listenForKeys({ full, grid, side, hold, go, change }) {
  const help = /** @type {HTMLDialogElement} */ (byId('help'));
  const open = () => help.showModal();
  byId('help-open').addEventListener('click', open);
  const letters = {
    f: full,
    g: grid,
    s: side,
    b: () => hold(true),
    n: () => go(1),
    p: () => go(-1),
  };
  document.addEventListener('keydown', (event) => {
    const target = /** @type {Element} */ (event.target);
    if (event.defaultPrevented || event.altKey || target.closest('dialog, select')) return;
    const key = event.key.toLowerCase();
    let action = null;
    if (event.ctrlKey || event.metaKey) {
      if (key === 'z') action = () => change(event.shiftKey ? 'redo' : 'undo');
      if (key === 'y') action = () => change('redo');
    } else if (key === '?') {
      action = open;
    } else if (target === document.body || target.closest('.stage, .strip')) {
      action = letters[key];
    }
    if (!action) return;
    event.preventDefault();
    if (!event.repeat || key === 'z') action();
  });
  document.addEventListener('keyup', ({ key }) => {
    if (key.toLowerCase() === 'b') hold(false);
  });
  window.addEventListener('blur', () => hold(false));
}
