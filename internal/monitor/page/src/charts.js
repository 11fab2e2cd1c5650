// All charts of a run, and the ranges that they show.

import { Chart } from "./chart.js";
import * as chosen from "./chosen.js";
import { byId, cut, label, setText } from "./dom.js";
import * as estimates from "./estimates.js";
import { of, padded } from "./extent.js";
import * as measurements from "./measurements.js";
import { number, withDeviation } from "./numbers.js";

// More than a reader can tell apart.
const PARAMETERS = 12;
const CHANNELS = 12;

export class Charts {
  /**
   * zoom gets the first and the last number of measurements that the reader wants, or null;
   * changed is called when the range of the setting is another one.
   */
  constructor({ zoom, changed }) {
    this.zoom = zoom;
    this.changed = changed;
    this.setting = { range: [0, 1], sigma: [], last: null };
    this.number = { range: [0, 1], sigma: [], last: null };
    this.settingZoom = null;
    const byNumber = (range) => this.#zoomNumbers(range);
    const row = byId("measurements");
    this.bySetting = new Chart(row, {
      options: measurements.options(false, this.setting),
      zoom: (range) => this.#zoomSetting(range),
      hover: measurements.hover,
    });
    this.byNumber = new Chart(row, {
      options: measurements.options(true, this.number),
      zoom: byNumber,
      hover: measurements.hover,
    });
    this.chosen = new Chart(row, { options: chosen.options(this.number), zoom: byNumber, hover: chosen.hover });
    this.parameters = [];
    this.uncertainty = new Chart(byId("estimates"), {
      options: estimates.uncertainty(this.number),
      zoom: byNumber,
      hover: estimates.hoverUncertainty,
      isLegendInside: true, // standard deviations fall, so there is room at the top on the right
    });
  }

  /** draw shows a run, of a frame with this title, along this knob. */
  draw(run, title, knob) {
    this.drawn = [run, title, knob];
    const source = { title, run: run.number };
    const place = `${run.number} ${knob}`;
    if (place !== this.place && this.settingZoom) {
      this.settingZoom = null;
      this.changed();
    }
    this.place = place;
    this.#setNumberRange(run);
    this.#drawMeasurements(run, knob, source);
    this.#drawEstimates(run, source);
  }

  recolour() {
    for (const chart of [this.bySetting, this.byNumber, this.chosen, this.uncertainty, ...this.parameters]) chart.recolour();
  }

  #setNumberRange(run) {
    const numbers = of([run.points.number, run.estimates.number, run.chosen.number]) ?? [1, 1];
    const from = Math.max(numbers[0], run.from || 1);
    const to = Math.max(numbers[1], from); // a range that begins after the last measurement has none
    const pad = Math.max(0.5, 0.02 * (to - from));
    this.number.range = [from - pad, to + pad];
    this.extent = [run.from || 1, run.to || 1];
  }

  #drawMeasurements(run, knob, source) {
    const { number: numbers, settings, values, sigma } = run.points;
    const channels = run.channels.slice(0, CHANNELS);
    const setting = run.settings[knob] ?? { name: "setting", unit: "" };
    const xs = settings[knob] ?? [];
    const y = measurements.axisOf(channels);
    const names = channels.map(({ name }) => cut(name, 32));
    const text = channels.length === 1 ? lastText(run) : "";
    const shared = { names, text, source };

    // Along a setting the points are in its order, which uPlot needs.
    const order = numbers.map((_, i) => i).filter((i) => xs[i] !== null && xs[i] !== undefined);
    order.sort((a, b) => xs[a] - xs[b]);
    const sorted = (array) => order.map((i) => array?.[i] ?? null);
    const x = sorted(xs);
    this.setting.range = this.settingZoom ?? padded(of([x]), 0.03);
    this.setting.sigma = channels.map((_, k) => sorted(sigma[k]));
    this.setting.last = lastAt(run, run.latest.settings[knob]);
    this.bySetting.draw({
      ...shared,
      title: `Against ${cut(setting.name)}`,
      structure: { x: label(setting), y, channels: channels.length, isDense: measurements.isDense(x) },
      data: [x, ...channels.map((_, k) => sorted(values[k]))],
      context: { run, knob, order },
    });

    this.number.sigma = channels.map((_, k) => sigma[k] ?? []);
    this.number.last = lastAt(run, run.measurements);
    this.byNumber.draw({
      ...shared,
      title: "Against number",
      structure: { x: "number of the measurement", y, channels: channels.length, isDense: measurements.isDense(numbers) },
      data: [numbers, ...channels.map((_, k) => values[k] ?? numbers.map(() => null))],
      context: { run, knob },
    });

    const picks = run.chosen.settings[knob] ?? [];
    const last = picks.at(-1);
    this.chosen.draw({
      title: `Chosen ${cut(setting.name)}`,
      text: Number.isFinite(last) ? measurements.quantity({ name: "last", unit: setting.unit }, number(last)) : "",
      source,
      structure: { x: "number of the measurement", y: label(setting), isDense: measurements.isDense(picks) },
      data: picks.length ? [run.chosen.number, picks] : [[], []],
      context: { run, knob },
    });
  }

  #drawEstimates(run, source) {
    const { number: numbers, mean, std } = run.estimates;
    const parameters = run.parameters.slice(0, PARAMETERS);
    byId("estimates-section").hidden = parameters.length === 0;
    while (this.parameters.length > parameters.length) this.parameters.pop().remove();
    while (this.parameters.length < parameters.length) this.#addParameter();
    const x = "number of measurements";
    parameters.forEach((parameter, k) => {
      const edge = (sign) => numbers.map((_, i) => (isNumber(mean[k]?.[i], std[k]?.[i]) ? mean[k][i] + sign * std[k][i] : null));
      this.parameters[k].draw({
        title: cut(parameter.name),
        text: isNumber(run.latest.mean[k]) ? `${withDeviation(run.latest.mean[k], run.latest.std[k])} ${cut(parameter.unit, 20)}`.trim() : "",
        source,
        structure: { x, y: label(parameter) },
        data: [numbers, mean[k] ?? numbers.map(() => null), edge(1), edge(-1)],
        context: { run, parameter: k },
      });
    });
    this.uncertainty.draw({
      title: "Uncertainty",
      text: "",
      source,
      names: parameters.map(({ name }) => cut(name, 32)),
      structure: { x, parameters: parameters.length },
      data: [numbers, ...parameters.map((_, k) => numbers.map((_, i) => (std[k]?.[i] > 0 ? std[k][i] : null)))],
      context: { run: { ...run, parameters } },
    });
    const omitted = [
      [run.parameters.length, PARAMETERS, "parameters"],
      [run.channels.length, CHANNELS, "measured values"],
    ].filter(([all, most]) => all > most);
    byId("omitted").hidden = omitted.length === 0;
    const texts = omitted.map(([all, most, what]) => `the first ${most} of ${all} ${what}`);
    setText(byId("omitted"), `The charts show ${texts.join(" and ")}.`);
  }

  #addParameter() {
    const k = this.parameters.length;
    const row = byId("estimates");
    const chart = new Chart(row, {
      options: estimates.options(k, this.number),
      zoom: (range) => this.#zoomNumbers(range),
      hover: estimates.hoverMean,
    });
    row.insertBefore(chart.panel, this.uncertainty.panel);
    this.parameters.push(chart);
  }

  #zoomNumbers(range) {
    if (!range) {
      this.zoom(null);
      return;
    }
    const from = Math.max(1, Math.ceil(range[0] - 1e-9));
    const to = Math.max(from + 1, Math.floor(range[1] + 1e-9));
    const { measurements: all } = this.drawn[0];
    if (from <= 1 && to >= all) this.zoom(null);
    else if (from < Math.max(all, 2)) this.zoom([from, Math.min(to, Math.max(all, from + 1))]);
  }

  #zoomSetting(range) {
    this.settingZoom = range;
    this.draw(...this.drawn);
    this.changed();
  }

  /** showAll ends the zoom along the setting. */
  showAll() {
    if (this.settingZoom) this.#zoomSetting(null);
  }
}

const isNumber = (...values) => values.every((value) => Number.isFinite(value));

// The latest measurement, if the range that is shown has it.
function lastAt(run, x) {
  return Number.isFinite(x) && run.to === run.measurements ? { x, values: run.latest.values } : null;
}

function lastText(run) {
  const [value] = run.latest.values;
  if (!Number.isFinite(value)) return "";
  const text = withDeviation(value, run.latest.sigma[0]);
  return measurements.quantity({ name: "last", unit: run.channels[0].unit }, text);
}
