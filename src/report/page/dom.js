// Building elements, and writing numbers. Foreign text enters the page here only, as text nodes and
// attribute values, so that none of it can become markup.

const EMPTY = "–";

/** An element. In `props`, "class" and "aria-…" are attributes, "on…" listeners, "--…" custom
 *  properties; null and false leave the attribute out. Children are nodes, strings or nested arrays. */
function el(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("--")) node.style.setProperty(key, value);
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const list = (value) => (Array.isArray(value) ? value : []);

const formats = new Map();
function fixed(value, digits) {
  if (!formats.has(digits)) {
    formats.set(digits, new Intl.NumberFormat("en", {
      minimumFractionDigits: digits, maximumFractionDigits: digits,
    }));
  }
  return formats.get(digits).format(value);
}

/** At most three significant digits, without trailing zeros. */
const brief = new Intl.NumberFormat("en", {maximumSignificantDigits: 3});

const write = {
  /** As short as it can be: for axes and settings. */
  brief: (value) => {
    if (!isNumber(value)) return EMPTY;
    const size = Math.abs(value);
    return size !== 0 && (size < 1e-4 || size >= 1e6)
      ? value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e").replace("-", "−") : brief.format(value);
  },
  briefPercent: (value) => (isNumber(value) ? `${brief.format(value * 100)}\u202f%` : EMPTY),
  count: (value) => (isNumber(value) ? fixed(value, 0) : EMPTY),
  /** Three digits that matter, without an exponent where one can do without. */
  real: (value) => {
    if (!isNumber(value)) return EMPTY;
    const size = Math.abs(value);
    if (size === 0) return "0";
    if (size < 1e-3 || size >= 1e6) return value.toExponential(1).replace("e+", "e").replace("-", "−");
    return fixed(value, size < 10 ? 3 : size < 100 ? 1 : 0);
  },
  percent: (value) => (isNumber(value) ? `${fixed(value * 100, 1)}\u202f%` : EMPTY),
  rate: (value) => {
    if (!isNumber(value)) return EMPTY;
    return fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0);
  },
  seconds: (value) => {
    if (!isNumber(value)) return EMPTY;
    if (value < 1) return `${fixed(value * 1000, value < 0.01 ? 2 : 0)}\u202fms`;
    if (value < 120) return `${fixed(value, value < 10 ? 2 : 1)}\u202fs`;
    const minutes = Math.floor(value / 60);
    if (minutes < 120) return `${minutes}\u202fmin ${Math.round(value % 60)}\u202fs`;
    return `${fixed(value / 3600, 1)}\u202fh`;
  },
  bytes: (value) => {
    if (!isNumber(value)) return EMPTY;
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    for (; value >= 1024 && unit < units.length - 1; ++unit) value /= 1024;
    return `${fixed(value, unit === 0 || value >= 100 ? 0 : 1)}\u202f${units[unit]}`;
  },
  millions: (value) => {
    if (!isNumber(value)) return EMPTY;
    return value < 1e5 ? fixed(value, 0) : `${fixed(value / 1e6, 1)} million`;
  },
  interval: (pair) => (pair.length === 2 && pair.every(isNumber)
    ? `${fixed(pair[0] * 100, 1)} to ${fixed(pair[1] * 100, 1)}\u202f%` : EMPTY),
  date: (iso) => {
    const when = new Date(iso);
    return Number.isNaN(when.getTime()) ? iso
      : when.toLocaleString("en-GB", {dateStyle: "long", timeStyle: "short"});
  },
  names: (value) => (Array.isArray(value) ? value.join(", ") || "none" : value ?? EMPTY),
};

/** The last part of a path. */
const baseName = (path) => String(path).split("/").pop();

/** A `<dl>`-like table of facts; facts without a value are left out, and null when none is left. */
function facts(caption, rows) {
  const given = rows.filter(([, value]) => value !== null && value !== undefined && value !== EMPTY
    && value !== "");
  if (given.length === 0) return null;
  return el("table", {class: "facts wide"}, el("caption", {}, caption), el("tbody", {},
    given.map(([name, value]) => el("tr", {}, el("th", {scope: "row"}, name), el("td", {}, value)))));
}

/** A picture, or a box that says that there is none. */
function picture(source, alt) {
  return source ? el("img", {src: source, alt, decoding: "async"})
    : el("span", {class: "no-picture", role: "img", "aria-label": `${alt} (no picture)`}, "no picture");
}
