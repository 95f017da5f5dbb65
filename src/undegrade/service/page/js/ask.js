/** A question before something that cannot be taken back. */

import { byId, setText } from './dom.js';

/**
 * @param {string} question
 * @param {string} detail
 * @param {string} yes what the button says
 * @returns {Promise<boolean>}
 */
export function ask(question, detail, yes) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('ask'));
  setText(byId('ask-title'), question);
  setText(byId('ask-words'), detail);
  setText(byId('ask-yes'), yes);
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === 'yes');
  });
}
