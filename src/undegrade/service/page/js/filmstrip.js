/** All photos of the page in a row, each with its state, and its error where there is one. */

import { summary } from './diagnosis.js';
import { byId, h, setAttribute, setText } from './dom.js';
import { inWords } from './trouble.js';

/** @typedef {import('./types.js').Item} Item */

const STATES = {
  waiting: (_, ahead) => (ahead ? `${ahead} before it` : 'Waiting'),
  sending: ({ progress }) => `Sending, ${Math.round(progress * 100)} %`,
  looking: () => 'Looking',
  queued: (_, ahead) => (ahead ? `${ahead} before it` : 'Waiting'),
  running: ({ progress }) => `Enhancing, ${Math.round(progress * 100)} %`,
  done: ({ shown }) => (shown?.job.report.unchanged ? 'Fine as it is' : 'Better'),
  failed: ({ problem }) => inWords(problem).title,
  cancelled: () => 'Cancelled',
};

export class Filmstrip {
  #list = byId('strip');
  /** @type {Map<Item, HTMLElement>} */
  #tiles = new Map();
  #onSelect;
  #onRemove;

  /**
   * @param {(item: Item, isOpened: boolean) => void} onSelect by an arrow key, or opened
   * @param {(item: Item) => void} onRemove
   */
  constructor(onSelect, onRemove) {
    this.#onSelect = onSelect;
    this.#onRemove = onRemove;
    this.#list.addEventListener('keydown', (event) => this.#onKey(event));
  }

  /**
   * Those that failed come first: there is something to be done about them.
   * @param {import('./store.js').Store} store
   */
  show(store) {
    const { items, selected } = store;
    for (const [item, tile] of this.#tiles) {
      if (!items.includes(item)) this.#remove(item, tile);
    }
    const isFailed = (/** @type {Item} */ { state }) => state === 'failed';
    const sorted = [...items.filter(isFailed), ...items.filter((item) => !isFailed(item))];
    sorted.forEach((item, at) => {
      const tile = this.#tiles.get(item) ?? this.#make(item);
      if (this.#list.children[at] !== tile) this.#put(tile, at);
      fill(tile, item, item === selected, store.ahead(item));
    });
  }

  /**
   * Move a tile, and the keyboard with it.
   * @param {HTMLElement} tile
   * @param {number} at
   */
  #put(tile, at) {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    this.#list.insertBefore(tile, this.#list.children[at] ?? null);
    if (tile.contains(focused)) focused.focus();
  }

  /** @param {Item} item */
  #make(item) {
    const tile = h(
      'li',
      { class: 'tile' },
      h(
        'button',
        { type: 'button', class: 'tile-button', 'aria-keyshortcuts': 'Delete', onclick: () => this.#onSelect(item, true) },
        h('span', { class: 'tile-picture' }, h('img', { alt: '', hidden: true })),
        h('span', { class: 'tile-name' }, item.name),
        h('span', { class: 'tile-state' }),
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'tile-remove',
          tabindex: -1, // the keyboard has Delete
          'aria-label': `Remove ${item.name}`,
          onclick: () => this.#onRemove(item),
        },
        '×',
      ),
    );
    this.#tiles.set(item, tile);
    return tile;
  }

  /**
   * @param {Item} item
   * @param {HTMLElement} tile
   */
  #remove(item, tile) {
    const hadFocus = tile.contains(document.activeElement);
    const next = /** @type {HTMLElement | null} */ (tile.nextElementSibling ?? tile.previousElementSibling);
    tile.remove();
    this.#tiles.delete(item);
    if (hadFocus) (next?.querySelector('button') ?? byId('choose')).focus();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const tile = /** @type {Element} */ (event.target).closest('.tile');
    if (!tile) return;
    const itemOf = (/** @type {Element} */ of) => [...this.#tiles].find(([, each]) => each === of)?.[0];
    if (event.key === 'Delete') this.#onRemove(itemOf(tile));
    if (!step) return;
    const other = step < 0 ? tile.previousElementSibling : tile.nextElementSibling;
    const button = /** @type {HTMLElement | null} */ (other?.querySelector('.tile-button') ?? null);
    if (!button) return;
    event.preventDefault();
    button.focus();
    this.#onSelect(itemOf(other), false);
  }
}

/**
 * @param {HTMLElement} tile
 * @param {Item} item
 * @param {boolean} isSelected
 * @param {number} ahead photos that come before it
 */
function fill(tile, item, isSelected, ahead) {
  const button = tile.querySelector('.tile-button');
  const image = tile.querySelector('img');
  if (item.thumbnail && image.src !== item.thumbnail) {
    image.src = item.thumbnail;
    image.hidden = false;
  }
  setAttribute(button, 'aria-current', isSelected ? 'true' : null);
  setAttribute(tile, 'data-state', item.state);
  setText(tile.querySelector('.tile-state'), STATES[item.state](item, ahead));
  setAttribute(button, 'title', item.photo ? summary(item.photo) : item.name);
  if (isSelected && tile.dataset.seen !== 'yes') tile.scrollIntoView({ block: 'nearest' });
  tile.dataset.seen = isSelected ? 'yes' : 'no';
}
