// Axes whose numbers can be read at any magnitude: a common power of ten goes to the label.

const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

export const power = (exponent) => "10" + Array.from(String(exponent), (c) => SUPERSCRIPT[c]).join("");

// Smaller powers of ten have fewer digits, or are 0.
const LEAST = -306;

/** exponentOf is the common power of ten of the numbers of an axis, 0 if they need none. */
function exponentOf(scale) {
  const largest = Math.max(Math.abs(scale.min ?? 0), Math.abs(scale.max ?? 0));
  if (!(largest > 0) || (largest >= 0.01 && largest < 1e6)) return 0;
  return Math.max(LEAST, 3 * Math.floor(Math.log10(largest) / 3));
}

/** linear is a uPlot axis with the label of the quantity. */
export function linear(key, side, text, colours, more = {}) {
  return {
    ...common(key, side, colours),
    label: (u) => {
      const exponent = exponentOf(u.scales[key]);
      return exponent ? `${text}  ×${power(exponent)}` : text;
    },
    values: (u, splits, axis, space, increment) => {
      const exponent = exponentOf(u.scales[key]);
      const step = increment / 10 ** exponent;
      const decimals = step >= 1 ? 0 : Math.min(15, Math.ceil(-Math.log10(step) - 1e-9));
      const exact = (value) => Math.abs(value * 10 ** decimals - Math.round(value * 10 ** decimals)) < 1e-6;
      // An increment of 0.25 needs two decimals.
      const places = exact(step) ? decimals : decimals + 1;
      return splits.map((value) => (value / 10 ** exponent).toFixed(places).replace(/^-0(\.0*)?$/, "0$1").replace("-", "−"));
    },
    ...more,
  };
}

/** numbers is the axis of the numbers of measurements. */
export function numbers(text, colours) {
  const incrs = [1, 2, 5, 10, 20, 50, 100, 200, 500].concat(
    [3, 4, 5, 6, 7, 8].flatMap((k) => [1, 2, 5].map((m) => m * 10 ** k)),
  );
  return linear("x", 2, text, colours, { incrs });
}

/** logarithmic is an axis with the decades as powers of ten. */
export function logarithmic(key, side, text, colours) {
  return {
    ...common(key, side, colours),
    label: text,
    values: (u, splits) => {
      const { min, max } = u.scales[key];
      const decades = Math.log10(max / min);
      const plain = min >= 0.0009 && max <= 1100;
      return splits.map((value) => {
        if (value === null) return null;
        const exponent = Math.round(Math.log10(value));
        const whole = Math.abs(value / 10 ** exponent - 1) < 1e-9;
        if (whole) return plain ? String(Number(value.toPrecision(3))) : power(exponent);
        const digit = Math.round(value / 10 ** Math.floor(Math.log10(value * 1.000001)));
        if (decades > 1.5 || (decades > 0.5 && digit !== 2 && digit !== 5)) return null;
        return String(Number(value.toPrecision(2)));
      });
    },
    filter: (u, splits) => splits,
  };
}

function common(key, side, colours) {
  return {
    scale: key,
    side,
    stroke: colours.muted,
    font: colours.font,
    labelFont: colours.font,
    size: side === 2 ? 30 : size,
    labelSize: side === 2 ? 20 : 22,
    labelGap: side === 2 ? 0 : 2,
    gap: 5,
    grid: { stroke: colours.grid, width: 1 },
    ticks: { show: false },
  };
}

// The width of the numbers on the left.
function size(u, values) {
  const longest = (values ?? []).reduce((most, text) => Math.max(most, text?.length ?? 0), 0);
  return Math.max(34, 8 * longest + 14);
}
