/** What a photo has lost: in words, and as bars. */

import { byId, h, setText } from './dom.js';
import { removes } from './plan.js';
import { list, sentence } from './words.js';

/** @typedef {import('./types.js').Diagnosis} Diagnosis */
/** @typedef {import('./types.js').Photo} Photo */
/** @typedef {import('./types.js').Report} Report */
/** @typedef {import('./types.js').Step} Step */

/**
 * @typedef {object} Row
 * @property {string} label
 * @property {string} noun in a sentence
 * @property {string} nothing after `no`
 * @property {(found: Diagnosis) => number} amount 0 to 1
 * @property {(step: Step) => boolean} mends whether a step does something about it
 * @property {string[]} of the findings that count
 */

/** @type {Row[]} */
const ROWS = [
  {
    label: 'Noise',
    noun: 'noise',
    nothing: 'noise',
    of: ['noise'],
    amount: (d) => d.noise.value / 40,
    mends: (step) => step.name === 'restore' && removes(step, 'noise'),
  },
  {
    label: 'Compression',
    noun: 'JPEG artefacts',
    nothing: 'JPEG artefacts',
    of: ['jpeg'],
    amount: (d) => (100 - d.jpeg.value) / 90,
    mends: (step) => step.name === 'restore' && removes(step, 'jpeg'),
  },
  {
    label: 'Blur',
    noun: 'blur',
    nothing: 'blur',
    of: ['blur'],
    amount: (d) => (d.scale.value - 1) / 3,
    mends: (step) => step.shrink > 1,
  },
  {
    label: 'Darkness',
    noun: 'missing light',
    nothing: 'darkness',
    of: ['exposure'],
    amount: (d) => -d.exposure.value / 4,
    mends: (step) => step.name === 'lowlight',
  },
  {
    label: 'Shadows',
    noun: 'detail in the shadows',
    nothing: 'shadows to be lit',
    of: ['shade'],
    amount: (d) => -d.shade.value / 6,
    mends: (step) => step.name === 'lowlight',
  },
  {
    label: 'Fading',
    noun: 'fading',
    nothing: 'fading',
    of: ['fade'],
    amount: (d) => d.fade.value / 20,
    mends: (step) => step.name === 'fade',
  },
  {
    label: 'Colour cast',
    noun: 'a colour cast',
    nothing: 'colour cast',
    of: ['red_green', 'yellow_blue'],
    amount: (d) => Math.hypot(d.red_green.value, d.yellow_blue.value) / 45,
    mends: (step) => step.name === 'phone',
  },
  {
    label: 'Flatness',
    noun: 'little contrast',
    nothing: 'flat contrast',
    of: ['flatness'],
    amount: (d) => 1 - d.flatness.value / 40,
    mends: (step) => step.name === 'phone',
  },
];

const WORDS = ['slight', 'clear', 'strong'];

export class DiagnosisView {
  #words = byId('diagnosis-words');
  #list = byId('diagnosis');
  #fine = byId('diagnosis-fine');
  /** @type {Photo | null} */
  #shown = null;
  /** @type {Report | null} */
  #shownReport = null;

  /**
   * @param {Photo | null} photo
   * @param {Report | null} report once there is one
   */
  show(photo, report) {
    if (photo === this.#shown && report === this.#shownReport) return;
    this.#shown = photo;
    this.#shownReport = report;
    setText(this.#words, photo ? summary(photo, report) : 'Not looked at yet.');
    const sorted = photo ? sort(photo, report) : { lost: [], spared: [], left: [] };
    const rows = ROWS.filter((row) => [sorted.lost, sorted.spared, sorted.left].some((some) => some.includes(row)));
    this.#list.replaceChildren(...rows.map((row) => line(row, sorted, photo.diagnosis, report?.left ?? null)));
    this.#list.hidden = rows.length === 0;
    const fine = photo ? ROWS.filter((row) => !rows.includes(row)).map((row) => row.nothing) : [];
    setText(this.#fine, fine.length ? `No ${list(fine, 'or')}.` : '');
  }
}

/**
 * One sentence: what was found, or that nothing was; and what is left of it.
 * @param {Photo} photo
 * @param {Report | null} [report]
 * @returns {string}
 */
export function summary(photo, report = null) {
  const { lost, spared, left } = sort(photo, report);
  const told = (/** @type {Row[]} */ rows, /** @type {Diagnosis} */ diagnosis) =>
    list(rows.map((row) => `${/^(a|little|missing) /.test(row.noun) ? '' : `${word(row, diagnosis)} `}${row.noun}`));
  const nouns = list(spared.map((row) => row.noun));
  if (!lost.length) {
    if (!spared.length) return 'Nothing that is worth mending.';
    return `Nothing that has to be mended; ${nouns} can stay.`;
  }
  const stays = spared.length ? ` ${sentence(nouns)} can stay.` : '';
  const first = `${sentence(told(lost, photo.diagnosis))}.${stays}`;
  if (!report) return first;
  return `${first} ${left.length ? `Left: ${told(left, report.left)}.` : 'Nothing is left to mend.'}`;
}

/**
 * What was found by what becomes of it. A photo that grows holds as much detail as before and has
 * more pixels to hold it: that is no blur that came.
 * @param {Photo} photo
 * @param {Report | null} report
 * @returns {{ lost: Row[], spared: Row[], left: Row[] }} mended, not worth it, still there
 */
function sort(photo, report) {
  const steps = [...photo.plan.steps, ...(report?.steps ?? [])];
  const found = ROWS.filter((row) => isFound(row, photo.diagnosis));
  const lost = found.filter((row) => steps.some(row.mends));
  const spared = found.filter((row) => !lost.includes(row));
  const isLarger = Boolean(report && report.width > photo.width);
  const isLeft = (/** @type {Row} */ row) =>
    isFound(row, report.left) && !spared.includes(row) && !(isLarger && row.of.includes('blur'));
  return { lost, spared, left: report ? ROWS.filter(isLeft) : [] };
}

/**
 * @param {Row} row
 * @param {ReturnType<typeof sort>} sorted
 * @param {Diagnosis} found
 * @param {Diagnosis | null} left
 */
function line(row, { spared, left: leftRows }, found, left) {
  const isSpared = spared.includes(row);
  const isLeft = leftRows.includes(row);
  const before = isSpared ? 'can stay' : word(row, found);
  const after = !left || isSpared ? before : isLeft ? word(row, left) : 'fine';
  const words = row.of.map((name) => sentence(found[name].words)).join('; ');
  const bar = h('span', { class: 'bar-track', 'aria-hidden': 'true' });
  bar.append(fill('bar-before', share(row, found)));
  if (left && !isSpared) bar.append(fill('bar-after', isLeft ? share(row, left) : 0));
  const text = h('span', { class: 'finding-word' }, before);
  if (after !== before) {
    const arrow = h('span', { 'aria-hidden': 'true' }, ' → ');
    text.append(h('span', { class: 'unseen' }, ', now '), arrow, after);
  }
  return h('div', { class: 'finding', title: words }, h('dt', {}, row.label), h('dd', {}, bar, text));
}

/**
 * @param {Row} row
 * @param {Diagnosis} diagnosis
 */
function isFound(row, diagnosis) {
  return row.of.some((name) => diagnosis[name].found);
}

/**
 * @param {Row} row
 * @param {Diagnosis} diagnosis
 */
function share(row, diagnosis) {
  if (!isFound(row, diagnosis)) return 0;
  return Math.min(1, Math.max(0, row.amount(diagnosis)));
}

/**
 * @param {Row} row
 * @param {Diagnosis} diagnosis
 */
function word(row, diagnosis) {
  if (!isFound(row, diagnosis)) return 'fine';
  return WORDS[Math.min(WORDS.length - 1, Math.floor(share(row, diagnosis) * WORDS.length))];
}

/**
 * @param {string} name
 * @param {number} share
 */
function fill(name, share) {
  const element = h('span', { class: name });
  element.style.setProperty('--share', `${share * 100}%`);
  return element;
}
