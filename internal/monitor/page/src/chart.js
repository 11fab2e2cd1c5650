// A chart in its panel: title, value, legend, the plot by uPlot, zoom and PNG.

import uPlot from "uplot";
import { cut, element, setText } from "./dom.js";
import { save } from "./png.js";
import { colours, SERIES } from "./theme.js";

const MOVE = 0.25; // of the range, for an arrow key

export class Chart {
  /**
   * options(colours, structure) are those of uPlot without size, for data whose names and
   * series are those of structure. zoom gets the range that the reader asks for, or null for
   * all; the chart with its new range is then the caller's.
   */
  constructor(parent, { options, zoom, hover, isLegendInside = false }) {
    this.options = options;
    this.zoom = zoom;
    this.hover = hover;
    this.panel = parent.appendChild(element("figure", "panel"));
    const head = this.panel.appendChild(element("div", "head"));
    this.title = head.appendChild(element("h3"));
    this.value = head.appendChild(element("span", "value"));
    this.legend = head.appendChild(element("span", "legend"));
    this.isLegendInside = isLegendInside;
    this.png = head.appendChild(element("button", "", "PNG"));
    this.png.type = "button";
    this.png.addEventListener("click", () => save(this));
    this.plot = this.panel.appendChild(element("div", "plot"));
    this.plot.tabIndex = 0;
    this.plot.setAttribute("role", "group");
    this.plot.addEventListener("keydown", (event) => this.#key(event));
    if (isLegendInside) this.plot.append(this.legend);
    this.none = this.plot.appendChild(element("div", "none", "No data yet"));
    this.size = new ResizeObserver(() => this.#resize());
    this.size.observe(this.plot);
  }

  /**
   * draw shows data, whose arrays are as uPlot has them. structure is what makes another chart
   * when it changes; text is what stands at the title; source is for the name of a picture.
   */
  draw({ title, text, names = [], structure, data, source, context }) {
    this.source = source;
    this.names = names;
    this.context = context;
    setText(this.title, title);
    this.title.title = title;
    this.png.setAttribute("aria-label", `Save “${title}” as PNG`);
    this.plot.setAttribute("aria-label", `${title}: ${text || "chart"}`);
    this.text = text;
    this.data = data;
    if (!this.hovered) this.#writeValue(text);
    this.none.hidden = data[0].length > 0;
    const key = JSON.stringify([title, names, structure]);
    if (key !== this.key) {
      this.key = key;
      this.structure = structure;
      this.#writeLegend();
      this.#make();
    } else {
      this.u?.setData(data);
    }
  }

  /** recolour follows a change of the theme. */
  recolour() {
    if (this.key) this.#make();
  }

  remove() {
    this.size.disconnect();
    this.u?.destroy();
    this.panel.remove();
  }

  #make() {
    this.u?.destroy();
    this.colours = colours();
    const options = this.options(this.colours, this.structure);
    const cursor = {
      drag: { x: true, y: false, setScale: false },
      points: { show: false },
      bind: { dblclick: () => () => this.zoom(null) },
      ...options.cursor,
    };
    const hooks = {
      ...options.hooks,
      setSelect: [(u) => this.#select(u)],
      setCursor: [(u) => this.#hover(u)],
    };
    const size = { width: this.plot.clientWidth || 400, height: this.plot.clientHeight || 240 };
    this.u = new uPlot({ legend: { show: false }, ...options, ...size, cursor, hooks }, this.data, this.plot);
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.plot;
    if (this.u && width > 0 && (width !== this.u.width || height !== this.u.height)) this.u.setSize({ width, height });
  }

  #select(u) {
    const { left, width } = u.select;
    if (width < 4) return;
    const range = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.zoom(range);
  }

  #hover(u) {
    const index = u.cursor.left >= 0 ? u.cursor.idx : null;
    this.hovered = index !== null && index !== undefined;
    this.#writeValue((this.hovered && this.hover(this.context, index)) || this.text);
  }

  // The legend is where the value would be, or inside the plot.
  #writeValue(text) {
    setText(this.value, text);
    this.value.hidden = !text;
    this.legend.hidden = (Boolean(text) && !this.isLegendInside) || this.names.length < 2;
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || !this.u) return;
    const { min, max } = this.u.scales.x;
    const width = max - min;
    const ranges = {
      "+": [min + width / 4, max - width / 4],
      "=": [min + width / 4, max - width / 4],
      "-": [min - width / 2, max + width / 2],
      ArrowLeft: [min - MOVE * width, max - MOVE * width],
      ArrowRight: [min + MOVE * width, max + MOVE * width],
      0: null,
      Escape: null,
    };
    if (!(event.key in ranges) || !Number.isFinite(width)) return;
    event.preventDefault();
    this.zoom(ranges[event.key]);
  }

  #writeLegend() {
    this.legend.replaceChildren();
    this.names.forEach((name, i) => {
      const entry = this.legend.appendChild(element("span"));
      entry.append(element("i", `colour-${(i % SERIES) + 1}`), element("span", "", cut(name)));
    });
  }
}
