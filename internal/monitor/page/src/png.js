// A chart as a picture: its title, its legend, its axes, and what was watched.

import { cut } from "./dom.js";

const MARGIN = 14; // CSS pixels, as all lengths here
const TITLE = 26;
const LINE = 20;

export function save(chart) {
  const { u, colours } = chart;
  if (!u) return;
  const ratio = u.ctx.canvas.width / u.width;
  const legend = chart.names.length > 1;
  const top = MARGIN + TITLE + (legend ? LINE : 0);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round((u.width + 2 * MARGIN) * ratio);
  canvas.height = Math.round((top + u.height + LINE + MARGIN) * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.fillStyle = colours.ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.textBaseline = "top";
  const family = colours.font.replace(/^\S+ /, "");
  context.fillStyle = colours.ink;
  context.font = `600 15px ${family}`;
  context.fillText(cut(chart.title.textContent, 80), MARGIN, MARGIN, u.width);
  context.font = colours.font;
  if (legend) drawLegend(context, chart, MARGIN + TITLE - 2);
  context.drawImage(u.ctx.canvas, MARGIN, top, u.width, u.height);
  context.fillStyle = colours.muted;
  context.fillText(cut(`${chart.source.title} · run ${chart.source.run} · ${chart.text}`, 160), MARGIN, top + u.height + 4, u.width);
  const name = `${chart.source.title}-run-${chart.source.run}-${chart.title.textContent}`;
  canvas.toBlob((blob) => download(blob, `${name.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 80)}.png`));
}

function drawLegend(context, { names, colours, u }, y) {
  let x = MARGIN;
  names.forEach((name, i) => {
    if (x > u.width) return;
    context.fillStyle = colours.series[i % colours.series.length];
    context.beginPath();
    context.arc(x + 4, y + 6, 4, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = colours.muted;
    context.fillText(cut(name, 30), x + 14, y);
    x += 30 + context.measureText(cut(name, 30)).width;
  });
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // After the browser has begun to read it.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
