/** Each photo's way through the service: sent, looked at, enhanced, followed until it is done. */

import * as api from './api.js';
import { makeLane, pause } from './lane.js';
import { defaults, sameFile, toOutput, toWishes } from './settings.js';
import { size } from './words.js';

/** @typedef {import('./types.js').Item} Item */

/** A browser opens six connections to one place: these leave three for what is looked at. */
const SENDING = 1;
const WORKING = 2;
const THUMBNAIL = 240;
const ATTEMPTS = 20;

export class Queue {
  #store;
  #send = makeLane(SENDING);
  #work = makeLane(WORKING);

  /** @param {import('./store.js').Store} store */
  constructor(store) {
    this.#store = store;
  }

  /**
   * How files are written is a habit, and taken over from the photo that is selected.
   * @param {Iterable<File>} files
   */
  add(files) {
    const { format, strip } = this.#store.selected?.settings ?? defaults();
    const items = Array.from(files, (file) =>
      this.#store.add({ name: file.name, file, settings: { ...defaults(), format, strip } }),
    );
    if (items.length) this.#store.select(items[0]);
    for (const item of items) this.start(item);
  }

  /**
   * Send the photo if the service has not got it, then enhance it.
   * @param {Item} item
   * @param {import('./types.js').Settings} [settings] by default those chosen when its turn comes
   * @param {Item['job']} [job] that is under way already
   */
  async start(item, settings, job = null) {
    const work = new AbortController();
    item.work?.abort();
    this.#store.update(item, { work, job, state: 'waiting', progress: 0, problem: null });
    try {
      await this.#through(item, work.signal, settings).catch((error) => {
        if (!isGone(error) || !item.photo || !item.file) throw error;
        this.#store.update(item, { photo: null });
        return this.#through(item, work.signal, settings);
      });
    } catch (error) {
      if (item.work !== work) return;
      if (api.isAbort(error)) this.#store.update(item, { state: this.#rest(item) });
      else this.#fail(item, error);
    } finally {
      if (item.work === work) this.#store.update(item, { work: null, job: null });
    }
  }

  /** @param {Item} item */
  cancel(item) {
    item.work?.abort();
  }

  /** @param {Item} item */
  remove(item) {
    this.cancel(item);
    this.#store.remove(item);
    if (item.photo) api.remove('photos', item.photo.id);
    for (const { job } of item.versions) api.remove('jobs', job.id);
  }

  /**
   * @param {Item} item
   * @param {AbortSignal} signal
   * @param {import('./types.js').Settings} [settings]
   */
  async #through(item, signal, settings) {
    if (!item.photo) await this.#send(() => this.#open(item, signal), signal);
    await this.#work(() => this.#enhance(item, signal, settings ?? item.settings), signal);
  }

  /**
   * @param {Item} item
   * @param {AbortSignal} signal
   */
  async #open(item, signal) {
    const { file } = item;
    if (!file) throw new api.Problem('gone', 'The service has deleted this photo');
    const most = this.#store.limits?.max_upload ?? Infinity;
    if (file.size > most) {
      const detail = `${size(file.size)}, where the service takes at most ${size(most)}`;
      throw new api.Problem('too-large', 'Too large', detail);
    }
    await file.slice(0, 1).arrayBuffer().catch(() => {
      throw new api.Problem('unreadable', 'This file cannot be read', 'is it still there?');
    });
    this.#store.update(item, { state: 'sending' });
    const onProgress = (/** @type {number} */ progress) =>
      this.#store.update(item, { progress, state: progress < 1 ? 'sending' : 'looking' });
    const photo = await patiently(() => api.sendPhoto(file, { signal, onProgress }), signal);
    if (signal.aborted) api.remove('photos', photo.id);
    signal.throwIfAborted();
    this.#store.update(item, { photo, plan: photo.plan, offered: photo.plan, state: 'queued' });
    this.loadThumbnail(item);
  }

  /** @param {Item} item */
  async loadThumbnail(item) {
    try {
      const blob = await api.view('photos', item.photo.id, THUMBNAIL);
      this.#store.update(item, { thumbnail: URL.createObjectURL(blob) });
    } catch (error) {
      if (!(error instanceof api.Problem)) throw error; // the photo does without a thumbnail
    }
  }

  /**
   * @param {Item} item
   * @param {AbortSignal} signal
   * @param {import('./types.js').Settings} wanted
   */
  async #enhance(item, signal, wanted) {
    this.#store.update(item, { state: 'queued', progress: 0, secondsLeft: null, ahead: 0 });
    if (!item.job) {
      const settings = structuredClone(wanted);
      const order = { wishes: toWishes(settings), output: toOutput(settings) };
      const { id } = await patiently(() => api.startJob(item.photo.id, order, signal), signal);
      this.#store.update(item, { job: { id, settings } });
    }
    const { id, settings } = item.job;
    const stop = () => api.remove('jobs', id);
    signal.addEventListener('abort', stop);
    let job;
    try {
      job = await this.#follow(item, id, signal);
    } finally {
      signal.removeEventListener('abort', stop);
    }
    if (job.state === 'failed') throw api.Problem.of(job.problem ?? {});
    if (job.state === 'cancelled') throw new DOMException('cancelled', 'AbortError');
    const version = { job, settings };
    const older = item.versions.filter((other) => !sameFile(other.settings, settings));
    this.#store.update(item, { state: 'done', versions: [...older, version], shown: version });
  }

  /**
   * @param {Item} item
   * @param {string} id of the job
   * @param {AbortSignal} signal
   * @returns {Promise<import('./types.js').Job>} once it is over
   */
  async #follow(item, id, signal) {
    for (;;) {
      for await (const { name, data } of api.follow(id, signal)) {
        if (name === 'end') return data;
        const state = data.state === 'running' ? 'running' : 'queued';
        const { progress, seconds_left: secondsLeft, ahead } = data;
        this.#store.update(item, { state, progress, secondsLeft, ahead });
      }
      await pause(1, signal); // a proxy may cut the stream
    }
  }

  /**
   * @param {Item} item
   * @param {unknown} error
   */
  #fail(item, error) {
    const known = error instanceof api.Problem;
    const problem = known ? error : new api.Problem('page', 'The page made a mistake', String(error));
    this.#store.update(item, { state: 'failed', problem });
    if (!known) throw error;
  }

  /**
   * @param {Item} item
   * @returns {import('./types.js').State} what it goes back to when cancelled
   */
  #rest(item) {
    return item.shown ? 'done' : 'cancelled';
  }
}

/**
 * @param {unknown} error
 * @returns {boolean} whether the service no longer has the photo
 */
function isGone(error) {
  return error instanceof api.Problem && ['gone', 'not-found'].includes(error.kind);
}

/**
 * Try again while the service has too much to do.
 * @template T
 * @param {() => Promise<T>} action
 * @param {AbortSignal} signal
 * @returns {Promise<T>}
 */
async function patiently(action, signal) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      const busy = error instanceof api.Problem && error.kind === 'busy';
      if (!busy || attempt === ATTEMPTS) throw error;
      await pause(error.retryAfter || 2, signal);
    }
  }
}
