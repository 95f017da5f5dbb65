/** The session outlives a reload: photos and results stay with the service for a while. */

import * as api from './api.js';
import { defaults } from './settings.js';

const KEY = 'undegrade.session';

/** @param {import('./store.js').Store} store */
export function keep({ items }) {
  const kept = items
    .filter(({ photo }) => photo)
    .map(({ photo, settings, versions }) => ({
      photo: photo.id,
      settings,
      versions: versions.map((version) => ({ job: version.job.id, settings: version.settings })),
    }));
  sessionStorage.setItem(KEY, JSON.stringify(kept));
}

/**
 * What is still there of the last session in this tab.
 * @param {import('./store.js').Store} store
 * @param {(item: import('./types.js').Item) => void} onItem
 */
export async function restore(store, onItem) {
  for (const kept of read()) {
    const photo = await found(api.photo(kept.photo));
    if (!photo) continue;
    const versions = [];
    for (const { job: id, settings } of kept.versions) {
      const job = await found(api.job(id));
      if (job?.state === 'done') versions.push({ job, settings });
    }
    const shown = versions[versions.length - 1] ?? null;
    onItem(
      store.add({
        name: photo.name ?? 'photo',
        photo,
        plan: photo.plan,
        offered: photo.plan,
        settings: { ...defaults(), ...kept.settings },
        versions,
        shown,
        state: shown ? 'done' : 'cancelled',
      }),
    );
  }
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

/** @returns {{ photo: string, settings: object, versions: { job: string, settings: any }[] }[]} */
function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
  } catch {
    return []; // written by nobody that this page knows
  }
}
