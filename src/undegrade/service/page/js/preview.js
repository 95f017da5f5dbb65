/** What the dials would do to the part in sight, square by square, before all of it is enhanced. */

import * as api from './api.js';
import { debounced } from './dom.js';
import { squares } from './grid.js';
import { paint } from './layer.js';
import { srScale, toWishes } from './settings.js';

/** @typedef {import('./types.js').Box} Box */
/** @typedef {import('./types.js').Item} Item */

const SIDE = 512;
/** With more squares in sight than this, each is too small to tell what a dial does. */
const FEW = 6;
/** More would take longer than anybody waits. */
const MOST = 12;
const QUIET = 150;

export class Preview {
  /** @type {Map<string, { box: Box, bitmap: ImageBitmap, of: string }>} */
  #patches = new Map();
  /** @type {AbortController | null} */
  #work = null;
  /** @type {{ item: Item, seen: Box } | null} */
  #wanted = null;
  #soon = debounced(QUIET, () => this.#run());

  /** @param {(working: boolean) => void} onChange there is more to be drawn, or all has come */
  constructor(onChange) {
    this.onChange = onChange;
  }

  get isEmpty() {
    return this.#patches.size === 0;
  }

  /**
   * Whether the part in sight is small enough to judge.
   * @param {Item} item
   * @param {Box} seen
   */
  static fits(item, seen) {
    return squares(seen, item.photo, side(item)).length <= FEW;
  }

  /**
   * Show the item's settings in a part of the photo; what was asked for before is given up.
   * @param {Item} item
   * @param {Box} seen
   */
  show(item, seen) {
    this.#wanted = { item, seen };
    this.#work?.abort();
    this.#soon.soon();
  }

  /** Show no preview any more. */
  clear() {
    this.#soon.cancel();
    this.#work?.abort();
    this.#wanted = null;
    for (const { bitmap } of this.#patches.values()) bitmap.close();
    this.#patches.clear();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {import('./camera.js').Camera} camera
   */
  draw(context, camera) {
    context.imageSmoothingEnabled = camera.zoom < 3;
    for (const { box, bitmap } of this.#patches.values()) paint(context, bitmap, camera.place(box));
  }

  async #run() {
    if (!this.#wanted) return;
    const { item, seen } = this.#wanted;
    const work = new AbortController();
    this.#work = work;
    // Soon, where a network can: a dial is turned many times before all of the photo is enhanced.
    const wishes = { ...toWishes(item.settings), effort: 'fast' };
    const of = JSON.stringify(wishes);
    this.onChange(true);
    try {
      for (const box of squares(seen, item.photo, side(item)).slice(0, MOST)) {
        const key = `${box.key},${side(item)}`;
        if (this.#patches.get(key)?.of === of) continue;
        const { x, y, width, height } = box;
        const blob = await api.preview(item.photo.id, wishes, { x, y, width, height }, work.signal);
        const bitmap = await createImageBitmap(blob);
        if (work.signal.aborted) return bitmap.close();
        this.#drop((other) => other.key === key || (other.of !== of && other.side !== side(item)));
        this.#patches.set(key, { box, bitmap, of });
        this.onChange(true);
      }
      this.#drop((other) => other.of !== of);
    } catch (error) {
      if (error instanceof api.Problem) this.clear();
      else if (!api.isAbort(error)) throw error;
    } finally {
      if (this.#work === work) this.onChange(false);
    }
  }

  /** @param {(patch: { key: string, of: string, side: number }) => boolean} isOver */
  #drop(isOver) {
    for (const [key, { bitmap, of }] of this.#patches) {
      if (isOver({ key, of, side: Number(key.split(',')[2]) })) {
        bitmap.close();
        this.#patches.delete(key);
      }
    }
  }
}

/**
 * @param {Item} item
 * @returns {number} of a square, so that its result has 512 pixels
 */
function side(item) {
  return SIDE / srScale(item.settings);
}
