/** A picture that the service holds: a rendering of the whole, and exact tiles where one looks. */

import * as api from './api.js';
import { makeLane } from './lane.js';

/** @typedef {import('./types.js').Box} Box */

const WHOLE = 2048;
const TILE = 512;
const KEPT = 80;
const AT_A_TIME = 3;
/** Device pixels per pixel from which the rendering of the whole is no longer good enough. */
const CLOSE = 0.75;

const lane = makeLane(AT_A_TIME);

export class Layer {
  #kind;
  #id;
  #changed;
  #closing = new AbortController();
  /** @type {ImageBitmap | null} */
  #whole = null;
  /** @type {Map<string, { box: Box, bitmap: ImageBitmap | null, loading: AbortController }>} */
  #tiles = new Map();

  /**
   * @param {'photos' | 'jobs'} kind
   * @param {string} id
   * @param {number} width
   * @param {number} height
   * @param {() => void} changed called when there is more to be drawn
   */
  constructor(kind, id, width, height, changed) {
    this.#kind = kind;
    this.#id = id;
    this.width = width;
    this.height = height;
    this.#changed = changed;
    /** Resolves once the whole can be drawn. */
    this.ready = this.#open();
  }

  get key() {
    return `${this.#kind}/${this.#id}`;
  }

  /**
   * Load what is needed to show a part, and stop loading what is not.
   * @param {Box} seen in pixels of the picture
   * @param {number} magnification device pixels per pixel
   */
  want(seen, magnification) {
    const ratio = this.#whole ? this.#whole.width / this.width : 1;
    const needed = this.#whole && magnification >= Math.max(CLOSE, ratio * CLOSE);
    const boxes = needed ? tilesOf(seen, this.width, this.height) : new Map();
    for (const [key, tile] of this.#tiles) {
      if (!tile.bitmap && !boxes.has(key)) {
        tile.loading.abort();
        this.#tiles.delete(key);
      }
    }
    for (const [key, box] of boxes) {
      const tile = this.#tiles.get(key);
      this.#tiles.delete(key); // those wanted last are dropped last
      if (tile) this.#tiles.set(key, tile);
      else this.#load(key, box);
    }
    for (const [key, tile] of this.#tiles) {
      if (this.#tiles.size <= KEPT) break;
      tile.bitmap?.close();
      this.#tiles.delete(key);
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Box} place of the picture on the canvas, in device pixels
   */
  draw(context, place) {
    if (this.#whole) drawAt(context, this.#whole, place);
    for (const { box, bitmap } of this.#tiles.values()) {
      if (bitmap) drawAt(context, bitmap, part(box, this.width, this.height, place));
    }
  }

  close() {
    this.#closing.abort();
    this.#whole?.close();
    for (const tile of this.#tiles.values()) {
      tile.loading.abort();
      tile.bitmap?.close();
    }
    this.#tiles.clear();
  }

  async #open() {
    const blob = await quietly(api.view(this.#kind, this.#id, WHOLE, this.#closing.signal));
    if (!blob) return;
    const bitmap = await createImageBitmap(blob);
    if (this.#closing.signal.aborted) return bitmap.close();
    this.#whole = bitmap;
    this.#changed();
  }

  /**
   * @param {string} key
   * @param {Box} box
   */
  async #load(key, box) {
    const loading = new AbortController();
    const tile = { box, bitmap: null, loading };
    this.#tiles.set(key, tile);
    const { signal } = loading;
    const blob = await quietly(lane(() => api.crop(this.#kind, this.#id, box, signal), signal));
    const bitmap = blob && (await createImageBitmap(blob));
    if (this.#tiles.get(key) !== tile) return bitmap?.close();
    if (bitmap) tile.bitmap = bitmap;
    else this.#tiles.delete(key);
    this.#changed();
  }
}

/**
 * @param {Box} box part of a picture
 * @param {number} width of the picture
 * @param {number} height
 * @param {Box} place of the whole picture on the canvas
 * @returns {Box} where the part lies on the canvas
 */
export function part(box, width, height, place) {
  const across = place.width / width;
  const down = place.height / height;
  return {
    x: place.x + box.x * across,
    y: place.y + box.y * down,
    width: box.width * across,
    height: box.height * down,
  };
}

/**
 * Edges lie on whole pixels, so that neighbours meet.
 * @param {CanvasRenderingContext2D} context
 * @param {ImageBitmap} bitmap
 * @param {Box} place
 */
export function drawAt(context, bitmap, place) {
  const left = Math.round(place.x);
  const top = Math.round(place.y);
  const right = Math.round(place.x + place.width);
  const bottom = Math.round(place.y + place.height);
  context.drawImage(bitmap, left, top, right - left, bottom - top);
}

/**
 * @param {Box} seen
 * @param {number} width
 * @param {number} height
 * @returns {Map<string, Box>}
 */
function tilesOf(seen, width, height) {
  const boxes = new Map();
  for (let y = Math.floor(seen.y / TILE) * TILE; y < seen.y + seen.height; y += TILE) {
    for (let x = Math.floor(seen.x / TILE) * TILE; x < seen.x + seen.width; x += TILE) {
      const box = { x, y, width: Math.min(TILE, width - x), height: Math.min(TILE, height - y) };
      if (box.width > 0 && box.height > 0) boxes.set(`${x},${y}`, box);
    }
  }
  return boxes;
}

/**
 * A part that cannot be had is left as blurred as it is: it is asked for again when one looks.
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T | null>}
 */
async function quietly(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof api.Problem || api.isAbort(error)) return null;
    throw error;
  }
}
