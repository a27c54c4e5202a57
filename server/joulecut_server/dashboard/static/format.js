// Numbers and words as a person reads them.

const PREFIXES = [[1, ""], [1e-3, "m"], [1e-6, "µ"]];
const RATES = [[1e9, "Gbit/s"], [1e6, "Mbit/s"], [1e3, "kbit/s"], [1, "bit/s"]];
export const NOTHING = "–";

function threeDigits(value) {
  return Math.abs(value) >= 999.5 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

export function quantity(value, unit) {
  if (value === null || value === undefined) return NOTHING;
  if (value === 0) return `0 ${unit}`;
  const [factor, prefix] = PREFIXES.find(([each]) => Math.abs(value) >= each) ?? PREFIXES.at(-1);
  return `${threeDigits(value / factor)} ${prefix}${unit}`;
}

export function plain(value, unit) {
  return value === null || value === undefined ? NOTHING : `${threeDigits(value)} ${unit}`;
}

export function bandwidth(value) {
  const [factor, unit] = RATES.find(([each]) => value >= each) ?? RATES.at(-1);
  return `${threeDigits(value / factor)} ${unit}`;
}

export function percent(share) {
  return share === null || share === undefined ? NOTHING : `${threeDigits(100 * share)} %`;
}

export function count(value) {
  return value.toLocaleString("en-US");
}

export function clock(point) {
  if (point === null) return NOTHING;
  const memory = point.memory_mhz === null ? "" : ` / ${threeDigits(point.memory_mhz)}`;
  return `${threeDigits(point.core_mhz)}${memory} MHz`;
}

// An element with text that is never read as markup.
export function element(name, { text, className, label, children = [] } = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className !== undefined) made.className = className;
  if (label !== undefined) made.dataset.label = label;
  made.append(...children);
  return made;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// A list of terms: made once, then changed in place, so that a reader's place on the page stays.
export function setTerms(list, terms) {
  while (list.children.length > terms.length) list.lastElementChild.remove();
  while (list.children.length < terms.length) {
    const value = element("dd", { children: [element("span"), element("span", { className: "kind" })] });
    list.append(element("div", { children: [element("dt"), value] }));
  }
  terms.forEach(([term, text, kind = ""], index) => {
    const [name, value] = list.children[index].children;
    setText(name, term);
    setText(value.children[0], text);
    setText(value.children[1], kind);
  });
}
