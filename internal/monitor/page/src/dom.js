// Elements of the page. Texts that came over the wire get into it only by textContent.

export const byId = (id) => document.getElementById(id);

/** element makes one, with a class and a text. */
export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** setText leaves an element alone that has the text: a screen reader may be reading it. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Longer names and units are cut, so that they leave room for the numbers. */
const NAME = 60;

// What would change the direction or the place of other texts.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function cut(text, length = NAME) {
  const characters = Array.from(String(text).slice(0, 4 * length).replace(CONTROLS, ""));
  return characters.length > length ? characters.slice(0, length - 1).join("") + "…" : characters.join("");
}

/** label is the name of a quantity with its unit, as an axis has it. */
export function label({ name, unit }) {
  return unit ? `${cut(name, 32)} (${cut(unit, 16)})` : cut(name, 32);
}
