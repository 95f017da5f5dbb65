/** Which part of a picture is seen, and how large: arithmetic only. */

const LARGEST = 8;
const MARGIN = 12;

/** A picture behind a window. Lengths of the window are CSS pixels. */
export class Frame {
  /** Of the picture, in its pixels. */
  width = 1;
  height = 1;
  /** Of the window. */
  windowWidth = 1;
  windowHeight = 1;
  /** Device pixels per CSS pixel. */
  density = 1;
  /** CSS pixels per pixel of the picture. */
  scale = 1;
  /** What lies in the middle of the window, in pixels of the picture. */
  x = 0.5;
  y = 0.5;
  /** Whether the whole picture is shown, whatever becomes of the window. */
  fitted = true;

  /** @returns {number} the scale at which all of it is seen */
  get fitting() {
    const across = (this.windowWidth - 2 * MARGIN) / this.width;
    const down = (this.windowHeight - 2 * MARGIN) / this.height;
    return Math.max(Math.min(across, down), 1e-3);
  }

  /** @returns {number} device pixels per pixel of the picture */
  get magnification() {
    return this.scale * this.density;
  }

  /** @returns {import('./types.js').Box} the picture in the window */
  get place() {
    return {
      x: this.windowWidth / 2 - this.x * this.scale,
      y: this.windowHeight / 2 - this.y * this.scale,
      width: this.width * this.scale,
      height: this.height * this.scale,
    };
  }

  /** @returns {import('./types.js').Box} what is seen, in pixels of the picture */
  get seen() {
    const { x, y } = this.place;
    const left = Math.max(0, -x / this.scale);
    const top = Math.max(0, -y / this.scale);
    const right = Math.min(this.width, (this.windowWidth - x) / this.scale);
    const bottom = Math.min(this.height, (this.windowHeight - y) / this.scale);
    return { x: left, y: top, width: right - left, height: bottom - top };
  }

  /**
   * @param {number} width of the window
   * @param {number} height
   * @param {number} density
   */
  resize(width, height, density) {
    Object.assign(this, { windowWidth: width, windowHeight: height, density });
    this.#settle();
  }

  /**
   * Another picture of the same thing, perhaps larger: the same part of it stays in view.
   * @param {number} width
   * @param {number} height
   */
  replace(width, height) {
    const factor = width / this.width;
    this.x *= factor;
    this.y *= height / this.height;
    this.scale /= factor;
    Object.assign(this, { width, height });
    this.#settle();
  }

  /**
   * Another picture, all of it.
   * @param {number} width
   * @param {number} height
   */
  open(width, height) {
    Object.assign(this, { width, height });
    this.fit();
  }

  fit() {
    this.fitted = true;
    this.#settle();
  }

  /**
   * @param {number} magnification in device pixels per pixel of the picture
   * @param {number} [atX] what stays where it is, in the window
   * @param {number} [atY]
   */
  magnify(magnification, atX = this.windowWidth / 2, atY = this.windowHeight / 2) {
    const least = Math.min(this.fitting, 1 / this.density);
    const most = Math.max(LARGEST / this.density, this.fitting);
    const scale = Math.min(Math.max(magnification / this.density, least), most);
    const shift = 1 / this.scale - 1 / scale;
    this.x += (atX - this.windowWidth / 2) * shift;
    this.y += (atY - this.windowHeight / 2) * shift;
    this.scale = scale;
    this.fitted = false;
    this.#settle();
  }

  /**
   * @param {number} dx CSS pixels by which the picture moves
   * @param {number} dy
   */
  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.#settle();
  }

  #settle() {
    if (this.fitted) this.scale = this.fitting;
    this.x = within(this.x, this.width, this.windowWidth / this.scale);
    this.y = within(this.y, this.height, this.windowHeight / this.scale);
  }
}

/**
 * @param {number} middle
 * @param {number} length of the picture
 * @param {number} window in the picture's pixels
 * @returns {number} the middle, moved so that no more emptiness shows than must
 */
function within(middle, length, window) {
  if (length <= window) return length / 2;
  return Math.min(Math.max(middle, window / 2), length - window / 2);
}
