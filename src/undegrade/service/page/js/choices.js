/** The result's size, format and metadata, the task and the effort. */

import { byId, h } from './dom.js';
import { allows, srScale } from './settings.js';
import { sentence } from './words.js';

/** @typedef {import('./types.js').Settings} Settings */

const TASK_LABELS = {
  auto: 'What the photo needs',
  restore: 'Noise and JPEG artefacts',
  denoise: 'Noise only',
  dejpeg: 'JPEG artefacts only',
  lowlight: 'A dark photo',
  fade: 'A faded print',
  phone: 'Colours of an old phone',
  sr: 'Enlarge only',
  face: 'Enlarge a face',
};
const EFFORT_LABELS = { fast: 'Fast: smaller networks', normal: 'Normal', best: 'Best: takes 8 times as long' };
const FORMATS = { '': 'As the photo', jpg: 'JPEG', png: 'PNG', webp: 'WebP', tif: 'TIFF', avif: 'AVIF', bmp: 'BMP' };

export class Choices {
  #scales = byId('scales');
  #task = /** @type {HTMLSelectElement} */ (byId('task'));
  #effort = /** @type {HTMLSelectElement} */ (byId('effort'));
  #format = /** @type {HTMLSelectElement} */ (byId('format'));
  #metadata = /** @type {HTMLInputElement} */ (byId('metadata'));

  /** @param {(changes: Partial<Settings>) => void} onChange */
  constructor(onChange) {
    this.#scales.addEventListener('change', (event) =>
      onChange({ scale: Number(/** @type {HTMLInputElement} */ (event.target).value) }),
    );
    // What was chosen for one task may make no sense for another.
    this.#task.addEventListener('change', () =>
      onChange({ task: this.#task.value, scale: null, skip: [], add: [], noise: null }),
    );
    this.#effort.addEventListener('change', () => onChange({ effort: this.#effort.value }));
    this.#format.addEventListener('change', () => onChange({ format: this.#format.value }));
    this.#metadata.addEventListener('change', () => onChange({ strip: !this.#metadata.checked }));
  }

  /**
   * Fill the lists.
   * @param {import('./types.js').Limits} limits
   */
  offer({ tasks, scales, efforts, formats }) {
    const order = Object.keys(TASK_LABELS);
    const sorted = [...tasks].sort((a, b) => order.indexOf(a) - order.indexOf(b));
    this.#task.replaceChildren(...sorted.map((task) => option(task, TASK_LABELS[task])));
    this.#effort.replaceChildren(...efforts.map((name) => option(name, EFFORT_LABELS[name])));
    this.#format.replaceChildren(...['', ...formats].map((name) => option(name, FORMATS[name])));
    this.#scales.replaceChildren(
      ...scales.map((scale) => {
        const input = h('input', { type: 'radio', name: 'scale', value: scale });
        return h('label', { class: 'segment' }, input, h('span', {}, scale === 1 ? 'Same' : `${scale}×`));
      }),
    );
  }

  /** @param {Settings} settings */
  show(settings) {
    this.#task.value = settings.task;
    this.#effort.value = settings.effort;
    this.#format.value = settings.format;
    this.#metadata.checked = !settings.strip;
    for (const input of this.#scales.querySelectorAll('input')) {
      const scale = Number(input.value);
      input.checked = scale === srScale(settings);
      input.disabled = !allows(settings.task, scale);
    }
  }
}

/**
 * @param {string} value
 * @param {string | undefined} words
 */
function option(value, words) {
  return h('option', { value }, words ?? sentence(value));
}
