/** The service's REST interface. Every call may be aborted, and fails with a `Problem`. */

/** @typedef {import('./types.js').Box} Box */

const BASE = new URL('api/v1/', document.baseURI);
const TOKEN = 'undegrade.token';

/** What went wrong, in the words of the service. */
export class Problem extends Error {
  /**
   * @param {string} kind the end of the problem's type
   * @param {string} title
   * @param {string} [detail]
   * @param {string} [hint]
   * @param {number} [retryAfter] seconds
   */
  constructor(kind, title, detail = '', hint = '', retryAfter = 0) {
    super(detail || title);
    this.kind = kind;
    this.title = title;
    this.detail = detail;
    this.hint = hint;
    this.retryAfter = retryAfter;
  }

  /**
   * @param {any} document problem details, RFC 9457
   * @param {number} [retryAfter]
   */
  static of(document, retryAfter = 0) {
    const kind = String(document.type ?? '').split(':').pop() || 'internal';
    return new Problem(kind, document.title ?? '', document.detail, document.hint, retryAfter);
  }
}

/** @type {(refused: boolean) => Promise<string>} */
let askForToken = () => Promise.reject(new Problem('token', 'A token is needed'));
/** @type {Promise<string> | null} */
let asking = null;

/**
 * Say who asks a person for the token; `refused` tells that the last one was wrong.
 * @param {(refused: boolean) => Promise<string>} ask
 */
export function onTokenNeeded(ask) {
  askForToken = ask;
}

/** @returns {boolean} whether addresses work without this page's help */
export function isOpen() {
  return !token();
}

/** @param {string} path below `/api/v1/` */
export function address(path) {
  return new URL(path, BASE).href;
}

/** @returns {Promise<import('./types.js').Limits>} */
export function limits() {
  return json('limits');
}

/**
 * @param {File} file
 * @param {{ signal: AbortSignal, onProgress: (share: number) => void }} options
 * @returns {Promise<import('./types.js').Photo>}
 */
export async function sendPhoto(file, options) {
  for (;;) {
    const used = token();
    try {
      return await upload(file, used, options);
    } catch (error) {
      if (!(error instanceof Problem) || error.kind !== 'token') throw error;
      await newToken(used);
    }
  }
}

/** @returns {Promise<import('./types.js').Photo>} */
export function photo(/** @type {string} */ id) {
  return json(`photos/${id}`);
}

/** @returns {Promise<import('./types.js').Job>} */
export function job(/** @type {string} */ id) {
  return json(`jobs/${id}`);
}

/**
 * @param {string} id of a photo
 * @param {object} wishes
 * @param {AbortSignal} signal
 * @returns {Promise<import('./types.js').Plan>}
 */
export function plan(id, wishes, signal) {
  return json(`photos/${id}/plan`, post({ wishes }, signal));
}

/**
 * @param {string} id of a photo
 * @param {object} wishes
 * @param {Box} box at most 512 x 512
 * @param {AbortSignal} signal
 * @returns {Promise<Blob>}
 */
export function preview(id, wishes, box, signal) {
  return blob(`photos/${id}/preview`, post({ wishes, ...box }, signal));
}

/**
 * @param {string} id of a photo
 * @param {{ wishes: object, output: object }} order
 * @param {AbortSignal} signal
 * @returns {Promise<import('./types.js').Job>}
 */
export function startJob(id, order, signal) {
  return json(`photos/${id}/jobs`, post(order, signal));
}

/**
 * The events of a job: its state again and again, and the whole job at last.
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<{ name: string, data: any }>}
 */
export async function* follow(id, signal) {
  const response = await request(`jobs/${id}/events`, { signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read().catch((error) => {
      throw isAbort(error) ? error : unreachable();
    });
    if (done) return;
    const parts = (text + value).split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) {
      const name = /^event: (.*)$/m.exec(part)?.[1];
      const data = /^data: (.*)$/m.exec(part)?.[1];
      if (name && data) yield { name, data: JSON.parse(data) };
    }
  }
}

/**
 * @param {'photos' | 'jobs'} kind
 * @param {string} id
 * @param {number} side longest, in pixels
 * @param {AbortSignal} [signal]
 * @returns {Promise<Blob>}
 */
export function view(kind, id, side, signal) {
  return blob(`${kind}/${id}/view?size=${side}`, { signal });
}

/**
 * @param {'photos' | 'jobs'} kind
 * @param {string} id
 * @param {Box} box at most 1024 x 1024
 * @param {AbortSignal} [signal]
 * @returns {Promise<Blob>}
 */
export function crop(kind, id, box, signal) {
  const { x, y, width, height } = box;
  return blob(`${kind}/${id}/crop?x=${x}&y=${y}&width=${width}&height=${height}`, { signal });
}

/** @returns {Promise<Blob>} */
export function file(/** @type {string} */ path) {
  return blob(path);
}

/**
 * Delete a photo or a job; it does not matter when that fails, for the service does it in time.
 * @param {'photos' | 'jobs'} kind
 * @param {string} id
 */
export async function remove(kind, id) {
  try {
    await request(`${kind}/${id}`, { method: 'DELETE', keepalive: true });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
}

/** @param {unknown} error */
export function isAbort(error) {
  return error instanceof DOMException && error.name === 'AbortError';
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 */
async function json(path, options) {
  return (await request(path, options)).json();
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 */
async function blob(path, options) {
  return (await request(path, options)).blob();
}

/**
 * @param {object} body
 * @param {AbortSignal} signal
 * @returns {RequestInit}
 */
function post(body, signal) {
  const headers = { 'Content-Type': 'application/json' };
  return { method: 'POST', headers, body: JSON.stringify(body), signal };
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
async function request(path, options = {}) {
  for (;;) {
    const used = token();
    const headers = { ...options.headers, ...authorization(used) };
    let response;
    try {
      response = await fetch(address(path), { ...options, headers });
    } catch (error) {
      throw isAbort(error) ? error : unreachable();
    }
    if (response.ok) return response;
    const retryAfter = Number(response.headers.get('Retry-After')) || 0;
    const problem = Problem.of(await response.json().catch(() => ({})), retryAfter);
    if (problem.kind !== 'token') throw problem;
    await newToken(used);
  }
}

/**
 * `fetch` does not tell how far a body has been sent.
 * @param {File} file
 * @param {string} used token
 * @param {{ signal: AbortSignal, onProgress: (share: number) => void }} options
 * @returns {Promise<any>}
 */
function upload(file, used, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    const stop = () => sending.abort();
    sending.open('POST', address('photos'));
    sending.responseType = 'json';
    for (const [name, value] of Object.entries(authorization(used))) {
      sending.setRequestHeader(name, value);
    }
    sending.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    sending.onload = () => {
      if (sending.status < 300) return resolve(sending.response);
      const retryAfter = Number(sending.getResponseHeader('Retry-After')) || 0;
      return reject(Problem.of(sending.response ?? {}, retryAfter));
    };
    sending.onerror = () => reject(unreachable());
    sending.onabort = () => reject(new DOMException('aborted', 'AbortError'));
    sending.onloadend = () => signal.removeEventListener('abort', stop);
    signal.addEventListener('abort', stop);
    if (signal.aborted) return sending.onabort(null);
    const form = new FormData();
    form.append('photo', file, file.name);
    return sending.send(form);
  });
}

function token() {
  return sessionStorage.getItem(TOKEN) ?? '';
}

/**
 * @param {string} used
 * @returns {Record<string, string>}
 */
function authorization(used) {
  return used ? { Authorization: `Bearer ${used}` } : {};
}

/**
 * Ask once, however many requests have been refused.
 * @param {string} used the token that was refused
 */
async function newToken(used) {
  if (token() !== used) return;
  asking ??= askForToken(used !== '').finally(() => {
    asking = null;
  });
  sessionStorage.setItem(TOKEN, await asking);
}

function unreachable() {
  return new Problem('unreachable', 'The service does not answer', '', 'is it still running?');
}
