// Puts the page together from the data in it.

const root = document.documentElement;

/** The headline numbers: [name, value, note]. */
function headline(data) {
  const {metrics, heldOut, name} = chosenMetrics(data);
  const {cache, training} = data;
  const interval = write.interval(list(metrics?.accuracy_ci95));
  return [
    [`Accuracy${heldOut || !metrics ? "" : ` (${name})`}`, write.percent(metrics?.accuracy),
      interval !== EMPTY ? `95\u202f% interval ${interval}` : isNumber(metrics?.n) ? `${write.count(metrics.n)} images` : ""],
    ["Macro-F1", write.real(metrics?.macro_f1), "mean over the classes"],
    ["Calibration error", write.percent(metrics?.ece), "ECE, 15 bins"],
    cache?.computed === 0
      ? ["Caching", "reused", `${write.count(cache.reused)} images, none computed`]
      : ["Caching", isNumber(cache?.images_per_second) ? `${write.rate(cache.images_per_second)}\u202fimg/s` : EMPTY,
        isNumber(cache?.computed) ? `${write.count(cache.computed)} images in ${write.seconds(cache.seconds)}` : ""],
    ["Training the head", write.seconds(training?.seconds),
      isNumber(training?.epochs) ? `${write.count(training.epochs)} ${isLbfgs(training) ? "iterations" : "epochs"}` : ""],
  ].filter(([, value]) => value !== EMPTY);
}

function subtitle({dataset, backbone, training, created}) {
  return [dataset?.name, backbone?.name, training?.head && `${training.head} head`, created && write.date(created)]
    .filter(Boolean).join(" · ");
}

/** Marks in the contents the section that is being read. */
function followReading(links, sections) {
  const seen = new Map();
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) seen.set(entry.target, entry.isIntersecting);
    const now = sections.findIndex((s) => seen.get(s));
    links.forEach((link, i) => (i === now ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
  }, {rootMargin: "-10% 0px -70% 0px"});
  sections.forEach((s) => watcher.observe(s));
}

function setUpTheme() {
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const show = () => {
    button.setAttribute("aria-pressed", String(dark()));
    repaintCharts();
  };
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try {
      localStorage.setItem("caft-theme", root.dataset.theme);
    } catch { /* some browsers keep nothing for a page opened as a file: the choice then lasts for the visit */ }
    show();
  });
  system.addEventListener("change", show);
  // Paper is white: plots are drawn in the light theme's colours while the page is printed.
  let before;
  addEventListener("beforeprint", () => { before = root.dataset.theme; root.dataset.theme = "light"; repaintCharts(); });
  addEventListener("afterprint", () => {
    if (before) root.dataset.theme = before; else delete root.dataset.theme;
    repaintCharts();
  });
  try {
    const kept = localStorage.getItem("caft-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch { /* as above: the system's theme serves */ }
  show();
}

function start() {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  const line1 = document.getElementById("subtitle");
  line1.textContent = subtitle(data);
  line1.hidden = line1.textContent === "";
  const numbers = headline(data);
  const tiles = document.getElementById("headline");
  tiles.append(...numbers.map(([name, value, note]) => el("div", {}, el("dt", {}, name),
    el("dd", {class: "value"}, value), note && el("dd", {class: "note"}, note))));
  tiles.hidden = numbers.length === 0;
  const parts = [metricsSection, datasetSection, speedSection, trainingSection, confusionSection, classSection,
    calibrationSection, mistakesSection, sweepSection, ...auditSections].map((make) => make(data)).filter(Boolean);
  const sections = parts.map(({id, title, body}) => el("section", {id, "aria-labelledby": `${id}-title`},
    el("h2", {id: `${id}-title`}, title), body));
  const main = document.getElementById("content");
  main.append(...(sections.length > 0 ? sections : [el("p", {class: "quiet"}, "This report holds no results.")]));
  const links = parts.map(({id, title}) => el("a", {href: `#${id}`}, title));
  document.getElementById("contents").append(el("ul", {}, links.map((link) => el("li", {}, link))));
  document.getElementById("contents").hidden = links.length === 0;
  document.getElementById("footer").textContent =
    ["Made by caft", data.caft_version, data.created && `on ${write.date(data.created)}`].filter(Boolean).join(" ");
  drawCharts();
  setUpTheme();
  followReading(links, sections);
}

start();
