/** The steps of the plan, each with its reason and a switch. */

import { byId, h, setText } from './dom.js';
import { duration, pixels, sentence } from './words.js';

/** @typedef {import('./types.js').Item} Item */
/** @typedef {import('./types.js').Step} Step */

const NAMES = {
  lowlight: 'Bring back light',
  phone: 'Mend colours and contrast',
  resharpen: 'Bring back sharpness',
};

export class PlanView {
  #list = byId('plan');
  #notes = byId('plan-notes');
  #shown = '';

  /** @param {(name: string, isOn: boolean) => void} onSwitch a step was switched */
  constructor(onSwitch) {
    this.#list.addEventListener('change', (event) => {
      const input = /** @type {HTMLInputElement} */ (event.target);
      onSwitch(input.value, input.checked);
    });
  }

  /** @param {Item} item */
  show(item) {
    const { offered, plan, settings } = item;
    const steps = offered?.steps ?? [];
    const isFixed = settings.task !== 'auto';
    const of = JSON.stringify([item.key, isFixed, steps]);
    if (of !== this.#shown) {
      this.#shown = of;
      this.#list.replaceChildren(...steps.map((step) => this.#step(step, isFixed)));
    }
    for (const input of this.#list.querySelectorAll('input')) {
      input.checked = !settings.skip.includes(input.value);
    }
    setText(this.#notes, item.refusal || (plan ? notes(item) : ''));
  }

  /**
   * @param {Step} step
   * @param {boolean} isFixed it is the task that was asked for
   */
  #step(step, isFixed) {
    const id = `step-${step.name}`;
    const input = h('input', {
      type: 'checkbox',
      role: 'switch',
      value: step.name,
      disabled: isFixed,
      'aria-describedby': id,
    });
    const label = h('label', { class: 'switch-line' }, h('span', {}, title(step)), input);
    return h('li', {}, label, h('p', { id, class: 'quiet' }, sentence(step.reason)));
  }
}

/** @param {Step} step */
export function title(step) {
  if (step.name === 'sr') return `Enlarge ${step.scale} times`;
  if (step.name !== 'restore') return NAMES[step.name] ?? sentence(step.name);
  const { jpeg = 0, grain: _, ...noises } = step.levels;
  const noise = Object.values(noises).some((level) => level > 0);
  if (noise && jpeg) return 'Remove noise and artefacts';
  return noise ? 'Remove noise' : 'Remove JPEG artefacts';
}

/** @param {Item} item */
function notes({ plan, photo }) {
  const told = [...new Set([...(photo?.notes ?? []), ...plan.notes])].map((note) => `${sentence(note)}.`);
  if (!plan.steps.length) return ['Nothing to do: it stays as it is.', ...told].join(' ');
  const seconds = plan.seconds_estimated;
  const time = seconds < 1 ? 'Less than a second' : `About ${duration(seconds)}`;
  return [`${time}, to ${pixels(plan.width, plan.height)} pixels.`, ...told].join(' ');
}
