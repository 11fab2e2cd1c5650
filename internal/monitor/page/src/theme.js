// Light or dark: as the system has it, or as the reader has chosen.

import { byId } from "./dom.js";

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const KEY = "obe-watch-theme";

/** SERIES is how many colours there are for series. */
export const SERIES = 6;

export function colours() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    ground: read("--panel"),
    ink: read("--ink"),
    muted: read("--muted"),
    grid: read("--grid"),
    series: Array.from({ length: SERIES }, (_, i) => read(`--series-${i + 1}`)),
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
  };
}

/** start calls changed after each change of the colours. */
export function start(changed) {
  const select = byId("theme");
  select.value = stored();
  const apply = () => {
    const isDark = select.value === "dark" || (select.value === "system" && dark.matches);
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
    changed();
  };
  select.addEventListener("change", () => {
    try {
      localStorage.setItem(KEY, select.value);
    } catch {
      // The browser stores nothing; the choice holds for this page.
    }
    apply();
  });
  dark.addEventListener("change", apply);
  apply();
}

function stored() {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}
