/** Before and after in one view, with a divider between them, zoomed and moved together. */

import { Camera } from './camera.js';
import { Divider } from './divider.js';
import { byId, setAttribute, setText } from './dom.js';
import { listen } from './gestures.js';

/** @typedef {import('./layer.js').Layer} Layer */

/** CSS pixels that an arrow key moves the photo. */
const MOVE = 60;
const ZOOM_STEP = 1.5;

export class Compare {
  camera = new Camera();

  #viewport = byId('viewport');
  #canvas = /** @type {HTMLCanvasElement} */ (byId('canvas'));
  #context = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext('2d'));
  #divider = new Divider(() => this.draw());
  #zoomValue = byId('zoom-value');
  #zoomButtons = { 1: byId('zoom-1'), 4: byId('zoom-4') };
  #fitButton = byId('zoom-fit');
  /** @type {Layer | null} */
  #before = null;
  /** @type {Layer | null} */
  #after = null;
  #preview;
  #onMove;
  #isAsked = false;

  /**
   * @param {import('./preview.js').Preview} preview drawn over the after
   * @param {() => void} onMove another part is seen
   */
  constructor(preview, onMove) {
    this.#preview = preview;
    this.#onMove = onMove;
    new ResizeObserver(() => this.#measure()).observe(this.#viewport);
    this.#listen();
  }

  /**
   * @param {Layer | null} before
   * @param {Layer | null} after
   * @param {string} name of the photo, for those who do not see it
   */
  show(before, after, name) {
    const isOther = before?.id !== this.#before?.id;
    this.#before = before;
    this.#after = after;
    setAttribute(this.#canvas, 'aria-label', after ? `${name}, before and after` : name);
    if (before) {
      const { zoom } = this.camera;
      const factor = after ? after.width / before.width : 1;
      Object.assign(this.camera, { width: before.width, height: before.height, factor });
      if (isOther || this.camera.fitted) this.camera.fit();
      else this.camera.zoomTo(zoom);
    }
    if (isOther) this.#divider.moveTo(0.5);
    this.#move(() => {});
  }

  /** @param {number} zoom device pixels along one pixel of the result */
  zoomTo(zoom) {
    this.#move(() => this.camera.zoomTo(zoom));
  }

  /** Draw before the next frame. */
  draw() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => {
      this.#isAsked = false;
      this.#draw();
    });
  }

  #draw() {
    const { width, height } = this.#canvas;
    const context = this.#context;
    context.clearRect(0, 0, width, height);
    this.#before?.draw(context, this.camera);
    this.#divider.layOver(this.camera.filled);
    this.#viewport.classList.toggle('compares', this.#compares);
    if (!this.#compares) return;
    context.save();
    context.beginPath();
    context.rect(this.#divider.left, 0, width, height);
    context.clip();
    if (this.#after?.isReady) {
      context.clearRect(0, 0, width, height);
      this.#after.draw(context, this.camera);
    }
    this.#preview.draw(context, this.camera);
    context.restore();
  }

  /** Whether there are two pictures. */
  get #compares() {
    return Boolean(this.#before?.isReady && (this.#after?.isReady || !this.#preview.isEmpty));
  }

  #measure() {
    const { width, height } = this.#viewport.getBoundingClientRect();
    const dense = window.devicePixelRatio;
    this.#canvas.width = Math.max(1, Math.round(width * dense));
    this.#canvas.height = Math.max(1, Math.round(height * dense));
    this.#move(() => this.camera.resize(this.#canvas.width, this.#canvas.height));
    // Setting its size has emptied the canvas; waiting for the next frame would show that.
    this.#draw();
  }

  /** @param {() => void} change of the camera */
  #move(change) {
    change();
    const { fitted, zoom } = this.camera;
    setText(this.#zoomValue, `${Math.round(zoom * 100)} %`);
    setAttribute(this.#fitButton, 'aria-pressed', String(fitted));
    for (const [value, button] of Object.entries(this.#zoomButtons)) {
      setAttribute(button, 'aria-pressed', String(!fitted && zoom === Number(value)));
    }
    this.#viewport.classList.toggle('zoomed', !fitted);
    this.draw();
    this.#onMove();
  }

  #listen() {
    const { camera } = this;
    listen(this.#viewport, {
      drag: (right, down, left) => {
        if (camera.fitted) this.#divider.moveToLeft(left);
        else this.#move(() => camera.pan(right, down));
      },
      zoom: (ratio, left, top) => this.#move(() => camera.zoomTo(camera.zoom * ratio, left, top)),
      twice: (left, top) =>
        this.#move(() => (camera.fitted ? camera.zoomTo(1, left, top) : camera.fit())),
    });
    this.#viewport.addEventListener('keydown', (event) => this.#onKey(event));
    this.#fitButton.addEventListener('click', () => this.#move(() => camera.fit()));
    for (const [value, button] of Object.entries(this.#zoomButtons)) {
      button.addEventListener('click', () => this.zoomTo(Number(value)));
    }
    byId('zoom-in').addEventListener('click', () => this.zoomTo(camera.zoom * ZOOM_STEP));
    byId('zoom-out').addEventListener('click', () => this.zoomTo(camera.zoom / ZOOM_STEP));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { camera } = this;
    const move = MOVE * window.devicePixelRatio;
    const actions = {
      ArrowLeft: () => camera.pan(move, 0),
      ArrowRight: () => camera.pan(-move, 0),
      ArrowUp: () => camera.pan(0, move),
      ArrowDown: () => camera.pan(0, -move),
      '+': () => camera.zoomTo(camera.zoom * ZOOM_STEP),
      '=': () => camera.zoomTo(camera.zoom * ZOOM_STEP),
      '-': () => camera.zoomTo(camera.zoom / ZOOM_STEP),
      0: () => camera.fit(),
      1: () => camera.zoomTo(1),
      4: () => camera.zoomTo(4),
    };
    // Where all is seen, arrows scroll the page as ever.
    if (!(event.key in actions) || (event.key.startsWith('Arrow') && camera.fitted)) return;
    event.preventDefault();
    this.#move(actions[event.key]);
  }
}
