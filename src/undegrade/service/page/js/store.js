/** The photos on the page: one list, one of them selected, and whoever wants to know of changes. */

import { defaults } from './settings.js';

/** @typedef {import('./types.js').Item} Item */

export class Store {
  /** @type {Item[]} */
  items = [];
  /** @type {Item | null} */
  selected = null;
  /** @type {import('./types.js').Limits | null} */
  limits = null;

  /** @type {Set<(store: Store) => void>} */
  #listeners = new Set();
  #told = true;
  #lastKey = 0;

  /**
   * Call a listener once after changes, however many were made at once.
   * @param {(store: Store) => void} listener
   */
  subscribe(listener) {
    this.#listeners.add(listener);
  }

  /**
   * @param {Partial<Item> & { name: string }} given
   * @returns {Item}
   */
  add(given) {
    this.#lastKey += 1;
    /** @type {Item} */
    const item = {
      key: this.#lastKey,
      file: null,
      state: 'waiting',
      progress: 0,
      secondsLeft: null,
      photo: null,
      plan: null,
      offered: null,
      settings: defaults(),
      versions: [],
      shown: null,
      problem: null,
      refusal: '',
      thumbnail: '',
      work: null,
      job: null,
      ahead: 0,
      ...given,
    };
    this.items.push(item);
    this.selected ??= item;
    this.#changed();
    return item;
  }

  /**
   * @param {Item} item
   * @param {Partial<Item>} changes
   */
  update(item, changes) {
    Object.assign(item, changes);
    this.#changed();
  }

  /** @param {Item} item */
  select(item) {
    this.selected = item;
    this.#changed();
  }

  /**
   * How many photos come before this one.
   * @param {Item} item that waits
   */
  ahead(item) {
    if (item.state === 'queued') return item.ahead;
    return this.items.slice(0, this.items.indexOf(item)).filter(isBusy).length;
  }

  /** @param {Item} item */
  remove(item) {
    const at = this.items.indexOf(item);
    this.items.splice(at, 1);
    if (item.thumbnail) URL.revokeObjectURL(item.thumbnail);
    if (this.selected === item) {
      this.selected = this.items[Math.min(at, this.items.length - 1)] ?? null;
    }
    this.#changed();
  }

  #changed() {
    if (!this.#told) return;
    this.#told = false;
    queueMicrotask(() => {
      this.#told = true;
      for (const listener of this.#listeners) listener(this);
    });
  }
}

/** @param {Item} item */
export function isBusy({ state }) {
  return ['waiting', 'sending', 'looking', 'queued', 'running'].includes(state);
}
