/** What went wrong with a photo, in plain words, beside it. */

import { byId, setText } from './dom.js';
import { sentence } from './words.js';

/** @typedef {import('./api.js').Problem} Problem */

/** Titles that say more than the service's own, which are for programs too. */
const TITLES = {
  'not-a-photo': 'This is no photo that can be read',
  'too-large': 'This photo is too large',
  gone: 'It has been deleted from the service',
  'not-found': 'It has been deleted from the service',
  busy: 'The service has too much to do',
  wishes: 'This cannot be done with this photo',
  invalid: 'This cannot be done with this photo',
  storage: 'The service has no room left',
  stopping: 'The service is stopping',
  time: 'This takes longer than the service allows',
  worker: 'The work broke off',
};

/** Trying again without a change would fail again. */
const FINAL = new Set(['not-a-photo', 'too-large', 'unreadable']);

/** @param {Problem | null} problem */
export function isFinal(problem) {
  return Boolean(problem && FINAL.has(problem.kind));
}

/**
 * @param {Problem} problem
 * @param {string} [name] of the photo; the service does not call it by its name
 * @returns {{ title: string, detail: string, hint: string }}
 */
export function inWords(problem, name = 'the photo') {
  const title = TITLES[problem.kind] ?? (problem.title || 'Something went wrong');
  const told = (/** @type {string} */ text) => (text ? `${sentence(text)}.` : '');
  const detail = problem.detail.replaceAll("'the photo'", name);
  return { title, detail: told(detail), hint: told(problem.hint) };
}

/** @param {import('./types.js').Item} item */
export function showTrouble({ name, state, problem, file, photo, shown }) {
  const box = byId('trouble');
  box.hidden = state !== 'failed' || !problem;
  if (box.hidden) return;
  const { title, detail, hint } = inWords(problem, name);
  setText(byId('trouble-title'), title);
  setText(byId('trouble-detail'), detail);
  setText(byId('trouble-hint'), hint);
  byId('retry').hidden = isFinal(problem) || !(file || photo);
  setText(byId('discard'), shown ? 'Back' : 'Remove');
}
