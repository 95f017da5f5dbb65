/** The line between before and after: dragged, or moved by keys as any slider. */

import { byId, setAttribute } from './dom.js';

const STEP = 0.02;
const LEAP = 0.1;

/** Lies over the part of the view that the photo fills. */
export class Divider {
  /** Share of the photo in view that is shown as it was before. */
  place = 0.5;
  /** @type {import('./types.js').Box} filled by the photo, in device pixels */
  #filled = { x: 0, y: 0, width: 1, height: 1 };

  #element = byId('divider');
  #viewport = byId('viewport');
  #onChange;

  /** @param {() => void} onChange it has moved */
  constructor(onChange) {
    this.#onChange = onChange;
    const element = this.#element;
    element.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      event.stopPropagation(); // or the photo would move too
      element.setPointerCapture(event.pointerId);
    });
    element.addEventListener('pointermove', (event) => {
      if (!element.hasPointerCapture(event.pointerId)) return;
      const { left } = this.#viewport.getBoundingClientRect();
      this.moveToLeft((event.clientX - left) * window.devicePixelRatio);
    });
    element.addEventListener('dblclick', (event) => event.stopPropagation());
    element.addEventListener('keydown', (event) => this.#onKey(event));
  }

  /** Device pixels from the left of the view. */
  get left() {
    return Math.round(this.#filled.x + this.place * this.#filled.width);
  }

  /** @param {import('./types.js').Box} filled by the photo, in device pixels */
  layOver(filled) {
    this.#filled = filled;
    const style = this.#element.style;
    const dense = window.devicePixelRatio;
    style.setProperty('left', `${this.left / dense}px`);
    style.setProperty('top', `${filled.y / dense}px`);
    style.setProperty('height', `${filled.height / dense}px`);
  }

  /** @param {number} left device pixels from the left of the view */
  moveToLeft(left) {
    this.moveTo((left - this.#filled.x) / this.#filled.width);
  }

  /** @param {number} place share of the photo in view, 0 to 1 */
  moveTo(place) {
    this.place = Math.min(1, Math.max(0, place));
    const before = Math.round(this.place * 100);
    setAttribute(this.#element, 'aria-valuenow', before);
    setAttribute(this.#element, 'aria-valuetext', `${before} % before, ${100 - before} % after`);
    this.#onChange();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const places = {
      ArrowLeft: this.place - STEP,
      ArrowDown: this.place - STEP,
      ArrowRight: this.place + STEP,
      ArrowUp: this.place + STEP,
      PageDown: this.place - LEAP,
      PageUp: this.place + LEAP,
      Home: 0,
      End: 1,
    };
    if (!(event.key in places)) return;
    event.preventDefault();
    event.stopPropagation();
    this.moveTo(places[event.key]);
  }
}
