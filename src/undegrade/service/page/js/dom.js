/** Small helpers for the document. Text from outside only ever becomes text nodes. */

/**
 * The element with this id; the page's own markup holds it.
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return /** @type {T} */ (found);
}

/**
 * A new element. Properties starting with `on` are listeners, the others attributes; `false` and
 * `null` leave an attribute out.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string | null | false)} children
 * @returns {HTMLElement}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else setAttribute(element, name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | number | boolean | null | undefined} value `true` is an empty attribute
 */
export function setAttribute(element, name, value) {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? '' : String(value));
}

/**
 * Set the text where it differs: screen readers announce live text once, and a selection stays.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Call an action once things have been quiet for a while.
 * @param {number} milliseconds
 * @param {() => void} action
 * @returns {{ soon: () => void, cancel: () => void }}
 */
export function debounced(milliseconds, action) {
  let timer = 0;
  return {
    soon() {
      clearTimeout(timer);
      timer = setTimeout(action, milliseconds);
    },
    cancel: () => clearTimeout(timer),
  };
}
