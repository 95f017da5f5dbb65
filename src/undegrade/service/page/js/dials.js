/** Strength, detail and where it goes, grain, and noise where it is told. */

import { byId, setAttribute, setText } from './dom.js';

const PERCENT = { factor: 100, words: (/** @type {number} */ shown) => `${shown} %` };
const LEVEL = { factor: 1, words: (/** @type {number} */ shown) => `${shown} of 255` };

/** @typedef {import('./types.js').Settings} Settings */

export class Dials {
  #strength = /** @type {HTMLInputElement} */ (byId('strength'));
  #detail = /** @type {HTMLInputElement} */ (byId('detail'));
  #everywhere = /** @type {HTMLInputElement} */ (byId('everywhere'));
  #noise = /** @type {HTMLInputElement} */ (byId('noise'));
  #grain = /** @type {HTMLInputElement} */ (byId('grain'));

  /** @param {(changes: Partial<Settings>) => void} onChange */
  constructor(onChange) {
    this.#strength.addEventListener('input', () =>
      onChange({ strength: Number(this.#strength.value) / 100 }),
    );
    this.#detail.addEventListener('input', () =>
      onChange({ detail: Number(this.#detail.value) / 100 }),
    );
    this.#everywhere.addEventListener('change', () =>
      onChange({ everywhere: this.#everywhere.checked }),
    );
    this.#noise.addEventListener('input', () => onChange({ noise: Number(this.#noise.value) }));
    this.#grain.addEventListener('change', () => onChange({ grain: this.#grain.checked }));
  }

  /**
   * Where nothing is done, there is nothing to be dialled, but for what has been dialled down.
   * @param {import('./types.js').Item} item
   */
  show({ settings, plan }) {
    const { strength, detail, everywhere, grain, noise } = settings;
    turn(this.#strength, strength, PERCENT);
    turn(this.#detail, detail, PERCENT);
    byId('everywhere-dial').hidden = detail === 0;
    this.#everywhere.checked = everywhere;
    byId('noise-dial').hidden = noise === null;
    if (noise !== null) turn(this.#noise, noise, LEVEL);
    this.#grain.checked = grain;
    const isIdle = plan?.steps.length === 0 && strength > 0;
    for (const input of [this.#strength, this.#detail, this.#everywhere, this.#grain]) input.disabled = isIdle;
    byId('dials-idle').hidden = !isIdle;
  }
}

/**
 * @param {HTMLInputElement} input
 * @param {number} value
 * @param {{ factor: number, words: (shown: number) => string }} unit
 */
function turn(input, value, unit) {
  const shown = Math.round(value * unit.factor);
  if (Number(input.value) !== shown) input.value = String(shown);
  const words = unit.words(shown);
  setAttribute(input, 'aria-valuetext', words);
  setText(byId(`${input.id}-value`), words);
  const [least, most] = [Number(input.min), Number(input.max)];
  input.style.setProperty('--share', `${((shown - least) / (most - least)) * 100}%`);
}
