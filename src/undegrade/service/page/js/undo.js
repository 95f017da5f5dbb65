/** Changes of settings can be taken back, and made again, for each photo by itself. */

/** @typedef {import('./types.js').Item} Item */
/** @typedef {import('./types.js').Settings} Settings */

/** Milliseconds within which changes of the same kind, as a dial's, are one. */
const ONE = 1000;

export class Undo {
  /** @type {WeakMap<Item, { undo: Settings[], redo: Settings[], kind: string, time: number }>} */
  #stacks = new WeakMap();

  /**
   * Remember the settings as they are, before they change.
   * @param {Item} item
   * @param {string} kind of the change
   */
  before(item, kind) {
    const stack = this.#of(item);
    const now = performance.now();
    const isSame = stack.kind === kind && now - stack.time < ONE && stack.undo.length > 0;
    if (!isSame) stack.undo.push(item.settings);
    Object.assign(stack, { redo: [], kind, time: now });
  }

  /**
   * @param {Item} item
   * @param {'undo' | 'redo'} way
   * @returns {Settings | null} what to go to
   */
  go(item, way) {
    const stack = this.#of(item);
    const to = stack[way].pop();
    if (!to) return null;
    stack[way === 'undo' ? 'redo' : 'undo'].push(item.settings);
    stack.kind = '';
    return to;
  }

  /**
   * @param {Item} item
   * @param {'undo' | 'redo'} way
   */
  can(item, way) {
    return this.#of(item)[way].length > 0;
  }

  /** @param {Item} item */
  #of(item) {
    const found = this.#stacks.get(item) ?? { undo: [], redo: [], kind: '', time: 0 };
    this.#stacks.set(item, found);
    return found;
  }
}
