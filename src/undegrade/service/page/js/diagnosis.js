/** What a photo has lost: in words, and as bars. */

import { byId, h, setText } from './dom.js';
import { list, sentence } from './words.js';

/** @typedef {import('./types.js').Diagnosis} Diagnosis */

/**
 * @typedef {object} Row
 * @property {string} label
 * @property {string} noun in a sentence
 * @property {string} nothing after `no`
 * @property {(found: Diagnosis) => number} amount 0 to 1
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
  },
  {
    label: 'Compression',
    noun: 'JPEG artefacts',
    nothing: 'JPEG artefacts',
    of: ['jpeg'],
    amount: (d) => (100 - d.jpeg.value) / 90,
  },
  {
    label: 'Blur',
    noun: 'blur',
    nothing: 'blur',
    of: ['blur'],
    amount: (d) => (d.scale.value - 1) / 3,
  },
  {
    label: 'Darkness',
    noun: 'missing light',
    nothing: 'darkness',
    of: ['exposure'],
    amount: (d) => -d.exposure.value / 4,
  },
  {
    label: 'Colour cast',
    noun: 'a colour cast',
    nothing: 'colour cast',
    of: ['red_green', 'yellow_blue'],
    amount: (d) => Math.hypot(d.red_green.value, d.yellow_blue.value) / 45,
  },
  {
    label: 'Flatness',
    noun: 'little contrast',
    nothing: 'flat contrast',
    of: ['flatness'],
    amount: (d) => 1 - d.flatness.value / 40,
  },
];

const WORDS = ['slight', 'clear', 'strong'];

export class DiagnosisView {
  #words = byId('diagnosis-words');
  #list = byId('diagnosis');
  #fine = byId('diagnosis-fine');
  /** @type {Diagnosis | null} */
  #shown = null;
  /** @type {Diagnosis | null} */
  #shownLeft = null;

  /**
   * @param {Diagnosis | null} found before
   * @param {Diagnosis | null} left after, once that is known
   */
  show(found, left) {
    if (found === this.#shown && left === this.#shownLeft) return;
    this.#shown = found;
    this.#shownLeft = left;
    setText(this.#words, found ? summary(found, left) : 'Not looked at yet.');
    const isLost = (/** @type {Row} */ row) => isFound(row, found) || Boolean(left && isFound(row, left));
    const lost = found ? ROWS.filter(isLost) : [];
    this.#list.replaceChildren(...lost.map((row) => this.#row(row, found, left)));
    this.#list.hidden = lost.length === 0;
    const fine = found ? ROWS.filter((row) => !isLost(row)).map((row) => row.nothing) : [];
    setText(this.#fine, fine.length ? `No ${list(fine, 'or')}.` : '');
  }

  /**
   * @param {Row} row
   * @param {Diagnosis} found
   * @param {Diagnosis | null} left
   */
  #row(row, found, left) {
    const before = word(row, found);
    const after = left ? word(row, left) : before;
    const words = row.of.map((name) => sentence(found[name].words)).join('; ');
    const bar = h('span', { class: 'bar-track', 'aria-hidden': 'true' });
    bar.append(fill('bar-before', row, found), left ? fill('bar-after', row, left) : '');
    const text = h('span', { class: 'finding-word' }, before);
    if (after !== before) text.append(h('span', { class: 'unseen' }, ', now '), arrow(), after);
    return h(
      'div',
      { class: 'finding', title: words },
      h('dt', {}, row.label),
      h('dd', {}, bar, text),
    );
  }
}

/**
 * One sentence: what was found, or that nothing was; and what is left of it.
 * @param {Diagnosis} found
 * @param {Diagnosis | null} [left]
 * @returns {string}
 */
export function summary(found, left = null) {
  const told = (/** @type {Diagnosis} */ diagnosis) =>
    ROWS.filter((row) => isFound(row, diagnosis)).map(
      (row) => `${/^(a|little|missing) /.test(row.noun) ? '' : `${word(row, diagnosis)} `}${row.noun}`,
    );
  const lost = told(found);
  if (!lost.length) return 'Nothing that is worth mending.';
  const rest = left ? told(left) : null;
  if (!rest) return `${sentence(list(lost))}.`;
  return `${sentence(list(lost))}. ${rest.length ? `Left: ${list(rest)}.` : 'Nothing is left to mend.'}`;
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
 * @param {Row} row
 * @param {Diagnosis} diagnosis
 */
function fill(name, row, diagnosis) {
  const element = h('span', { class: name });
  element.style.setProperty('--share', `${share(row, diagnosis) * 100}%`);
  return element;
}

function arrow() {
  return h('span', { 'aria-hidden': 'true' }, ' → ');
}
