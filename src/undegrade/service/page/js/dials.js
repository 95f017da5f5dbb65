/** Strength, detail and grain. */

import { byId, setAttribute, setText } from './dom.js';

/** @typedef {import('./types.js').Settings} Settings */

export class Dials {
  #strength = /** @type {HTMLInputElement} */ (byId('strength'));
  #detail = /** @type {HTMLInputElement} */ (byId('detail'));
  #grain = /** @type {HTMLInputElement} */ (byId('grain'));

  /** @param {(changes: Partial<Settings>) => void} onChange */
  constructor(onChange) {
    this.#strength.addEventListener('input', () =>
      onChange({ strength: Number(this.#strength.value) / 100 }),
    );
    this.#detail.addEventListener('input', () =>
      onChange({ detail: Number(this.#detail.value) / 100 }),
    );
    this.#grain.addEventListener('change', () => onChange({ grain: this.#grain.checked }));
  }

  /** @param {Settings} settings */
  show({ strength, detail, grain }) {
    turn(this.#strength, strength);
    turn(this.#detail, detail);
    this.#grain.checked = grain;
  }
}

/**
 * @param {HTMLInputElement} input
 * @param {number} value
 */
function turn(input, value) {
  const percent = Math.round(value * 100);
  if (Number(input.value) !== percent) input.value = String(percent);
  const words = `${percent} %`;
  setAttribute(input, 'aria-valuetext', words);
  setText(byId(`${input.id}-value`), words);
  input.style.setProperty('--share', `${(percent / Number(input.max)) * 100}%`);
}
