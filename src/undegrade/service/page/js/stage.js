/** Brings the selected photo, its result and its preview into the comparison. */

import { Compare } from './compare.js';
import { byId, setText } from './dom.js';
import { Layer } from './layer.js';
import { LocalLayer } from './local.js';
import { Preview } from './preview.js';
import { pixelKey, samePixels } from './settings.js';
import { isBusy } from './store.js';

/** @typedef {import('./types.js').Item} Item */

export class Stage {
  #preview = new Preview((working) => this.#onPreview(working));
  #compare = new Compare(this.#preview, () => this.#refreshPreview());
  /** @type {Item | null} */
  #item = null;
  #before = new Slot(() => this.#show());
  #after = new Slot(() => this.#show());
  #previewed = '';

  /** @param {import('./store.js').Store} store */
  show({ selected }) {
    if (selected !== this.#item) {
      this.#preview.clear();
      this.#previewed = '';
      this.#before.want('', null);
      this.#after.want('', null);
      this.#item = selected;
    }
    if (!selected) return;
    const { photo, shown, file, key } = selected;
    const draw = () => this.#compare.draw();
    if (photo) {
      const { id, width, height } = photo;
      this.#before.want(id, () => new Layer('photos', id, width, height, draw));
    } else if (file) {
      this.#before.want(`local-${key}`, () => new LocalLayer(`local-${key}`, file));
    }
    if (shown && !shown.job.report.unchanged) {
      const { id, report } = shown.job;
      this.#after.want(id, () => new Layer('jobs', id, report.width, report.height, draw));
    } else {
      this.#after.want('', null);
    }
    this.#checkPreview(selected);
  }

  switchSides() {
    this.#compare.switchSides();
  }

  /** @param {boolean} isOn the photo as it was */
  hold(isOn) {
    this.#compare.hold(isOn);
  }

  #show() {
    const name = this.#item?.name ?? 'Photo';
    this.#compare.show(this.#before.layer, this.#after.layer, name);
  }

  /** @param {Item} item */
  #checkPreview(item) {
    const isWanted = item.photo && item.shown && !isBusy(item);
    if (!isWanted || samePixels(item.settings, item.shown.settings)) {
      if (!isBusy(item)) {
        this.#preview.clear();
        this.#previewed = '';
        this.#compare.draw();
      }
      this.#onPreview(false);
      return;
    }
    const wanted = pixelKey(item.settings);
    if (wanted === this.#previewed) return;
    this.#previewed = wanted;
    // At the size of the screen nobody sees what a dial does to noise.
    if (!Preview.fits(item, this.#compare.camera.seen)) this.#compare.zoomTo(1);
    this.#refreshPreview();
  }

  #refreshPreview() {
    if (this.#previewed && this.#item) this.#preview.show(this.#item, this.#compare.camera.seen);
  }

  /** @param {boolean} working */
  #onPreview(working) {
    byId('after-busy').hidden = !working;
    setText(byId('after-label'), this.#preview.isEmpty ? 'After' : 'Preview');
    this.#compare.draw();
  }
}

/** Holds a layer until the next one can be drawn, so that nothing flickers. */
class Slot {
  /** @type {any} */
  layer = null;
  /** @type {any} */
  #next = null;
  #id = '';
  #onChange;

  /** @param {() => void} onChange another layer is there */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /**
   * @param {string} id
   * @param {(() => any) | null} make
   */
  async want(id, make) {
    if (id === this.#id) return;
    this.#id = id;
    this.#next?.close();
    const next = (this.#next = make?.() ?? null);
    if (next) await next.load();
    if (this.#id !== id) return;
    this.layer?.close();
    this.layer = next;
    this.#next = null;
    this.#onChange();
  }
}
