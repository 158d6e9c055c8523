// Small parts that every module of the chat makes its elements of.

/** Makes an element. Strings become text nodes, so nothing from outside is ever read as HTML. */
export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** A name from outside, isolated so that right-to-left marks in it turn nothing else around. */
export function name(text) {
  return element("bdi", "", text);
}

/** A button that does something on this page. */
export function button(label, className, act) {
  const made = element("button", className, label);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

let lastId = 0;

/** An id that no other element of this page has. */
export function newId() {
  lastId += 1;
  return `part-${lastId}`;
}
