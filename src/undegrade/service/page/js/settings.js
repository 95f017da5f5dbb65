/** What can be chosen for a photo, and how the service is told. */

/** @typedef {import('./types.js').Settings} Settings */

/** Tasks that enlarge, and by how much where nobody says. */
const SR_SCALES = { sr: 4, face: 4 };
/** Noise, 0 to 255, that is worth being taken out. */
const LEAST_NOISE = 3;

/** @returns {Settings} what the photo needs */
export function defaults() {
  return {
    task: 'auto',
    scale: null,
    strength: 1,
    detail: 0,
    everywhere: false,
    grain: false,
    skip: [],
    add: [],
    noise: null,
    effort: 'normal',
    format: '',
    strip: false,
  };
}

/**
 * @param {Settings} settings
 * @returns {object} `wishes` of the REST interface
 */
export function toWishes({ everywhere, grain, format: _, strip: __, ...wishes }) {
  return { ...wishes, detail_everywhere: everywhere, keep: grain ? ['grain'] : [] };
}

/**
 * @param {Settings} settings
 * @returns {object} `output` of the REST interface
 */
export function toOutput({ format, strip }) {
  return { format: format || null, strip };
}

/**
 * @param {Settings} settings
 * @returns {number} how many times larger the result is
 */
export function srScale({ task, scale }) {
  return scale ?? SR_SCALES[task] ?? 1;
}

/**
 * @param {string} task
 * @param {number} scale
 * @returns {boolean} whether the task can have a result of this size
 */
export function allows(task, scale) {
  if (task === 'face') return scale === 4;
  if (task === 'sr') return scale > 1;
  return task === 'auto' || scale === 1;
}

/**
 * @param {Settings} settings
 * @returns {string} the same for all that ask for the same pixels
 */
export function pixelKey(settings) {
  const { skip, add, format: _, strip: __, ...others } = settings;
  const wishes = { ...others, scale: srScale(settings), skip: skip.toSorted(), add: add.toSorted() };
  return JSON.stringify(wishes, Object.keys(defaults()));
}

/**
 * @param {Settings} a
 * @param {Settings} b
 * @returns {boolean} whether both ask for the same pixels
 */
export function samePixels(a, b) {
  return pixelKey(a) === pixelKey(b);
}

/**
 * @param {Settings} a
 * @param {Settings} b
 * @returns {boolean} whether both ask for the same file
 */
export function sameFile(a, b) {
  return samePixels(a, b) && a.format === b.format && a.strip === b.strip;
}

/**
 * The settings with a step switched. Not to enlarge is to keep the size, and what was added goes.
 * @param {Settings} settings
 * @param {string} step
 * @param {boolean} isOn
 * @returns {Partial<Settings>} what changes
 */
export function switched({ scale, skip, add, noise }, step, isOn) {
  if (step === 'sr') return { scale: isOn ? scale : 1 };
  if (add.includes(step)) {
    return { add: add.filter((name) => name !== step), noise: step === 'restore' ? null : noise };
  }
  const others = skip.filter((name) => name !== step);
  return { skip: isOn ? others : [...others, step] };
}

/**
 * The settings with a step that the photo can do without. Of noise at least so much is taken that
 * it can be seen.
 * @param {Settings} settings
 * @param {string} step
 * @param {number} noise that was found
 * @returns {Partial<Settings>} what changes
 */
export function added({ add, skip }, step, noise) {
  if (step === 'sr') return { scale: 2 };
  const more = step === 'restore' ? { noise: Math.max(LEAST_NOISE, Math.ceil(noise)) } : {};
  return { add: [...add, step], skip: skip.filter((name) => name !== step), ...more };
}
