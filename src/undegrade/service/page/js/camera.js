/**
 * Which part of a photo is seen, and how large: sums only. The photo is measured in its own pixels,
 * the screen in device pixels.
 */

/** @typedef {import('./types.js').Box} Box */

const LARGEST = 8;
/** Tiny photos are not blown up beyond this when they are fitted. */
const LARGEST_FIT = 3;

export class Camera {
  /** Size of the photo. */
  width = 1;
  height = 1;
  /** Size of the screen's part that shows it. */
  viewWidth = 1;
  viewHeight = 1;
  /** Pixels of the result along one pixel of the photo. */
  factor = 1;
  /** Device pixels along one pixel of the photo. */
  scale = 1;
  /** The photo's point in the middle of the view. */
  x = 0.5;
  y = 0.5;
  fitted = true;

  /** The scale at which all of the photo is seen. */
  get fitScale() {
    const scale = Math.min(this.viewWidth / this.width, this.viewHeight / this.height);
    return Math.min(scale, LARGEST_FIT * this.factor);
  }

  /** Device pixels along one pixel of the result. */
  get zoom() {
    return this.scale / this.factor;
  }

  /** Show all of the photo. */
  fit() {
    this.fitted = true;
    this.scale = this.fitScale;
    this.x = this.width / 2;
    this.y = this.height / 2;
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  resize(width, height) {
    this.viewWidth = Math.max(1, width);
    this.viewHeight = Math.max(1, height);
    if (this.fitted) this.fit();
    else this.#settle();
  }

  /**
   * Zoom and keep what lies at a place of the view there.
   * @param {number} zoom device pixels along one pixel of the result
   * @param {number} [left] of the view; by default its middle
   * @param {number} [top]
   */
  zoomTo(zoom, left = this.viewWidth / 2, top = this.viewHeight / 2) {
    const least = Math.min(this.factor, this.fitScale);
    const most = Math.max(LARGEST * this.factor, this.fitScale);
    const scale = Math.min(Math.max(zoom * this.factor, least), most);
    const [x, y] = this.at(left, top);
    this.fitted = scale === this.fitScale;
    this.scale = scale;
    this.x = x - (left - this.viewWidth / 2) / scale;
    this.y = y - (top - this.viewHeight / 2) / scale;
    this.#settle();
  }

  /**
   * @param {number} right device pixels by which the photo moves
   * @param {number} down
   */
  pan(right, down) {
    this.x -= right / this.scale;
    this.y -= down / this.scale;
    this.#settle();
  }

  /**
   * @param {number} left of the view
   * @param {number} top
   * @returns {[number, number]} of the photo
   */
  at(left, top) {
    return [
      this.x + (left - this.viewWidth / 2) / this.scale,
      this.y + (top - this.viewHeight / 2) / this.scale,
    ];
  }

  /**
   * Where a box of the photo lies in the view. Edges are rounded, so that neighbours touch.
   * @param {Box} box
   * @returns {Box}
   */
  place(box) {
    const left = Math.round((box.x - this.x) * this.scale + this.viewWidth / 2);
    const top = Math.round((box.y - this.y) * this.scale + this.viewHeight / 2);
    const right = Math.round((box.x + box.width - this.x) * this.scale + this.viewWidth / 2);
    const bottom = Math.round((box.y + box.height - this.y) * this.scale + this.viewHeight / 2);
    return { x: left, y: top, width: right - left, height: bottom - top };
  }

  /** @returns {Box} the part of the photo that is seen */
  get seen() {
    const [left, top] = this.at(0, 0);
    const [right, bottom] = this.at(this.viewWidth, this.viewHeight);
    const x = Math.max(0, left);
    const y = Math.max(0, top);
    return {
      x,
      y,
      width: Math.max(0, Math.min(this.width, right) - x),
      height: Math.max(0, Math.min(this.height, bottom) - y),
    };
  }

  /** @returns {Box} the part of the view that the photo fills */
  get filled() {
    return this.place(this.seen);
  }

  /** Keep the view filled, or the photo in its middle. */
  #settle() {
    this.x = settled(this.x, this.width, this.viewWidth / this.scale);
    this.y = settled(this.y, this.height, this.viewHeight / this.scale);
  }
}

/**
 * @param {number} middle
 * @param {number} length of the photo
 * @param {number} seen
 */
function settled(middle, length, seen) {
  if (seen >= length) return length / 2;
  return Math.min(Math.max(middle, seen / 2), length - seen / 2);
}
