// The numbers at the top, which are read from across the room.

import { byId, cut, element, setText } from "./dom.js";
import { count, duration, number, withDeviation } from "./numbers.js";

// More parameters have only their charts.
const PARAMETERS = 6;

export function draw(frame) {
  const { run, errors, connections } = frame;
  const facts = [];
  if (run) {
    for (const [k, parameter] of run.parameters.slice(0, PARAMETERS).entries()) {
      if (!Number.isFinite(run.latest.mean[k])) continue;
      facts.push([parameter.name, withDeviation(run.latest.mean[k], run.latest.std[k]), parameter.unit]);
    }
    facts.push(["Measurements", count(run.measurements)]);
    facts.push(["Rate", run.rate > 0 ? number(run.rate, run.rate >= 100 ? 4 : 3) : "0", "/s"]);
    facts.push(["Elapsed", ...duration(run.elapsed_s).split(" ")]);
  }
  facts.push(["Errors", count(errors.count), "", errors.count > 0 ? "bad" : ""]);
  // Many clients have a connection for each command, so few are open.
  const { open, total } = connections;
  facts.push(["Connections", count(total), open === null ? "" : `${count(open)} open`]);
  write(byId("facts"), facts);
}

function write(list, facts) {
  while (list.children.length > facts.length) list.lastChild.remove();
  facts.forEach(([name, value, unit = "", kind = ""], i) => {
    const entry = list.children[i] ?? list.appendChild(empty());
    const [term, description] = entry.children;
    const [text, unitText] = description.children;
    setText(term, cut(name));
    setText(text, value);
    setText(unitText, cut(unit, 24));
    description.className = kind;
  });
}

function empty() {
  const entry = element("div");
  const description = element("dd");
  description.append(element("span"), element("span", "unit"));
  entry.append(element("dt"), description);
  return entry;
}
