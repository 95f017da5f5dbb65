/** Keeps the plan of the selected photo in step with its settings. */

import * as api from './api.js';
import { debounced } from './dom.js';
import { defaults, pixelKey, toWishes } from './settings.js';
import { inWords } from './trouble.js';

/** @typedef {import('./types.js').Item} Item */

const QUIET = 120;

export class Planner {
  #store;
  /** @type {WeakMap<Item, string>} for which settings a photo has its plan */
  #planned = new WeakMap();
  /** @type {AbortController | null} */
  #work = null;
  #soon = debounced(QUIET, () => this.#run());

  /** @param {import('./store.js').Store} store */
  constructor(store) {
    this.#store = store;
  }

  /** Ask for a new plan where the settings have changed. */
  show() {
    const item = this.#store.selected;
    if (!item?.photo) return;
    const planned = this.#planned.get(item) ?? pixelKey(defaults());
    if (planned === pixelKey(item.settings)) return;
    this.#planned.set(item, pixelKey(item.settings));
    this.#work?.abort();
    this.#soon.soon();
  }

  async #run() {
    const item = this.#store.selected;
    if (!item?.photo) return;
    const { signal } = (this.#work = new AbortController());
    const wishes = toWishes(item.settings);
    const ask = (/** @type {object} */ more) =>
      api.plan(item.photo.id, { ...wishes, ...more }, signal);
    try {
      const plan = await ask({});
      const offered = item.settings.skip.length ? await ask({ skip: [] }) : plan;
      this.#store.update(item, { plan, offered, refusal: '' });
    } catch (error) {
      if (api.isAbort(error)) this.#planned.delete(item);
      else if (error instanceof api.Problem) {
        const { title, detail } = inWords(error, item.name);
        this.#store.update(item, { refusal: `${title}. ${detail}` });
      } else throw error;
    }
  }
}
