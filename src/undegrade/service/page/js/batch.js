/** All photos together: how far they are, what is missing, what can be done with all of them. */

import { byId, setAttribute, setText } from './dom.js';
import { isBusy } from './store.js';
import { inWords, isFinal } from './trouble.js';
import { counted, duration, list } from './words.js';

/** @typedef {import('./types.js').Item} Item */

/** Share of the whole from which the time left is told by the pace so far. */
const SURE = 0.1;
const NAMED = 3;

export class Batch {
  /** @type {Set<Item>} begun since nothing was busy */
  #members = new Set();
  #begun = 0;

  /** @param {Item[]} items */
  show(items) {
    const { members, share } = this.#follow(items);
    const busy = members.filter(isBusy);
    const failed = items.filter(({ state }) => state === 'failed');
    byId('batch').hidden = items.length < 2;
    setText(byId('batch-text'), busy.length ? `${members.length - busy.length} of ${members.length} done` : told(items));
    const left = busy.length ? this.#left(busy, share) : '';
    setText(byId('batch-left'), left);
    const bar = byId('batch-progress');
    bar.hidden = busy.length === 0;
    const percent = Math.floor(share * 100);
    setAttribute(bar, 'aria-valuenow', percent);
    setAttribute(bar, 'aria-valuetext', left ? `${percent} %, ${left}` : null);
    bar.style.setProperty('--share', `${percent}%`);
    const again = failed.filter(canRetry).length;
    byId('retry-failed').hidden = again === 0;
    setText(byId('retry-failed'), `Retry ${again} failed`);
    const results = items.filter(({ shown }) => shown).length;
    byId('download-all').hidden = results === 0 || items.length < 2;
    const all = results === items.length ? `${results}` : `${results} of ${items.length}`;
    setText(byId('download-all'), `Download ${results === items.length ? 'all ' : ''}${all}`);
  }

  /**
   * @param {Item[]} items
   * @returns {{ members: Item[], share: number }} of the photos begun together, and how far they are
   */
  #follow(items) {
    if (!items.some(isBusy)) this.#members.clear();
    else if (!this.#members.size) this.#begun = Date.now();
    for (const item of items) if (isBusy(item)) this.#members.add(item);
    const members = items.filter((item) => this.#members.has(item));
    const share = members.reduce((sum, item) => sum + done(item), 0) / Math.max(1, members.length);
    return { members, share };
  }

  /**
   * @param {Item[]} busy
   * @param {number} share of all that is done
   */
  #left(busy, share) {
    const planned = busy.map(({ plan }) => plan?.seconds_estimated ?? 0);
    const spent = (Date.now() - this.#begun) / 1000;
    const sum = planned.reduce((a, b) => a + b, 0);
    const seconds = share > SURE ? (spent * (1 - share)) / share : planned.every(Boolean) ? sum : 0;
    return seconds ? `about ${duration(seconds)} left` : '';
  }
}

/**
 * Why the photos without a result have none.
 * @param {Item[]} items
 * @returns {string} empty where none is missing
 */
export function missing(items) {
  const without = items.filter(({ shown }) => !shown);
  if (!without.length) return '';
  const why = (/** @type {Item} */ item) => {
    if (item.state === 'failed' && item.problem) return inWords(item.problem).title;
    return isBusy(item) ? 'not done yet' : 'cancelled';
  };
  const named = without.slice(0, NAMED).map((item) => `${item.name} (${why(item)})`);
  const more = without.length - named.length;
  return `Not in the ZIP file: ${list(more ? [...named, `${more} more`] : named)}.`;
}

/** @param {Item} item */
export function canRetry({ state, problem, file, photo }) {
  return state === 'failed' && !isFinal(problem) && Boolean(file || photo);
}

/**
 * @param {Item} item
 * @returns {number} share of its way through the service
 */
function done({ state, progress }) {
  const shares = { waiting: 0, sending: progress * 0.2, looking: 0.2, queued: 0.3, running: 0.3 + progress * 0.7 };
  return shares[state] ?? 1;
}

/** @param {Item[]} items */
function told(items) {
  const count = (/** @type {(item: Item) => unknown} */ is) => items.filter(is).length;
  const kept = count(({ state, shown }) => state === 'done' && shown.job.report.unchanged);
  const parts = [
    [count(({ state }) => state === 'failed'), 'failed'],
    [count(({ state }) => state === 'done') - kept, 'better'],
    [kept, 'fine as before'],
    [count(({ state }) => state === 'cancelled'), 'cancelled'],
  ];
  return `${counted(items.length, 'photo')}: ${list(parts.filter(([n]) => n).map(([n, what]) => `${n} ${what}`))}`;
}
