// The range of an axis.

/** of returns the smallest and the largest finite number of arrays, or null without one. */
export function of(arrays) {
  let min = Infinity;
  let max = -Infinity;
  for (const array of arrays) {
    for (const value of array) {
      if (value === null || value === undefined) continue;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  return min <= max ? [min, max] : null;
}

/** padded leaves room at both ends, also around a single number, and stays finite. */
export function padded(extent, share = 0.06) {
  if (!extent) return [0, 1];
  const [min, max] = extent;
  const width = max - min;
  const limit = (value) => Math.max(-1e300, Math.min(1e300, value));
  const pad = width > Math.abs(max) * 1e-12 ? share * width : Math.abs(max) * 0.05 || 1;
  return [limit(min - pad), limit(max + pad)];
}

/** decades is the range of a logarithmic axis around positive numbers. */
export function decades(extent) {
  if (!extent) return [0.1, 1];
  const low = Math.floor(Math.log10(extent[0] * 0.999));
  const high = Math.ceil(Math.log10(extent[1] * 1.001));
  // Within a decade the numbers between are written, so it need not be whole.
  if (extent[1] / extent[0] < 5) return [extent[0] / 1.3, extent[1] * 1.3];
  return [10 ** Math.max(low, -300), 10 ** Math.min(Math.max(high, low + 1), 300)];
}
