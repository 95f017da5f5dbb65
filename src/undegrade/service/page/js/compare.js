/**
 * The viewer: before left of a divider, after right of it, both in one frame, so that zooming and
 * moving are the same for both.
 */

import { byId, setAttribute, setText } from './dom.js';
import { Frame } from './frame.js';
import { addGestures } from './gestures.js';
import { drawAt, Layer, part } from './layer.js';

/** @typedef {import('./types.js').Box} Box */
/** @typedef {import('./types.js').Item} Item */

/** Device pixels per pixel from which pixels are shown as squares. */
const SQUARES = 3;
const DIVIDER_STEP = 0.02;

export class Compare {
  #stage = byId('stage');
  #canvas = /** @type {HTMLCanvasElement} */ (byId('canvas'));
  #divider = byId('divider');
  #frame = new Frame();
  #item = 0;
  /** @type {Layer | null} */
  #before = null;
  /** @type {Layer | null} */
  #after = null;
  /** @type {{ bitmap: ImageBitmap, box: Box } | null} */
  #preview = null;
  /** Where the divider stands, as a share of the picture's visible width. */
  #split = 0.5;
  #drawing = 0;
  #moved;

  /** @param {() => void} moved called after another part has come into view */
  constructor(moved) {
    this.#moved = moved;
    const changed = () => {
      this.#draw();
      moved();
    };
    addGestures(this.#stage, this.#frame, { changed, wipe: (x) => this.#wipe(x) });
    this.#addDivider();
    this.#addButtons(changed);
    new ResizeObserver(() => this.#resize()).observe(this.#stage);
  }

  /**
   * Show a photo, and its result if there is one.
   * @param {Item | null} item
   */
  show(item) {
    const photo = item?.photo ?? null;
    const result = photo && item?.shown ? item.shown.job : null;
    const before = this.#layer(this.#before, 'photos', photo?.id, photo?.width, photo?.height);
    const { width, height } = result?.report ?? { width: 0, height: 0 };
    const after = this.#layer(this.#after, 'jobs', result?.id, width, height);
    if (before === this.#before && after === this.#after) return;
    if (after !== this.#after) this.#after?.close();
    if (before !== this.#before) this.#before?.close();
    this.#before = before;
    this.#after = after;
    this.#setFrame(item);
    this.clearPreview();
  }

  /**
   * @param {ImageBitmap} bitmap what becomes of a part
   * @param {Box} box that part, in pixels of the photo
   */
  setPreview(bitmap, box) {
    this.#preview?.bitmap.close();
    this.#preview = { bitmap, box };
    this.#draw();
  }

  clearPreview() {
    this.#preview?.bitmap.close();
    this.#preview = null;
    this.#draw();
  }

  /**
   * @param {number} most pixels a side
   * @returns {Box | null} the middle of what is seen, in pixels of the photo
   */
  middle(most) {
    if (!this.#before) return null;
    const { width, height } = this.#before;
    const factor = width / this.#frame.width;
    const seen = this.#frame.seen;
    const across = Math.min(most, width, Math.ceil(seen.width * factor));
    const down = Math.min(most, height, Math.ceil(seen.height * factor));
    const x = (seen.x + seen.width / 2) * factor - across / 2;
    const y = (seen.y + seen.height / 2) * factor - down / 2;
    return {
      x: Math.round(Math.min(Math.max(x, 0), width - across)),
      y: Math.round(Math.min(Math.max(y, 0), height - down)),
      width: across,
      height: down,
    };
  }

  /**
   * @param {Layer | null} layer that is there
   * @param {'photos' | 'jobs'} kind
   * @param {string} [id]
   * @param {number} [width]
   * @param {number} [height]
   * @returns {Layer | null} the same if it shows this already
   */
  #layer(layer, kind, id, width, height) {
    if (!id) return null;
    if (layer?.key === `${kind}/${id}`) return layer;
    return new Layer(kind, id, width, height, () => this.#draw());
  }

  /** @param {Item | null} item */
  #setFrame(item) {
    const world = this.#after ?? this.#before;
    if (!item || !world) return;
    const same = this.#item === item.key;
    if (same) this.#frame.replace(world.width, world.height);
    else this.#frame.open(world.width, world.height);
    this.#item = item.key;
  }

  #resize() {
    const { clientWidth, clientHeight } = this.#stage;
    const density = window.devicePixelRatio || 1;
    this.#canvas.width = Math.round(clientWidth * density);
    this.#canvas.height = Math.round(clientHeight * density);
    this.#frame.resize(clientWidth, clientHeight, density);
    this.#paint();
    this.#moved();
  }

  #draw() {
    if (!this.#drawing) this.#drawing = requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    cancelAnimationFrame(this.#drawing);
    this.#drawing = 0;
    const context = this.#canvas.getContext('2d');
    if (!context) return;
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#showFrame();
    if (!this.#before) return;
    const { density } = this.#frame;
    const place = times(this.#frame.place, density);
    const split = Math.round(this.#dividerX() * density);
    for (const layer of [this.#before, this.#after]) {
      const factor = layer ? layer.width / this.#frame.width : 1;
      layer?.want(times(this.#frame.seen, factor), this.#frame.magnification / factor);
    }
    this.#setSmoothing(context, this.#before.width);
    this.#before.draw(context, place);
    if (!this.#compares) return;
    context.save();
    context.beginPath();
    context.rect(split, 0, this.#canvas.width - split, this.#canvas.height);
    context.clip();
    this.#setSmoothing(context, this.#frame.width);
    this.#after?.draw(context, place);
    if (this.#preview) this.#paintPreview(context, place, this.#preview, this.#before);
    context.restore();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Box} place
   * @param {{ bitmap: ImageBitmap, box: Box }} preview
   * @param {Layer} photo
   */
  #paintPreview(context, place, { bitmap, box }, photo) {
    const at = part(box, photo.width, photo.height, place);
    drawAt(context, bitmap, at);
    context.lineWidth = 2 * this.#frame.density;
    context.strokeStyle = getComputedStyle(this.#stage).getPropertyValue('--accent-line');
    context.strokeRect(at.x, at.y, at.width, at.height);
  }

  /**
   * A photo that is smaller than its result is shown plainly enlarged, not as squares.
   * @param {CanvasRenderingContext2D} context
   * @param {number} width of the layer
   */
  #setSmoothing(context, width) {
    const exact = width === this.#frame.width && this.#frame.magnification >= SQUARES;
    context.imageSmoothingEnabled = !exact;
    context.imageSmoothingQuality = 'high';
  }

  get #compares() {
    return Boolean(this.#after || this.#preview);
  }

  /** @returns {number} CSS pixels from the left of the stage */
  #dividerX() {
    const { x, width } = this.#frame.place;
    const left = Math.max(x, 0);
    const right = Math.min(x + width, this.#frame.windowWidth);
    return left + (right - left) * this.#split;
  }

  /** @param {number} at CSS pixels from the left of the stage */
  #wipe(at) {
    if (!this.#compares) return;
    const { x, width } = this.#frame.place;
    const left = Math.max(x, 0);
    const right = Math.min(x + width, this.#frame.windowWidth);
    this.#split = Math.min(Math.max((at - left) / (right - left), 0), 1);
    this.#draw();
  }

  /** Bring all that surrounds the canvas into line with the frame. */
  #showFrame() {
    const { magnification, fitted } = this.#frame;
    this.#divider.hidden = !this.#compares;
    for (const label of ['label-before', 'label-after']) byId(label).hidden = !this.#compares;
    this.#divider.style.setProperty('--at', `${this.#dividerX()}px`);
    const share = Math.round(this.#split * 100);
    setAttribute(this.#divider, 'aria-valuenow', share);
    setAttribute(this.#divider, 'aria-valuetext', `${share} % before, ${100 - share} % after`);
    this.#stage.classList.toggle('zoomed', !fitted);
    byId('zoom').hidden = !this.#before;
    setText(byId('zoom-now'), `${Math.round(magnification * 100)} %`);
    const exactly = (/** @type {number} */ value) => Math.abs(magnification - value) < 1e-3;
    setAttribute(byId('zoom-fit'), 'aria-pressed', String(fitted));
    setAttribute(byId('zoom-1'), 'aria-pressed', String(!fitted && exactly(1)));
    setAttribute(byId('zoom-4'), 'aria-pressed', String(!fitted && exactly(4)));
  }

  #addDivider() {
    const steps = {
      ArrowLeft: -DIVIDER_STEP,
      ArrowDown: -DIVIDER_STEP,
      ArrowRight: DIVIDER_STEP,
      ArrowUp: DIVIDER_STEP,
      PageDown: -0.1,
      PageUp: 0.1,
      Home: -1,
      End: 1,
    };
    this.#divider.addEventListener('keydown', (event) => {
      const step = steps[event.key];
      if (!step) return;
      event.preventDefault();
      this.#split = Math.min(Math.max(this.#split + step, 0), 1);
      this.#draw();
    });
    this.#divider.addEventListener('pointerdown', (event) => {
      event.stopPropagation();
      this.#divider.setPointerCapture(event.pointerId);
    });
    this.#divider.addEventListener('pointermove', (event) => {
      if (!this.#divider.hasPointerCapture(event.pointerId)) return;
      this.#wipe(event.clientX - this.#stage.getBoundingClientRect().left);
    });
  }

  /** @param {() => void} changed */
  #addButtons(changed) {
    const frame = this.#frame;
    const actions = {
      'zoom-out': () => frame.magnify(frame.magnification / 1.5),
      'zoom-in': () => frame.magnify(frame.magnification * 1.5),
      'zoom-fit': () => frame.fit(),
      'zoom-1': () => frame.magnify(1),
      'zoom-4': () => frame.magnify(4),
    };
    for (const [id, action] of Object.entries(actions)) {
      byId(id).addEventListener('click', () => {
        action();
        changed();
      });
    }
  }
}

/**
 * @param {Box} box
 * @param {number} factor
 * @returns {Box}
 */
function times(box, factor) {
  return {
    x: box.x * factor,
    y: box.y * factor,
    width: box.width * factor,
    height: box.height * factor,
  };
}
