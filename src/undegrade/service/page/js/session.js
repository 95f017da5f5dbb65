/** The session outlives a reload: photos and results stay with the service for a while. */

import * as api from './api.js';
import { defaults } from './settings.js';
import { isBusy } from './store.js';

const KEY = 'undegrade.session';

/** @param {import('./store.js').Store} store */
export function keep({ items }) {
  const kept = items
    .filter(({ photo }) => photo)
    .map((item) => ({ ...item, isUnfinished: isBusy(item) }))
    .map(({ photo, settings, versions, job, isUnfinished }) => ({
      photo: photo.id,
      settings,
      job,
      isUnfinished,
      versions: versions.map((version) => ({ job: version.job.id, settings: version.settings })),
    }));
  sessionStorage.setItem(KEY, JSON.stringify(kept));
}

/**
 * What is still there of the last session in this tab.
 * @param {import('./store.js').Store} store
 * @param {(item: import('./types.js').Item, isUnfinished: boolean) => void} onItem
 */
export async function restore(store, onItem) {
  const items = [];
  /** @type {boolean[]} */
  const unfinished = [];
  for (const kept of read()) {
    const photo = await found(api.photo(String(kept.photo)));
    if (!photo) continue;
    const versions = [];
    for (const { job: id, settings } of list(kept.versions)) {
      const job = await found(api.job(String(id)));
      if (job?.state === 'done') versions.push({ job, settings: sound(settings) });
    }
    const shown = versions[versions.length - 1] ?? null;
    const under = kept.job && (await found(api.job(String(kept.job.id))));
    unfinished.push(kept.isUnfinished === true);
    items.push({
      name: photo.name ?? 'photo',
      photo,
      plan: photo.plan,
      offered: photo.plan,
      settings: sound(kept.settings),
      versions,
      shown,
      job: under ? { id: under.id, settings: sound(kept.job.settings) } : null,
      state: /** @type {const} */ (shown ? 'done' : 'cancelled'),
    });
  }
  // All or none: this is tried again where the service has stopped answering.
  items.forEach((item, at) => onItem(store.add(item), unfinished[at]));
}

/**
 * @template T
 * @param {Promise<T>} asking
 * @returns {Promise<T | null>} `null` where the service has deleted it
 */
async function found(asking) {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof api.Problem && ['gone', 'not-found'].includes(error.kind)) return null;
    throw error;
  }
}

/** @returns {any[]} objects that may hold anything: another version may have written them */
function read() {
  try {
    return list(JSON.parse(sessionStorage.getItem(KEY) ?? '[]'));
  } catch {
    return []; // no JSON
  }
}

/**
 * @param {unknown} value
 * @returns {any[]} its objects
 */
function list(value) {
  return Array.isArray(value) ? value.filter((each) => each && typeof each === 'object') : [];
}

/**
 * @param {any} value
 * @returns {import('./types.js').Settings} with the defaults for what makes no sense
 */
function sound(value) {
  const usual = defaults();
  const isSame = (/** @type {string} */ name) =>
    typeof value?.[name] === typeof usual[name] && Array.isArray(value[name]) === Array.isArray(usual[name]);
  const names = Object.keys(usual).filter(
    (name) => isSame(name) || (['scale', 'noise'].includes(name) && Number.isFinite(value?.[name])),
  );
  return { ...usual, ...Object.fromEntries(names.map((name) => [name, value[name]])) };
}
