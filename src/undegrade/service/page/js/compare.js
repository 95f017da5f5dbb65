/** Before and after, with a divider between them or side by side, zoomed and moved together. */

import { Camera } from './camera.js';
import { Divider } from './divider.js';
import { byId, setAttribute, setText } from './dom.js';
import { listen } from './gestures.js';

/** @typedef {import('./layer.js').Layer} Layer */

/** CSS pixels that an arrow key moves the photo. */
const MOVE = 60;
const ZOOM_STEP = 1.5;
/** Device pixels between two pictures. */
const GAP = 4;

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
  /** Side by side is wished; there may be one picture only. */
  #isSide = false;
  #isHeld = false;
  /** Where the second picture begins; nowhere else but at the first one's place if there is none. */
  #second = { x: 0, y: 0 };

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
   * The zoom stays from one photo to the next, and the place where one looks.
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
      const { camera } = this;
      const { zoom, width, height } = camera;
      const factor = after ? after.width / before.width : 1;
      const [x, y] = [(camera.x / width) * before.width, (camera.y / height) * before.height];
      Object.assign(camera, { width: before.width, height: before.height, factor, x, y });
      if (camera.fitted) camera.fit();
      else camera.zoomTo(zoom);
    }
    if (isOther) this.#divider.moveTo(0.5);
    this.#move(() => {});
  }

  /** @param {number} zoom device pixels along one pixel of the result */
  zoomTo(zoom) {
    this.#move(() => this.camera.zoomTo(zoom));
  }

  /** Side by side, or one over the other. */
  switchSides() {
    this.#isSide = !this.#isSide;
    setAttribute(byId('side'), 'aria-pressed', String(this.#isSide));
    this.draw();
  }

  /** @param {boolean} isOn show the photo as it was, for as long as this is on */
  hold(isOn) {
    if (isOn === this.#isHeld) return;
    this.#isHeld = isOn;
    setAttribute(byId('hold'), 'aria-pressed', String(isOn));
    this.draw();
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
    const isSide = this.#isSide && this.#compares;
    this.#viewport.classList.toggle('is-side', isSide);
    if (this.#layOut(isSide)) this.#move(() => {});
    const { camera } = this;
    const { width, height } = this.#canvas;
    this.#context.clearRect(0, 0, width, height);
    this.#divider.layOver(camera.filled);
    this.#viewport.classList.toggle('compares', this.#compares);
    this.#viewport.classList.toggle('is-held', this.#isHeld);
    this.#within({ x: 0, y: 0 }, 0, () => this.#before?.draw(this.#context, camera));
    if (!this.#compares || (this.#isHeld && !isSide)) return;
    this.#within(this.#second, isSide ? 0 : this.#divider.left, () => {
      if (this.#isHeld) return this.#before?.draw(this.#context, camera);
      if (this.#after?.isReady) {
        this.#context.clearRect(0, 0, width, height);
        this.#after.draw(this.#context, camera);
      } else if (isSide) {
        this.#before?.draw(this.#context, camera);
      }
      return this.#preview.draw(this.#context, camera);
    });
  }

  /**
   * Draw in one picture's part of the canvas.
   * @param {{ x: number, y: number }} corner
   * @param {number} from how far from the left it begins to be seen
   * @param {() => void} draw
   */
  #within({ x, y }, from, draw) {
    const context = this.#context;
    context.save();
    context.translate(x, y);
    context.beginPath();
    context.rect(from, 0, this.camera.viewWidth - from, this.camera.viewHeight);
    context.clip();
    draw();
    context.restore();
  }

  /**
   * Divide the canvas among the pictures: along its longer side.
   * @param {boolean} isSide
   * @returns {boolean} whether that is another division than before
   */
  #layOut(isSide) {
    const { camera } = this;
    const { width, height } = this.#canvas;
    const isWide = width >= height;
    const half = Math.floor(((isWide ? width : height) - GAP) / 2);
    const view = { width: isSide && isWide ? half : width, height: isSide && !isWide ? half : height };
    this.#viewport.classList.toggle('is-stacked', isSide && !isWide);
    this.#second = isSide ? { x: isWide ? half + GAP : 0, y: isWide ? 0 : half + GAP } : { x: 0, y: 0 };
    if (camera.viewWidth === view.width && camera.viewHeight === view.height) return false;
    camera.resize(view.width, view.height);
    return true;
  }

  /** Whether there are two pictures. */
  get #compares() {
    return Boolean(this.#before?.isReady && (this.#after?.isReady || !this.#preview.isEmpty));
  }

  #measure() {
    const { width, height } = this.#viewport.getBoundingClientRect();
    if (!width || !height) return; // it is not shown now
    const dense = window.devicePixelRatio;
    this.#canvas.width = Math.max(1, Math.round(width * dense));
    this.#canvas.height = Math.max(1, Math.round(height * dense));
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

  /**
   * @param {number} left of the canvas
   * @param {number} top
   * @returns {[number, number]} of the picture there
   */
  #inPicture(left, top) {
    const { x, y } = this.#second;
    return [x && left >= x ? left - x : left, y && top >= y ? top - y : top];
  }

  #listen() {
    const { camera } = this;
    listen(this.#viewport, {
      drag: (right, down, left) => {
        if (!camera.fitted) this.#move(() => camera.pan(right, down));
        else if (!this.#viewport.classList.contains('is-side')) this.#divider.moveToLeft(left);
      },
      zoom: (ratio, left, top) =>
        this.#move(() => camera.zoomTo(camera.zoom * ratio, ...this.#inPicture(left, top))),
      twice: (left, top) =>
        this.#move(() =>
          camera.fitted ? camera.zoomTo(1, ...this.#inPicture(left, top)) : camera.fit(),
        ),
    });
    this.#viewport.addEventListener('keydown', (event) => this.#onKey(event));
    this.#fitButton.addEventListener('click', () => this.#move(() => camera.fit()));
    for (const [value, button] of Object.entries(this.#zoomButtons)) {
      button.addEventListener('click', () => this.zoomTo(Number(value)));
    }
    byId('zoom-in').addEventListener('click', () => this.zoomTo(camera.zoom * ZOOM_STEP));
    byId('zoom-out').addEventListener('click', () => this.zoomTo(camera.zoom / ZOOM_STEP));
    byId('side').addEventListener('click', () => this.switchSides());
    this.#listenForHold(byId('hold'));
  }

  /** @param {HTMLElement} button held by a finger, a mouse or a key */
  #listenForHold(button) {
    button.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      this.hold(true);
    });
    button.addEventListener('keydown', (event) => {
      if (event.key === ' ' || event.key === 'Enter') this.hold(true);
    });
    for (const end of ['pointerup', 'pointercancel', 'keyup', 'blur']) {
      button.addEventListener(end, () => this.hold(false));
    }
    button.addEventListener('contextmenu', (event) => event.preventDefault()); // of a long touch
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
