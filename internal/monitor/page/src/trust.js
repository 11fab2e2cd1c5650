// What the server says of its estimates: that they cannot be trusted, and why.

import { byId, cut, element, setText } from "./dom.js";
import { count } from "./numbers.js";

const WARNING = 500; // characters

const DISTRUST = "The estimates cannot be trusted.";

let announced = "";

/** draw shows the warnings of a run; run may be null. */
export function draw(run) {
  const banner = byId("trust");
  const { trusted = true, warnings = [], measurements = 0 } = run?.trust ?? {};
  banner.hidden = trusted && warnings.length === 0;
  banner.dataset.kind = trusted ? "note" : "distrust";
  const heading = trusted ? "The server says:" : DISTRUST;
  const when = `After measurement ${count(measurements)}:`;
  const texts = warnings.map((warning) => cut(warning, WARNING));
  write(banner, `${heading} ${texts.length > 0 && measurements > 0 ? when : ""}`.trim(), texts);
  announce(trusted ? "" : [DISTRUST, ...texts].join(" "));
}

// write leaves what has not changed: a reader may have selected it.
function write(banner, heading, texts) {
  if (banner.hidden) {
    banner.replaceChildren();
    return;
  }
  if (banner.children.length === 0) banner.append(element("strong"), element("ul"));
  const [strong, list] = banner.children;
  setText(strong, heading);
  list.hidden = texts.length === 0;
  while (list.children.length > texts.length) list.lastChild.remove();
  texts.forEach((text, i) => setText(list.children[i] ?? list.appendChild(element("li")), text));
}

// announce tells a screen reader what is new, and not each change of a number.
function announce(text) {
  const kind = text.replace(/\d+(\.\d+)?(e[+-]?\d+)?/g, "#");
  if (kind === announced) return;
  announced = kind;
  setText(byId("trust-announcer"), text);
}
