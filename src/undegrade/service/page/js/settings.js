/** What can be chosen for a photo, and how the service is told. */

/** @typedef {import('./types.js').Settings} Settings */

/** Tasks that enlarge, and by how much where nobody says. */
const SR_SCALES = { sr: 4, face: 4 };

/** @returns {Settings} what the photo needs */
export function defaults() {
  return {
    task: 'auto',
    scale: null,
    strength: 1,
    detail: 0,
    grain: false,
    skip: [],
    format: '',
    strip: false,
  };
}

/**
 * @param {Settings} settings
 * @returns {object} `wishes` of the REST interface
 */
export function toWishes({ task, scale, strength, detail, grain, skip }) {
  return { task, scale, strength, detail, keep: grain ? ['grain'] : [], skip };
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
  const { task, strength, detail, grain, skip } = settings;
  return JSON.stringify([task, srScale(settings), strength, detail, grain, [...skip].sort()]);
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
 * The settings with a step switched. Not to enlarge is to keep the size.
 * @param {Settings} settings
 * @param {string} step
 * @param {boolean} isOn
 * @returns {Settings}
 */
export function switched(settings, step, isOn) {
  if (step === 'sr') return { ...settings, scale: isOn ? settings.scale : 1 };
  const others = settings.skip.filter((name) => name !== step);
  return { ...settings, skip: isOn ? others : [...others, step] };
}
