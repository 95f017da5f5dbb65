/** How far the photo is, how long it takes, and a way out. */

import { byId, setAttribute, setText } from './dom.js';
import { isBusy } from './store.js';
import { duration } from './words.js';

/** @typedef {import('./types.js').Item} Item */

const WORDS = {
  waiting: 'Waiting for its turn',
  sending: 'Sending',
  looking: 'Looking at it',
  queued: 'Waiting for its turn',
  running: 'Enhancing',
};
const WAITING = new Set(['waiting', 'queued']);
/** States that tell how far they are. */
const MEASURED = new Set(['sending', 'running']);

/**
 * @param {Item} item
 * @param {number} ahead photos that come before it
 */
export function showProgress(item, ahead) {
  const { state, progress, secondsLeft } = item;
  byId('status').hidden = !isBusy(item);
  if (!isBusy(item)) return;
  setText(byId('status-text'), WORDS[state]);
  const place = WAITING.has(state) && ahead ? `${ahead} before it` : '';
  const left = state === 'running' && secondsLeft ? `${duration(secondsLeft)} left` : place;
  setText(byId('status-left'), left);
  const bar = byId('progress');
  const percent = Math.round(progress * 100);
  setAttribute(bar, 'aria-valuenow', MEASURED.has(state) ? percent : null);
  setAttribute(bar, 'aria-valuetext', MEASURED.has(state) && left ? `${percent} %, ${left}` : null);
  bar.classList.toggle('is-open', !MEASURED.has(state));
  bar.style.setProperty('--share', `${percent}%`);
}
