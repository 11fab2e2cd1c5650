// The settings that the server has chosen, against the number of the measurement that follows.

import { linear, numbers } from "./axis.js";
import { of, padded } from "./extent.js";
import { number } from "./numbers.js";
import { points, quantity, synchronous } from "./measurements.js";

export function options(current) {
  return (colours, { x, y, isDense }) => ({
    padding: [10, 12, 0, 0],
    scales: { x: { time: false, range: () => current.range }, y: { range: (u) => padded(shown(u.data, current.range)) } },
    axes: [numbers(x, colours), linear("y", 3, y, colours)],
    series: [{}, points(colours.series[3], isDense)],
    cursor: synchronous,
  });
}

function shown([xs, ys], [min, max]) {
  return of([ys.filter((_, i) => xs[i] >= min && xs[i] <= max)]);
}

export function hover({ run, knob }, index) {
  const { number: n, settings } = run.chosen;
  return `for no. ${n[index]} · ${quantity(run.settings[knob], number(settings[knob]?.[index]))}`;
}
