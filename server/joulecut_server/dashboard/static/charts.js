// Small charts of one quantity over the last minutes, as SVG; seconds in which nothing is known are gaps.

import { element, setText } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 600;
const HEIGHT = 120;

function shape(name, className) {
  const made = document.createElementNS(SVG, name);
  made.setAttribute("class", className);
  return made;
}

export class Chart {
  // `show`: a value as text. `lines`: further levels, each { name, className }.
  constructor(parent, { title, show, lines = [] }) {
    this.title = title;
    this.show = show;
    this.svg = shape("svg", "chart");
    this.svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("role", "img");
    const axis = shape("path", "axis");
    axis.setAttribute("d", `M0 ${HEIGHT}H${WIDTH}`);
    this.path = shape("path", "line");
    this.levels = lines.map((line) => ({ ...line, path: shape("path", line.className) }));
    this.svg.append(axis, ...this.levels.map((level) => level.path), this.path);
    this.now = element("b");
    this.legend = element("span", { className: "legend" });
    this.from = element("span");
    this.top = element("span");
    const caption = element("figcaption", { children: [element("span", { text: title }), this.legend, this.now] });
    const ticks = element("div", { className: "ticks", children: [this.from, this.top, element("span", { text: "now" })] });
    parent.append(element("figure", { children: [caption, this.svg, ticks] }));
  }

  // `rows`: [time, value] pairs, the oldest first. `levels`: by name, in the order of `lines`; null for none.
  // `empty`: what is said where nothing is known.
  draw(rows, levels = [], empty = "nothing yet") {
    const known = rows.filter(([, value]) => value !== null);
    const most = Math.max(0, ...known.map(([, value]) => value), ...levels.filter((level) => level !== null));
    const top = most > 0 ? 1.12 * most : 1;
    const last = rows.length ? rows.at(-1)[0] : 0;
    const span = Math.max(60, rows.length ? last - rows[0][0] : 0);
    const x = (time) => (WIDTH * (1 - (last - time) / span)).toFixed(1);
    const y = (value) => (HEIGHT * (1 - value / top)).toFixed(1);
    let path = "";
    let drawing = false;
    for (const [time, value] of rows) {
      if (value === null) {
        drawing = false;
        continue;
      }
      // A second on its own is a point, which a round cap makes visible.
      path += drawing ? `L${x(time)} ${y(value)}` : `M${x(time)} ${y(value)}h0`;
      drawing = true;
    }
    this.path.setAttribute("d", path);
    this.levels.forEach((level, index) => {
      const value = levels[index] ?? null;
      level.path.setAttribute("d", value === null ? "" : `M0 ${y(value)}H${WIDTH}`);
    });
    const latest = known.length ? this.show(known.at(-1)[1]) : empty;
    setText(this.now, latest);
    const told = this.levels
      .map((level, index) => ({ ...level, value: levels[index] ?? null }))
      .filter((level) => level.value !== null);
    const text = told.map((level) => `${level.name} ${this.show(level.value)}`);
    if (this.legend.dataset.text !== text.join()) {
      this.legend.dataset.text = text.join();
      const spans = told.map((level, index) =>
        element("span", { className: `of-${level.className}`, text: `${index ? " · " : ""}- - ${text[index]}` }));
      this.legend.replaceChildren(...spans);
    }
    setText(this.from, `${Math.round(span)} s ago`);
    setText(this.top, `0 to ${this.show(top)}`);
    this.svg.setAttribute("aria-label", `${this.title}: ${latest} now, over ${Math.round(span)} s; ${text.join(", ")}`);
  }
}
