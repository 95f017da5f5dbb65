/** The panel beside the photo: what it is, and what can be done with it now. */

import { byId, setText } from './dom.js';
import { canCopy, canShare } from './download.js';
import { defaults, sameFile, samePixels } from './settings.js';
import { isBusy } from './store.js';
import { pixels, size } from './words.js';

/** @typedef {import('./types.js').Item} Item */

/** @param {Item} item */
export function showFacts({ name, photo, shown, file }) {
  setText(byId('photo-name'), name);
  const parts = photo
    ? [pixels(photo.width, photo.height), photo.format, size(photo.bytes)]
    : [size(file?.size ?? 0)];
  const report = shown?.job.report.unchanged ? null : shown?.job.report;
  const after = report ? ` → ${pixels(report.width, report.height)}, ${size(shown.job.bytes ?? 0)}` : '';
  setText(byId('photo-facts'), parts.join(', ') + after);
}

/**
 * @param {Item} item
 * @param {Item[]} items all of them
 */
export function showActions(item, items) {
  const { photo, state, shown, settings } = item;
  const apply = byId('apply');
  const download = /** @type {HTMLButtonElement} */ (byId('download'));
  const isMade = Boolean(shown && samePixels(settings, shown.settings));
  apply.hidden = isBusy(item) || isMade || (!photo && state !== 'cancelled');
  setText(apply, shown ? 'Apply' : 'Enhance');
  download.hidden = !shown && !apply.hidden;
  download.disabled = !shown || isBusy(item);
  download.classList.toggle('primary', apply.hidden);
  byId('reset').hidden = sameFile(settings, defaults());
  byId('for-all').hidden = items.length < 2;
  byId('copy').hidden = !shown || isBusy(item) || !canCopy();
  byId('share').hidden = !shown || isBusy(item) || !canShare();
}
