/**
 * Makes an element. Texts become text and never markup.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | boolean | undefined | ((event: Event) => void)>} properties attributes, and functions that hear events of their names
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (typeof value === "string") made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/**
 * The element of the page that has an id.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

/**
 * A part that opens; what is in it is made when it is opened first.
 * @param {(Node | string)[]} summary
 * @param {() => Node} make
 * @param {boolean} [isOpen]
 * @returns {HTMLElement}
 */
export function folded(summary, make, isOpen = false) {
  let isMade = isOpen;
  const fold = element(
    "details",
    {
      open: isOpen,
      toggle() {
        if (isMade) return;
        isMade = true;
        fold.append(make());
      },
    },
    element("summary", {}, ...summary),
  );
  if (isOpen) fold.append(make());
  return fold;
}

/**
 * The badge of a method.
 * @param {string} method
 * @returns {HTMLElement}
 */
export function badge(method) {
  return element("span", { class: `method ${method}` }, method.toUpperCase());
}
