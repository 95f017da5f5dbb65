/** The steps of the plan, each with its reason and a switch; and those that may be added. */

import { byId, h, setText } from './dom.js';
import { srScale } from './settings.js';
import { duration, pixels, sentence } from './words.js';

/** @typedef {import('./types.js').Item} Item */
/** @typedef {import('./types.js').Step} Step */

const NAMES = {
  lowlight: 'Bring back light',
  fade: 'Freshen faded colours',
  phone: 'Mend colours and contrast',
  resharpen: 'Bring back sharpness',
};
/** What may be done though nothing asks for it. */
const OFFERS = {
  resharpen: 'Sharpen anyway',
  restore: 'Remove grain anyway',
  lowlight: 'Lighten',
  fade: 'Freshen colours',
  phone: 'Mend colours',
  sr: 'Enlarge twice',
};

export class PlanView {
  #list = byId('plan');
  #notes = byId('plan-notes');
  #more = /** @type {HTMLDetailsElement} */ (byId('more'));
  #offers = byId('offers');
  #shown = '';
  #offered = '';
  #opened = '';
  #onAdd;

  /**
   * @param {object} listeners
   * @param {(step: string, isOn: boolean) => void} listeners.onSwitch
   * @param {(step: string) => void} listeners.onAdd
   */
  constructor({ onSwitch, onAdd }) {
    this.#onAdd = onAdd;
    this.#list.addEventListener('change', (event) => {
      const input = /** @type {HTMLInputElement} */ (event.target);
      onSwitch(input.value, input.checked);
    });
  }

  /** @param {Item} item */
  show(item) {
    const { offered, plan, settings } = item;
    const steps = offered?.steps ?? [];
    const isFixed = (/** @type {Step} */ { name }) =>
      settings.task !== 'auto' && !settings.add.includes(name);
    const of = JSON.stringify([item.key, steps.map((step) => [step, isFixed(step)])]);
    if (of !== this.#shown) {
      this.#shown = of;
      this.#list.replaceChildren(...steps.map((step) => this.#step(step, isFixed(step))));
    }
    for (const input of this.#list.querySelectorAll('input')) {
      input.checked = !settings.skip.includes(input.value);
    }
    setText(this.#notes, item.refusal || (plan ? notes(item) : ''));
    this.#offer(item);
  }

  /** @param {Item} item */
  #offer({ key, offered, settings }) {
    const isPlanned = new Set(offered?.steps.map(({ name }) => name));
    const isLarger = srScale(settings) > 1;
    const sizes = { sr: settings.task !== 'auto' || isLarger, resharpen: isLarger };
    const names = offered ? Object.keys(OFFERS).filter((name) => !isPlanned.has(name) && !sizes[name]) : [];
    this.#more.hidden = names.length === 0;
    const of = JSON.stringify([key, names, offered?.spared]);
    if (of !== this.#offered) {
      this.#offered = of;
      const entries = names.map((name) => this.#entry(name, offered.spared[name]));
      this.#offers.replaceChildren(...entries);
    }
    // Where nothing is done, the reasons are what there is to be read.
    const opened = `${key} ${isPlanned.size === 0}`;
    if (opened === this.#opened || !offered) return;
    this.#opened = opened;
    this.#more.open = isPlanned.size === 0;
  }

  /**
   * @param {string} name
   * @param {string | undefined} why
   */
  #entry(name, why) {
    const id = `offer-${name}`;
    const button = h(
      'button',
      {
        type: 'button',
        class: 'button small',
        'aria-describedby': why ? id : null,
        onclick: () => this.#onAdd(name),
      },
      OFFERS[name],
    );
    return h('li', {}, button, why ? h('p', { id, class: 'quiet' }, `${sentence(why)}.`) : null);
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
  if (removes(step, 'noise') && removes(step, 'jpeg')) return 'Remove noise and artefacts';
  return removes(step, 'noise') ? 'Remove noise' : 'Remove JPEG artefacts';
}

/**
 * Whether a step is told of any noise, or of coding.
 * @param {Step} step
 * @param {'noise' | 'jpeg'} what
 */
export function removes({ levels }, what) {
  const { jpeg = 0, grain: _, ...noises } = levels;
  return what === 'jpeg' ? jpeg > 0 : Object.values(noises).some((level) => level > 0);
}

/** @param {Item} item */
function notes({ plan, photo }) {
  const told = [...new Set([...(photo?.notes ?? []), ...plan.notes])].map((note) => `${sentence(note)}.`);
  if (!plan.steps.length) return ['Nothing to do: it stays as it is.', ...told].join(' ');
  const seconds = plan.seconds_estimated;
  const time = seconds < 1 ? 'Less than a second' : `About ${duration(seconds)}`;
  return [`${time}, to ${pixels(plan.width, plan.height)} pixels.`, ...told].join(' ');
}
