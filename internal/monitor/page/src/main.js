// The page of obe watch: the choices of the reader, and each frame drawn by them.

import { Charts } from "./charts.js";
import { byId, cut, setText } from "./dom.js";
import * as facts from "./facts.js";
import { drawKnobs, drawRuns } from "./runs.js";
import * as state from "./state.js";
import { Stream } from "./stream.js";
import * as theme from "./theme.js";
import * as trust from "./trust.js";
import { drawErrors, drawPeers } from "./wire.js";

const choice = { run: 0, knob: 0, range: null, isPaused: false };
let isLost = false;
let newest = null; // the newest frame
let drawn = null; // the frame that is drawn: while paused, an older one
let isAsked = true; // the reader has asked for another view, which is drawn also while paused

const charts = new Charts({ zoom: (range) => show({ range }), changed: () => drawRange() });
const stream = new Stream({
  frame: (frame) => {
    newest = frame;
    if (choice.isPaused && !isAsked) return;
    isAsked = false;
    draw(frame);
  },
  lost: (lost) => {
    isLost = lost;
    state.draw(drawn, { ...choice, isLost });
  },
  refused: () => show({ run: 0, range: null }),
});

// show asks the server for another view.
function show(changes) {
  Object.assign(choice, changes);
  isAsked = true;
  const parameters = {};
  if (choice.run) parameters.run = choice.run;
  if (choice.range) [parameters.from, parameters.to] = choice.range;
  drawRange();
  stream.open(parameters);
}

function draw(frame) {
  drawn = frame;
  const { run } = frame;
  drawTitle(frame.runs.find((each) => each.number === run?.number)?.title ?? "", frame.title);
  byId("csv").href = run ? `run.csv?run=${run.number}` : "run.csv";
  state.draw(frame, { ...choice, isLost });
  state.drawEmpty(frame);
  trust.draw(run);
  drawRuns(frame.runs, choice.run);
  facts.draw(frame);
  drawErrors(frame.errors);
  drawPeers(frame.connections);
  if (!run) return;
  if (choice.knob >= run.settings.length) choice.knob = 0;
  drawKnobs(run.settings, choice.knob);
  charts.draw(run, frame.title, choice.knob);
}

// drawTitle has the name of the experiment, if it has one, and what is watched.
function drawTitle(subject, source) {
  document.title = `${cut(subject || source)} · obe watch`;
  setText(byId("subject"), cut(subject));
  setText(byId("title"), cut(source, 200));
  byId("title").title = cut(source, 1000);
}

function drawRange() {
  const [from, to] = choice.range ?? ["", ""];
  byId("from").value = from;
  byId("to").value = to;
  byId("reset").disabled = !choice.range && !charts.settingZoom;
}

function setPaused(isPaused) {
  choice.isPaused = isPaused;
  const button = byId("pause");
  button.setAttribute("aria-pressed", String(isPaused));
  button.textContent = isPaused ? "Continue" : "Pause";
  if (!isPaused && newest) draw(newest);
  else state.draw(drawn, { ...choice, isLost });
}

byId("run").addEventListener("change", (event) => show({ run: Number(event.target.value), range: null }));
byId("knob").addEventListener("change", (event) => {
  choice.knob = Number(event.target.value);
  if (drawn?.run) draw(drawn);
});
byId("pause").addEventListener("click", () => setPaused(!choice.isPaused));
byId("reset").addEventListener("click", () => {
  charts.showAll();
  if (choice.range) show({ range: null });
});
byId("range").addEventListener("submit", (event) => {
  event.preventDefault();
  const from = Math.max(1, Number(byId("from").value) || 1);
  const to = Number(byId("to").value) || newest?.run?.measurements || from + 1;
  show({ range: byId("from").value || byId("to").value ? [from, Math.max(from, to)] : null });
});
document.addEventListener("keydown", (event) => {
  // On a control the space bar has its usual meaning.
  const onControl = event.target.closest("button, a, input, select, [role=region]");
  if (event.key !== " " || onControl || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  setPaused(!choice.isPaused);
});

theme.start(() => charts.recolour());
show({});
