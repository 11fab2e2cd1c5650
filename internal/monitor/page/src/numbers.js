// Numbers as people read them.

const MISSING = "–";

/** number has at most so many significant digits, and an exponent only where it is shorter. */
export function number(value, digits = 6) {
  if (!Number.isFinite(value)) return MISSING;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e7) return trim(value.toPrecision(digits));
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  return `${minus(trimZeros(mantissa))}e${minus(exponent.replace("+", ""))}`;
}

function trim(text) {
  return minus(text.includes("e") ? String(Number(text)) : trimZeros(text));
}

const trimZeros = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
const minus = (text) => text.replace("-", "−");

// A double has about so many digits, and none smaller than 10^LEAST with all of them.
const DIGITS = 15;
const LEAST = -307;

/** withDeviation is "2.8702 ± 0.0003": as many digits as two of the standard deviation ask for. */
export function withDeviation(mean, std) {
  if (!Number.isFinite(mean)) return MISSING;
  if (!Number.isFinite(std) || std <= 0) return number(mean);
  const power = Math.floor(Math.log10(std));
  const largest = Math.max(Math.abs(mean), std);
  const exponent = Math.floor(Math.log10(largest));
  if (exponent - power >= DIGITS || exponent < LEAST) return `${number(mean)} ± ${number(std, 2)}`;
  if (largest >= 1e7 || largest < 1e-4) {
    const decimals = exponent - power + 1;
    const scaled = (value) => minus((value / 10 ** exponent).toFixed(decimals));
    return `(${scaled(mean)} ± ${scaled(std)})e${minus(String(exponent))}`;
  }
  const decimals = Math.max(1 - power, 0);
  return `${minus(mean.toFixed(decimals))} ± ${std.toFixed(decimals)}`;
}

/** count has a thin space between thousands. */
export const count = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, "\u2009");

/** duration of so many seconds, as 12 s, 3:07 min or 1:02:03 h. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return MISSING;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.floor(seconds)} s`;
  const whole = Math.floor(seconds);
  const two = (value) => String(value).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}:${two(whole % 60)} min`;
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)} h`;
}

/** clock is the time of day here, of a time in UTC. */
export function clock(time) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return MISSING;
  const sameDay = date.toDateString() === new Date().toDateString();
  const pad = (value) => String(value).padStart(2, "0");
  const day = sameDay ? "" : `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} `;
  return `${day}${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}
