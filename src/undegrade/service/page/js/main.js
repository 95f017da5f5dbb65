/** The page: puts the parts together. */

import { announce, note } from './announce.js';
import * as api from './api.js';
import { ask } from './ask.js';
import { Batch, canRetry, missing } from './batch.js';
import { Choices } from './choices.js';
import { DiagnosisView, summary } from './diagnosis.js';
import { Dials } from './dials.js';
import { byId, setText } from './dom.js';
import { copy, download, downloadAll, share } from './download.js';
import { listenForPhotos } from './drop.js';
import { Filmstrip } from './filmstrip.js';
import { isFull, showFull } from './full.js';
import { History } from './history.js';
import { listenForKeys } from './keys.js';
import { pause } from './lane.js';
import { showActions, showFacts } from './panel.js';
import { PlanView } from './plan.js';
import { Planner } from './planner.js';
import { showProgress } from './progress.js';
import { Queue } from './queue.js';
import * as session from './session.js';
import { added, defaults, sameFile, switched } from './settings.js';
import { Stage } from './stage.js';
import { Store, isBusy } from './store.js';
import { askForToken } from './token.js';
import { inWords, showTrouble } from './trouble.js';
import { Undo } from './undo.js';
import { counted, duration } from './words.js';

/** @typedef {import('./types.js').Item} Item */
/** @typedef {import('./types.js').Settings} Settings */

const store = new Store();
const queue = new Queue(store);
const planner = new Planner(store);
const stage = new Stage();
const diagnosis = new DiagnosisView();
const dials = new Dials(change);
const choices = new Choices(change);
const plan = new PlanView({
  onSwitch: (step, isOn) => change(switched(store.selected.settings, step, isOn)),
  onAdd(step) {
    const { settings, photo } = store.selected;
    change(added(settings, step, photo.diagnosis.noise.value));
  },
});
const batch = new Batch();
const undo = new Undo();
const filmstrip = new Filmstrip(
  (item, isOpened) => {
    if (isOpened) showGrid(false);
    store.select(item);
  },
  (item) => queue.remove(item),
);
const history = new History(
  (item, version) => {
    store.update(item, { shown: version, settings: structuredClone(version.settings) });
    store.select(item);
  },
  (item, version) => fetched(item, () => download(version)),
);

/** Seconds until a service that does not answer is asked again. */
const RETRY = 2;

/** @type {WeakMap<Item, string>} */
const told = new WeakMap();

/** @param {Partial<Settings>} changes of the selected photo */
function change(changes) {
  const item = store.selected;
  undo.before(item, Object.keys(changes).join());
  become(item, { ...item.settings, ...changes });
}

/**
 * @param {Item} item
 * @param {Settings} settings
 */
function become(item, settings) {
  // What has been made already need not be made again.
  const made = item.versions.find((version) => sameFile(version.settings, settings));
  store.update(item, { settings, shown: made ?? item.shown });
}

/** @param {'undo' | 'redo'} way */
function takeBack(way) {
  const item = store.selected;
  const settings = item && undo.go(item, way);
  if (settings) become(item, settings);
}

function show() {
  const focused = document.activeElement;
  render();
  // Where a button has gone with what it did, the keyboard goes on at the photo.
  const now = document.activeElement;
  const isLost = now === document.body || !now?.checkVisibility() || now.matches(':disabled');
  if (focused !== document.body && isLost) {
    byId(store.selected ? 'viewport' : 'choose').focus({ preventScroll: true });
  }
}

function render() {
  const { items, selected } = store;
  document.body.classList.toggle('is-empty', !selected);
  byId('welcome').hidden = Boolean(selected);
  byId('work').hidden = !selected;
  byId('work').classList.toggle('is-unread', selected?.state === 'failed' && !selected.photo);
  batch.show(items);
  stage.show(store);
  filmstrip.show(store);
  history.show(store);
  for (const item of items) tell(item);
  if (!selected) {
    showFull(false);
    return;
  }
  const { photo, shown, settings } = selected;
  showFacts(selected);
  showProgress(selected, store.ahead(selected));
  showTrouble(selected);
  diagnosis.show(photo, shown?.job.report ?? null);
  plan.show(selected);
  dials.show(selected);
  choices.show(settings);
  showActions(selected, items);
  for (const way of /** @type {const} */ (['undo', 'redo'])) {
    /** @type {HTMLButtonElement} */ (byId(way)).disabled = !undo.can(selected, way);
  }
  planner.show();
}

/**
 * Say what has become of a photo, once.
 * @param {Item} item
 */
function tell(item) {
  const { name, state, problem, photo, shown } = item;
  if (told.get(item) === state) return;
  told.set(item, state);
  if (state === 'failed') {
    const { title, detail } = inWords(problem, name);
    announce(`${name}: ${title}. ${detail}`, true);
  } else if (state === 'running') {
    announce(`${name}: ${summary(photo)} Enhancing.`);
  } else if (state === 'done') {
    announce(`${name}: done. ${summary(photo, shown.job.report)}`);
  } else if (state === 'cancelled') {
    announce(`${name}: cancelled.`);
  }
}

/**
 * Ask for a result of a photo; where that cannot be had, say so beside it.
 * @param {Item} item
 * @param {() => Promise<unknown>} action
 * @returns {Promise<boolean>} whether it was had
 */
async function fetched(item, action) {
  try {
    await action();
    return true;
  } catch (error) {
    if (!(error instanceof api.Problem)) throw error;
    store.update(item, { state: 'failed', problem: error });
    store.select(item);
    return false;
  }
}

/**
 * Whoever has just chosen to leave metadata out must not get a file with them. What the dials say
 * by now is another matter: the pixels stay those that are shown.
 * @param {Item[]} items
 */
async function asChosen(items) {
  const isOther = ({ settings, shown }) =>
    settings.strip !== shown.settings.strip || settings.format !== shown.settings.format;
  const rewrite = (/** @type {Item} */ item) => {
    const { format, strip } = item.settings;
    return queue.start(item, { ...item.shown.settings, format, strip });
  };
  await Promise.all(items.filter(isOther).map(rewrite));
  return items.every((item) => item.state === 'done' && !isOther(item));
}

async function downloadSelected() {
  const item = store.selected;
  if (await asChosen([item])) await fetched(item, () => download(item.shown));
}

async function copySelected() {
  const item = store.selected;
  try {
    await copy(item.shown);
    note('The result is in the clipboard.');
  } catch (error) {
    if (error instanceof api.Problem) throw error;
    note('The browser does not let the result be copied.');
  }
}

async function shareSelected() {
  try {
    await share(store.selected.shown);
  } catch (error) {
    if (error instanceof api.Problem) throw error;
    if (!api.isAbort(error)) note('The browser does not let the result be shared.');
  }
}

/** @param {number} step to another photo */
function go(step) {
  const { items, selected } = store;
  const next = items[items.indexOf(selected) + step];
  if (next) store.select(next);
}

/** All that there are; what is missing is said. */
async function downloadEach() {
  const items = store.items.filter(({ shown }) => shown);
  if (!(await asChosen(items))) return;
  const has = (/** @type {Item} */ item) => fetched(item, () => api.job(item.shown.job.id));
  const had = await Promise.all(items.map(has));
  const left = items.filter((_, at) => had[at]);
  if (!left.length) return;
  const gone = items.length - left.length;
  const words = gone ? `${counted(gone, 'result')} the service has deleted.` : missing(store.items);
  if (words) note(words);
  await fetched(left[0], () => downloadAll(left.map(({ shown }) => shown)));
}

/** @param {boolean} isOn all photos in rows, instead of one of them large */
function showGrid(isOn) {
  byId('work').classList.toggle('is-grid', isOn);
  byId('grid').setAttribute('aria-pressed', String(isOn));
}

async function clear() {
  const count = store.items.length;
  const words = 'The service deletes them and their results. What was downloaded stays.';
  if (!(await ask(`Remove ${counted(count, 'photo')}?`, words, 'Remove all'))) return;
  for (const item of [...store.items]) queue.remove(item);
  showGrid(false);
}

/** Give the selected photo's settings to all, and enhance those that need it. */
function useForAll() {
  const { settings } = store.selected;
  for (const item of store.items) {
    const isSame = item.shown && sameFile(item.shown.settings, settings);
    store.update(item, { settings: structuredClone(settings) });
    if (!isSame && item.state !== 'failed') queue.start(item);
  }
}

function discard() {
  const item = store.selected;
  if (item.shown) store.update(item, { state: 'done', problem: null });
  else queue.remove(item);
}

async function start() {
  api.onTokenNeeded(askForToken);
  listenForPhotos((files) => queue.add(files));
  const grid = () => showGrid(!byId('work').classList.contains('is-grid'));
  const full = () => showFull(!isFull());
  byId('grid').addEventListener('click', grid);
  byId('full').addEventListener('click', full);
  listenForKeys({
    ...{ grid, full, go, change: takeBack },
    side: () => stage.switchSides(),
    hold: (isOn) => stage.hold(isOn),
  });
  byId('undo').addEventListener('click', () => takeBack('undo'));
  byId('redo').addEventListener('click', () => takeBack('redo'));
  byId('copy').addEventListener('click', () => fetched(store.selected, copySelected));
  byId('share').addEventListener('click', () => fetched(store.selected, shareSelected));
  byId('clear').addEventListener('click', clear);
  byId('retry-failed').addEventListener('click', () => {
    for (const item of store.items.filter(canRetry)) queue.start(item);
  });
  // What the service has goes on; what only this page has would be lost.
  window.addEventListener('beforeunload', (event) => {
    if (store.items.some((item) => item.file && !item.photo && isBusy(item))) event.preventDefault();
  });
  byId('cancel').addEventListener('click', () => queue.cancel(store.selected));
  byId('retry').addEventListener('click', () => queue.start(store.selected));
  byId('discard').addEventListener('click', discard);
  byId('apply').addEventListener('click', () => queue.start(store.selected));
  byId('reset').addEventListener('click', () => change(defaults()));
  byId('for-all').addEventListener('click', useForAll);
  byId('download').addEventListener('click', downloadSelected);
  byId('download-all').addEventListener('click', downloadEach);
  store.subscribe(show);
  while (!(await begin())) await pause(RETRY);
  // Not before: what could not be asked for must not be taken for deleted.
  store.subscribe(session.keep);
  show();
}

/** @returns {Promise<boolean>} whether the service has answered */
async function begin() {
  try {
    store.limits = await api.limits();
    choices.offer(store.limits);
    const hours = duration(store.limits.keep_seconds);
    setText(byId('promise'), `Photos go to ${location.hostname} only, and are deleted after ${hours}.`);
    await session.restore(store, (item, isUnfinished) => {
      queue.loadThumbnail(item);
      if (isUnfinished) queue.start(item, undefined, item.job);
    });
    return true;
  } catch (error) {
    if (!(error instanceof api.Problem)) throw error;
    setText(byId('promise'), `${inWords(error).title}.`);
    return false;
  }
}

start();
