// What goes on: waiting, live, ended, paused, or the connection to obe is lost.

import { byId, element, setText } from "./dom.js";
import { clock } from "./numbers.js";

const TEXTS = {
  connecting: "Connecting",
  waiting: "Waiting",
  live: "Live",
  ended: "Ended",
  paused: "Paused",
  lost: "Connection lost",
};

/** draw shows the state; frame may be null, before the first one. */
export function draw(frame, { isPaused, isLost }) {
  const state = isLost ? "lost" : isPaused ? "paused" : (frame?.state ?? "connecting");
  byId("state").dataset.state = state;
  const text = TEXTS[state] ?? "";
  setText(byId("state-text"), text);
  announce(frame?.problem ? `${text}. ${frame.problem}` : text);
  drawBanner(frame, isLost);
}

let announced = "Connecting";

function announce(text) {
  if (text === announced) return;
  announced = text;
  setText(byId("announcer"), text);
}

function drawBanner(frame, isLost) {
  const banner = byId("banner");
  const parts = [];
  if (isLost) {
    const since = frame ? ` What is shown is of ${clock(frame.now)}.` : "";
    parts.push(`The connection to obe is lost. This page connects again as soon as it can.${since}`);
  }
  if (frame?.problem) parts.push(frame.problem);
  if (frame?.damaged > 0) parts.push(`${frame.damaged} ${frame.damaged === 1 ? "line" : "lines"} of the trace could not be read.`);
  banner.hidden = parts.length === 0;
  banner.dataset.kind = isLost ? "lost" : "problem";
  setText(banner, parts.join(" "));
}

/** drawEmpty says why there are no charts. */
export function drawEmpty(frame) {
  const empty = byId("empty");
  const isEmpty = !frame.run;
  empty.hidden = !isEmpty;
  byId("charts").hidden = isEmpty;
  if (!isEmpty || empty.dataset.state === frame.state) return;
  empty.dataset.state = frame.state;
  const [strong, text] =
    frame.state === "ended" ? ["There is no run", "What was watched has ended before a run began."]
    : frame.state === "live" ? ["No run yet", "Messages arrive. The charts appear with the first newrun or newdat."]
    : ["Waiting for the first message", "The charts appear when the instrument begins."];
  empty.replaceChildren(element("strong", "", strong), element("span", "", text));
}
