// A parameter's mean with its standard deviation, over the measurements.

import { linear, logarithmic, numbers } from "./axis.js";
import { cut } from "./dom.js";
import { decades, of, padded } from "./extent.js";
import { number, withDeviation } from "./numbers.js";
import { quantity, synchronous } from "./measurements.js";

/**
 * options of the chart of one parameter: its data are the numbers, the mean, and the mean plus
 * and minus one standard deviation.
 */
export function options(index, current) {
  return (colours, { x, y }) => {
    const colour = colours.series[index % colours.series.length];
    const edge = { stroke: "transparent", width: 0, points: { show: false } };
    return {
      padding: [10, 12, 0, 0],
      scales: { x: { time: false, range: () => current.range }, y: { range: (u) => padded(shown(u.data, current.range)) } },
      axes: [numbers(x, colours), linear("y", 3, y, colours)],
      series: [{}, line(colour), edge, edge],
      bands: [{ series: [2, 3], fill: colour + "38" }],
      cursor: synchronous,
    };
  };
}

/** line is a line, or dots where there are few points. */
export function line(colour) {
  return { stroke: colour, width: 1.8, points: { show: (u) => u.data[0].length < 30, size: 5.5, fill: colour, stroke: colour } };
}

// The first estimates are those of the prior, which would hide all later ones. So the vertical
// axis has the means that are almost as certain as the last one, and later deviations.
const CERTAIN = 10; // times the last standard deviation
const DRAWN = 3;

function shown([xs, mean, high, low], [min, max]) {
  const inside = xs.map((x, i) => i).filter((i) => xs[i] >= min && xs[i] <= max);
  const deviations = inside.map((i) => (high[i] === null ? Infinity : high[i] - mean[i]));
  const last = deviations.findLast(Number.isFinite) ?? Infinity;
  const within = (array, factor) => inside.filter((_, k) => deviations[k] <= factor * last).map((i) => array[i]);
  return of([within(mean, CERTAIN), within(high, DRAWN), within(low, DRAWN)]);
}

/** uncertainty are the options of the chart of all standard deviations. */
export function uncertainty(current) {
  return (colours, { x, parameters }) => ({
    padding: [10, 12, 0, 0],
    scales: {
      x: { time: false, range: () => current.range },
      y: { distr: 3, range: (u) => decades(of(u.data.slice(1))) },
    },
    axes: [numbers(x, colours), logarithmic("y", 3, "standard deviation", colours)],
    series: [{}, ...Array.from({ length: parameters }, (_, i) => line(colours.series[i % colours.series.length]))],
    cursor: synchronous,
  });
}

/** hoverMean is the text for a number of measurements on the chart of a parameter. */
export function hoverMean({ run, parameter }, index) {
  const { number: n, mean, std } = run.estimates;
  const text = withDeviation(mean[parameter]?.[index], std[parameter]?.[index]);
  return `after ${n[index]} · ${text} ${cut(run.parameters[parameter].unit, 12)}`.trim();
}

export function hoverUncertainty({ run }, index) {
  const { number: n, std } = run.estimates;
  const parts = run.parameters.map((parameter, k) => quantity(parameter, number(std[k]?.[index], 2)));
  return [`after ${n[index]}`, ...parts.slice(0, 4)].join(" · ");
}
