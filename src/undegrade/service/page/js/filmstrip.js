/** All photos of the page in a row, each with its state, and its error where there is one. */

import { summary } from './diagnosis.js';
import { byId, h, setAttribute, setText } from './dom.js';
import { inWords } from './trouble.js';

/** @typedef {import('./types.js').Item} Item */

const STATES = {
  waiting: () => 'Waiting',
  sending: ({ progress }) => `Sending, ${Math.round(progress * 100)} %`,
  looking: () => 'Looking',
  queued: () => 'Waiting',
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
   * @param {(item: Item) => void} onSelect
   * @param {(item: Item) => void} onRemove
   */
  constructor(onSelect, onRemove) {
    this.#onSelect = onSelect;
    this.#onRemove = onRemove;
    this.#list.addEventListener('keydown', (event) => this.#onKey(event));
  }

  /** @param {import('./store.js').Store} store */
  show({ items, selected }) {
    for (const [item, tile] of this.#tiles) {
      if (!items.includes(item)) this.#remove(item, tile);
    }
    for (const item of items) {
      const tile = this.#tiles.get(item) ?? this.#make(item);
      fill(tile, item, item === selected);
    }
  }

  /** @param {Item} item */
  #make(item) {
    const tile = h(
      'li',
      { class: 'tile' },
      h(
        'button',
        { type: 'button', class: 'tile-button', onclick: () => this.#onSelect(item) },
        h('span', { class: 'tile-picture' }, h('img', { alt: '', hidden: true })),
        h('span', { class: 'tile-name' }, item.name),
        h('span', { class: 'tile-state' }),
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'tile-remove',
          'aria-label': `Remove ${item.name}`,
          onclick: () => this.#onRemove(item),
        },
        '×',
      ),
    );
    this.#tiles.set(item, tile);
    this.#list.append(tile);
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
    if (!step || !tile) return;
    const other = step < 0 ? tile.previousElementSibling : tile.nextElementSibling;
    const button = /** @type {HTMLElement | null} */ (other?.querySelector('.tile-button') ?? null);
    if (!button) return;
    event.preventDefault();
    button.focus();
    button.click();
  }
}

/**
 * @param {HTMLElement} tile
 * @param {Item} item
 * @param {boolean} isSelected
 */
function fill(tile, item, isSelected) {
  const button = tile.querySelector('.tile-button');
  const image = tile.querySelector('img');
  if (item.thumbnail && image.src !== item.thumbnail) {
    image.src = item.thumbnail;
    image.hidden = false;
  }
  setAttribute(button, 'aria-current', isSelected ? 'true' : null);
  setAttribute(tile, 'data-state', item.state);
  setText(tile.querySelector('.tile-state'), STATES[item.state](item));
  setAttribute(button, 'title', item.photo ? summary(item.photo) : item.name);
  if (isSelected && tile.dataset.seen !== 'yes') tile.scrollIntoView({ block: 'nearest' });
  tile.dataset.seen = isSelected ? 'yes' : 'no';
}
