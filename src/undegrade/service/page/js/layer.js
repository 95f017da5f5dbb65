/** One picture of the comparison: a rendering of the whole, and exact squares where one zooms in. */

import * as api from './api.js';
import { squares } from './grid.js';

/** @typedef {import('./types.js').Box} Box */

const BASE_SIDE = 2048;
const SIDE = 512;
/** Device pixels along one pixel of the picture from which the exact pixels are fetched. */
const EXACT = 0.7;
/** From which they are shown as squares. */
const SQUARE = 3;
const AT_ONCE = 3;
const KEPT = 64;

export class Layer {
  /** @type {ImageBitmap | null} */
  #base = null;
  /** @type {Map<string, ImageBitmap>} */
  #tiles = new Map();
  /** @type {Map<string, AbortController>} */
  #coming = new Map();
  /** @type {Set<string>} squares that could not be had */
  #missing = new Set();
  #closed = new AbortController();

  /**
   * @param {'photos' | 'jobs'} kind
   * @param {string} id
   * @param {number} width of the picture
   * @param {number} height
   * @param {() => void} onChange there is more to be drawn
   */
  constructor(kind, id, width, height, onChange) {
    this.kind = kind;
    this.id = id;
    this.width = width;
    this.height = height;
    this.onChange = onChange;
  }

  /** Whether there is anything to be drawn. */
  get isReady() {
    return this.#base !== null;
  }

  /** Fetch the rendering of the whole; a picture that cannot be fetched stays empty. */
  async load() {
    const side = Math.min(BASE_SIDE, Math.max(16, this.width, this.height));
    await this.#fetch(api.view(this.kind, this.id, side, this.#closed.signal), (bitmap) => {
      this.#base = bitmap;
    });
  }

  /** Let go of everything. */
  close() {
    this.#closed.abort();
    for (const coming of this.#coming.values()) coming.abort();
    this.#base?.close();
    this.#base = null;
    for (const tile of this.#tiles.values()) tile.close();
    this.#tiles.clear();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {import('./camera.js').Camera} camera
   */
  draw(context, camera) {
    if (!this.#base) return;
    const factor = this.width / camera.width;
    const zoom = camera.scale / factor;
    context.imageSmoothingEnabled = zoom < SQUARE || factor < camera.factor;
    context.imageSmoothingQuality = 'high';
    const whole = { x: 0, y: 0, width: camera.width, height: camera.height };
    paint(context, this.#base, camera.place(whole));
    const wanted = zoom < EXACT ? [] : squares(scaled(camera.seen, factor), this, SIDE);
    for (const square of wanted) {
      const tile = this.#tiles.get(square.key);
      if (tile) paint(context, tile, camera.place(scaled(square, 1 / factor)));
    }
    this.#want(wanted);
  }

  /**
   * Fetch what is in sight and not there yet; what has left the sight is not waited for.
   * @param {(Box & { key: string })[]} wanted
   */
  #want(wanted) {
    const keys = new Set(wanted.map(({ key }) => key));
    for (const [key, coming] of this.#coming) if (!keys.has(key)) coming.abort();
    for (const square of wanted) {
      const { key } = square;
      if (this.#coming.size >= AT_ONCE) break;
      if (!this.#tiles.has(key) && !this.#coming.has(key) && !this.#missing.has(key)) {
        this.#fetchTile(square);
      }
    }
  }

  /** @param {Box & { key: string }} square */
  async #fetchTile(square) {
    const { key } = square;
    const coming = new AbortController();
    this.#coming.set(key, coming);
    const keep = (/** @type {ImageBitmap} */ bitmap) => {
      this.#tiles.set(key, bitmap);
      if (this.#tiles.size <= KEPT) return;
      const [oldest, tile] = this.#tiles.entries().next().value;
      tile.close();
      this.#tiles.delete(oldest);
    };
    const cropping = api.crop(this.kind, this.id, square, coming.signal);
    const came = await this.#fetch(cropping, keep);
    if (!came && !coming.signal.aborted) this.#missing.add(key);
    this.#coming.delete(key);
    if (!this.#closed.signal.aborted) this.onChange();
  }

  /**
   * @param {Promise<Blob>} fetching
   * @param {(bitmap: ImageBitmap) => void} keep
   * @returns {Promise<boolean>} whether it came
   */
  async #fetch(fetching, keep) {
    try {
      const bitmap = await createImageBitmap(await fetching);
      if (this.#closed.signal.aborted) bitmap.close();
      else keep(bitmap);
      return true;
    } catch (error) {
      if (error instanceof api.Problem || error instanceof DOMException) return false;
      throw error;
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {ImageBitmap} bitmap
 * @param {Box} place
 */
export function paint(context, bitmap, place) {
  context.drawImage(bitmap, place.x, place.y, place.width, place.height);
}

/**
 * @param {Box} box
 * @param {number} factor
 * @returns {Box}
 */
function scaled({ x, y, width, height }, factor) {
  return { x: x * factor, y: y * factor, width: width * factor, height: height * factor };
}
