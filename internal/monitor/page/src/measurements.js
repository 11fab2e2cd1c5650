// Measured values, against a setting or against their number: points with error bars.

import uPlot from "uplot";
import { linear, numbers } from "./axis.js";
import { cut, label } from "./dom.js";
import { of, padded } from "./extent.js";
import { number, withDeviation } from "./numbers.js";

const BARS = 700; // with more points, error bars would cover them

/**
 * options of a chart of points. current has what is drawn at the moment: range, of the
 * horizontal axis, sigma, of each series, and last, the latest measurement.
 */
export function options(byNumber, current) {
  return (colours, { x, y, channels, isDense }) => ({
    padding: [10, 12, 0, 0],
    scales: {
      x: { time: false, range: () => current.range },
      y: { range: (u) => padded(visible(u.data, current)) },
    },
    axes: [byNumber ? numbers(x, colours) : linear("x", 2, x, colours), linear("y", 3, y, colours)],
    series: [{}, ...Array.from({ length: channels }, (_, i) => points(colours.series[i % colours.series.length], isDense))],
    cursor: byNumber ? synchronous : {},
    hooks: {
      drawSeries: [(u, i) => i > 0 && bars(u, i, current.sigma[i - 1], colours.series[(i - 1) % colours.series.length])],
      draw: [(u) => latest(u, colours, current.last)],
    },
  });
}

/** synchronous moves the cursors of all charts over the numbers of measurements together. */
export const synchronous = {
  sync: { key: "number", setSeries: false, filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
};

/** isDense is whether so many points are drawn smaller. */
export const isDense = (xs) => xs.length > BARS;

/** points are dots without lines. */
export function points(colour, dense) {
  return {
    stroke: colour,
    paths: () => null,
    points: { show: true, size: dense ? 3 : 5.5, fill: colour, stroke: colour, width: 0 },
  };
}

// The numbers in the range of the horizontal axis, with their error bars as far as those are
// no longer than the range of the values: one measurement without meaning is not to hide the
// others.
function visible([xs, ...series], { range: [min, max], sigma }) {
  const isInside = xs.map((x) => x >= min && x <= max);
  const values = of(series.map((array) => array.filter((_, i) => isInside[i])));
  if (!values || xs.length > BARS) return values;
  let [low, high] = values;
  series.forEach((array, k) => {
    array.forEach((value, i) => {
      if (!isInside[i] || value === null || !(sigma[k]?.[i] > 0)) return;
      const bar = Math.min(sigma[k][i], values[1] - values[0] || sigma[k][i]);
      low = Math.min(low, value - bar);
      high = Math.max(high, value + bar);
    });
  });
  return [low, high];
}

function bars(u, index, sigma, colour) {
  const [xs, ys] = [u.data[0], u.data[index]];
  if (!sigma || xs.length > BARS) return;
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.globalAlpha = xs.length > 250 ? 0.25 : 0.45;
  ctx.strokeStyle = colour;
  ctx.lineWidth = uPlot.pxRatio;
  ctx.beginPath();
  for (let i = 0; i < xs.length; i++) {
    if (ys[i] === null || !(sigma[i] > 0)) continue;
    const x = u.valToPos(xs[i], "x", true);
    ctx.moveTo(x, u.valToPos(ys[i] - sigma[i], "y", true));
    ctx.lineTo(x, u.valToPos(ys[i] + sigma[i], "y", true));
  }
  ctx.stroke();
  ctx.restore();
}

// A ring around the last measurement.
function latest(u, colours, last) {
  if (!last) return;
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  ctx.save();
  ctx.lineWidth = 1.5 * uPlot.pxRatio;
  ctx.strokeStyle = colours.ink;
  for (const y of last.values) {
    if (!Number.isFinite(y)) continue;
    const px = u.valToPos(last.x, "x", true);
    const py = u.valToPos(y, "y", true);
    if (px < left || px > left + width || py < top || py > top + height) continue;
    ctx.beginPath();
    ctx.arc(px, py, 5 * uPlot.pxRatio, 0, 2 * Math.PI);
    ctx.stroke();
  }
  ctx.restore();
}

/** hover is the text for a point. */
export function hover({ run, knob, order }, index) {
  const i = order ? order[index] : index;
  const parts = [`no. ${run.points.number[i]}`];
  const setting = run.settings[knob];
  if (setting) parts.push(quantity(setting, number(run.points.settings[knob]?.[i])));
  run.channels.forEach((channel, k) => {
    const value = run.points.values[k]?.[i];
    const sigma = run.points.sigma[k]?.[i];
    parts.push(quantity(channel, Number.isFinite(sigma) ? withDeviation(value, sigma) : number(value)));
  });
  return parts.slice(0, 5).join(" · ");
}

export const quantity = ({ name, unit }, text) => `${cut(name, 24)} ${text}${unit ? ` ${cut(unit, 12)}` : ""}`;

/** axisOf names the vertical axis of several channels, which may have one unit. */
export function axisOf(channels) {
  if (channels.length === 1) return label(channels[0]);
  const units = new Set(channels.map((channel) => channel.unit));
  return units.size === 1 && channels[0]?.unit ? `measured (${cut(channels[0].unit, 20)})` : "measured";
}
