/** The line between before and after: dragged, or moved by keys as any slider. */

import { byId, setAttribute } from './dom.js';

const STEP = 0.02;
const LEAP = 0.1;

export class Divider {
  /** Share of the view that shows the photo before. */
  place = 0.5;

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
      const { left, width } = this.#viewport.getBoundingClientRect();
      this.moveTo((event.clientX - left) / width);
    });
    element.addEventListener('dblclick', (event) => event.stopPropagation());
    element.addEventListener('keydown', (event) => this.#onKey(event));
  }

  /** @param {number} place share of the view, 0 to 1 */
  moveTo(place) {
    this.place = Math.min(1, Math.max(0, place));
    const before = Math.round(this.place * 100);
    this.#viewport.style.setProperty('--split', `${this.place * 100}%`);
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
