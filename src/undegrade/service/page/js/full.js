/** The photo alone on the whole screen; where the browser cannot, in the whole window. */

import { byId, setAttribute } from './dom.js';

const OTHERS = ['bar', 'strip-part', 'panel'];

export function isFull() {
  return document.body.classList.contains('is-full');
}

/** @param {boolean} isOn */
export async function showFull(isOn) {
  if (isOn === isFull()) return;
  document.body.classList.toggle('is-full', isOn);
  for (const id of OTHERS) byId(id).inert = isOn;
  setAttribute(byId('full'), 'aria-pressed', String(isOn));
  try {
    if (isOn) await document.documentElement.requestFullscreen?.();
    else if (document.fullscreenElement) await document.exitFullscreen();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it is not allowed here
  }
}

document.addEventListener('fullscreenchange', () => {
  if (!document.fullscreenElement) showFull(false);
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && !document.querySelector('dialog[open]')) showFull(false);
});
