/** Every result of the session, the latest first. */

import { byId, h, setAttribute } from './dom.js';
import { title } from './plan.js';
import { list, size } from './words.js';

/** @typedef {import('./types.js').Item} Item */
/** @typedef {import('./types.js').Version} Version */

export class History {
  #list = byId('history');
  #section = byId('history-section');
  #onShow;
  #onDownload;
  #shown = '';

  /**
   * @param {(item: Item, version: Version) => void} onShow
   * @param {(item: Item, version: Version) => void} onDownload
   */
  constructor(onShow, onDownload) {
    this.#onShow = onShow;
    this.#onDownload = onDownload;
  }

  /** @param {import('./store.js').Store} store */
  show({ items, selected }) {
    const entries = items.flatMap((item) => item.versions.map((version) => ({ item, version })));
    entries.sort((a, b) => b.version.job.created.localeCompare(a.version.job.created));
    const of = entries.map(({ version }) => version.job.id).join();
    if (of !== this.#shown) {
      this.#shown = of;
      const labels = numbered(entries.map(({ item }) => item.name).reverse()).reverse();
      this.#section.hidden = entries.length === 0;
      this.#list.replaceChildren(...entries.map(({ item, version }, at) => this.#entry(item, version, labels[at])));
    }
    for (const button of this.#list.querySelectorAll('.history-show')) {
      const isShown = button.getAttribute('data-job') === selected?.shown?.job.id;
      setAttribute(button, 'aria-current', isShown ? 'true' : null);
    }
  }

  /**
   * @param {Item} item
   * @param {Version} version
   * @param {string} label of its own
   */
  #entry(item, version, label) {
    const { job } = version;
    const time = new Date(job.created).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    const facts = `${time} · ${size(job.bytes ?? 0)}`;
    return h(
      'li',
      {},
      h(
        'button',
        {
          type: 'button',
          class: 'history-show',
          'data-job': job.id,
          onclick: () => this.#onShow(item, version),
        },
        h('span', { class: 'history-name' }, label),
        h('span', { class: 'quiet' }, `${done(version)} · ${facts}`),
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'button small',
          'aria-label': `Download ${label}`,
          onclick: () => this.#onDownload(item, version),
        },
        '↓',
      ),
    );
  }
}

/**
 * @param {string[]} names
 * @returns {string[]} with a number where one has been there before
 */
function numbered(names) {
  const counts = new Map();
  return names.map((name) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
}

/** @param {Version} version */
function done({ job, settings }) {
  const { strength, detail, everywhere, effort, strip } = settings;
  const parts = job.report.steps.map(title).map((step, at) => (at ? step.toLowerCase() : step));
  const more = [
    strength === 1 ? '' : `strength ${Math.round(strength * 100)} %`,
    detail === 0 ? '' : `detail ${Math.round(detail * 100)} %${everywhere ? ' everywhere' : ''}`,
    effort === 'normal' ? '' : `effort ${effort}`,
    strip ? 'without metadata' : '',
  ].filter(Boolean);
  return [list(parts) || 'As it was', ...more].join(', ');
}
