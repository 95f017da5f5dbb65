/** What a screen reader says when something has happened out of focus. */

import { byId } from './dom.js';

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
