/** What has happened out of sight or out of focus, for eyes and for screen readers. */

import { byId, setText } from './dom.js';

/**
 * @param {string} text
 * @param {boolean} [isUrgent] interrupts what is being said
 */
export function announce(text, isUrgent = false) {
  const region = byId(isUrgent ? 'urgent' : 'polite');
  region.textContent = '';
  // The same text said twice is only heard twice when it is a change.
  requestAnimationFrame(() => {
    region.textContent = text;
  });
}

/**
 * Say it, and show it until something else is done.
 * @param {string} text
 */
export function note(text) {
  announce(text);
  setText(byId('note'), text);
  byId('note').hidden = false;
}

for (const kind of ['pointerdown', 'keydown']) {
  document.addEventListener(kind, () => (byId('note').hidden = true), { capture: true });
}
