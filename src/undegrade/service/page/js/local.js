/** A photo shown from the reader's own disk, until the service has it. */

import { paint } from './layer.js';

const SIDE = 2048;

export class LocalLayer {
  width = 1;
  height = 1;
  /** @type {ImageBitmap | null} */
  #bitmap = null;

  /**
   * @param {string} id
   * @param {File} file
   */
  constructor(id, file) {
    this.id = id;
    this.file = file;
  }

  get isReady() {
    return this.#bitmap !== null;
  }

  /** Read it; browsers cannot read every format, and then nothing is shown yet. */
  async load() {
    try {
      const full = await createImageBitmap(this.file);
      this.width = full.width;
      this.height = full.height;
      const factor = Math.min(1, SIDE / Math.max(full.width, full.height));
      const options = {
        resizeWidth: Math.max(1, Math.round(full.width * factor)),
        resizeHeight: Math.max(1, Math.round(full.height * factor)),
        resizeQuality: /** @type {ResizeQuality} */ ('medium'),
      };
      this.#bitmap = await createImageBitmap(full, options);
      full.close();
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
    }
  }

  close() {
    this.#bitmap?.close();
    this.#bitmap = null;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {import('./camera.js').Camera} camera
   */
  draw(context, camera) {
    const whole = { x: 0, y: 0, width: camera.width, height: camera.height };
    if (this.#bitmap) paint(context, this.#bitmap, camera.place(whole));
  }
}
