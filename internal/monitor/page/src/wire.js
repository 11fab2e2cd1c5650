// The last error, and who is connected: texts of peers.

import { byId, cut, element, setText } from "./dom.js";
import { clock, count } from "./numbers.js";

const ERROR = 4000; // characters

let seen = 0;

export function drawErrors({ count: number, last }) {
  setText(byId("error-meta"), last ? `${clock(last.time)} · ${cut(last.peer, 80)}${number > 1 ? ` · ${count(number)} in all` : ""}` : "None so far.");
  setText(byId("error-text"), last ? cut(last.text, ERROR) : "");
  byId("error-text").hidden = !last;
  if (number > seen && last) setText(byId("error-announcer"), `Error: ${cut(last.text, 200)}`);
  seen = number;
}

export function drawPeers({ open, total, peers }) {
  const totals = `${count(total)} in total`;
  setText(byId("connections-meta"), open === null ? totals : `${count(open)} open, ${totals}`);
  byId("peers-scroll").hidden = peers.length === 0;
  const body = byId("peers");
  while (body.rows.length > peers.length) body.lastChild.remove();
  peers.forEach((peer, i) => {
    const row = body.rows[i] ?? body.appendChild(newRow());
    setText(row.cells[0], cut(peer.peer, 80));
    setText(row.cells[1], count(peer.messages));
    setText(row.cells[2], clock(peer.last));
  });
}

function newRow() {
  const row = element("tr");
  row.append(element("td"), element("td", "number"), element("td", "number"));
  return row;
}
