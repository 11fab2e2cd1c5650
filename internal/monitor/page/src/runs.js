// The choosers of the run and of the setting.

import { byId, cut, element, setText } from "./dom.js";
import { clock, count } from "./numbers.js";

/** drawRuns lists the runs; the first entry follows the latest one. */
export function drawRuns(runs, chosen) {
  const latest = runs.at(-1);
  const texts = [["0", latest ? `Latest (${latest.number})` : "Latest"]];
  for (const run of [...runs].reverse()) {
    const title = run.title ? ` · ${cut(run.title, 30)}` : "";
    texts.push([String(run.number), `${run.number}${title} · ${clock(run.began)} · ${count(run.measurements)}`]);
  }
  write(byId("run"), texts, String(chosen));
}

/** drawKnobs lists the settings, if there are several. */
export function drawKnobs(settings, chosen) {
  byId("knob-label").hidden = settings.length < 2;
  write(byId("knob"), settings.map((setting, i) => [String(i), cut(setting.name, 30)]), String(chosen));
}

function write(select, texts, value) {
  while (select.options.length > texts.length) select.lastChild.remove();
  texts.forEach(([key, text], i) => {
    const option = select.options[i] ?? select.appendChild(element("option"));
    if (option.value !== key) option.value = key;
    setText(option, text);
  });
  if (select.value !== value) select.value = value;
}
