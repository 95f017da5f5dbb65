/** Ask for the token where the service wants one. */

import { byId, setText } from './dom.js';

/**
 * @param {boolean} refused the last one was wrong
 * @returns {Promise<string>}
 */
export function askForToken(refused) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('token'));
  const input = /** @type {HTMLInputElement} */ (byId('token-value'));
  if (refused) setText(byId('token-words'), 'The service does not know this token.');
  input.value = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.oncancel = (event) => event.preventDefault(); // nothing works without it
    dialog.onclose = () => resolve(input.value.trim());
  });
}
