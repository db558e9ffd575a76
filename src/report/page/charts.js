// Plots: Chart.js with the page's colours, a text for those who cannot see them, and their data.

/** A custom property's colour in the theme that is in force. */
function colour(name) {
  const probe = el("span", {hidden: true});
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

const charts = [];  // {chart, make}: `make` gives the configuration in the colours in force

/** Draws every plot again in the colours in force. */
function repaintCharts() {
  for (const {chart, make} of charts) {
    const {data, options} = make();
    chart.data = data;
    chart.options = options;
    chart.update("none");
  }
}

/** A figure with a plot. `note` follows the caption; `make` gives Chart.js' configuration; `label` says in words what is seen;
 *  `table` holds the same numbers. */
function plot({caption, note, label, make, table, short = false}) {
  const canvas = el("canvas", {role: "img", "aria-label": label});
  const figure = el("figure", {}, el("figcaption", {}, el("strong", {}, caption), note && `: ${note}`),
    el("div", {class: short ? "plot short" : "plot"}, canvas),
    table && el("details", {}, el("summary", {}, el("span", {class: "hidden-text"}, `${caption}: `), "the numbers"),
      el("div", {class: "scroll tall", tabindex: "0", role: "region", "aria-label": `${caption}: numbers`}, table)));
  pending.push(() => charts.push({chart: new Chart(canvas, make()), make}));
  return figure;
}

const pending = [];  // plots are drawn once they are in the document, where they have a size
function drawCharts() {
  for (const draw of pending.splice(0)) draw();
}

/** A linear or logarithmic axis in the page's colours. */
function axis(title, extra = {}) {
  const {ticks, grid, ...rest} = extra;
  return {
    title: {display: Boolean(title), text: title, color: colour("quiet")},
    ticks: {color: colour("quiet"), maxRotation: 0, autoSkipPadding: 12, ...ticks},
    grid: {color: colour("line"), ...grid},
    border: {color: colour("line")},
    ...rest,
  };
}

/** A legend that shows lines as lines, with their dashes, and bars as boxes. */
const legendLabels = (chart) => Chart.defaults.plugins.legend.labels.generateLabels(chart)
  .map((label) => {
    const {type, borderDash} = chart.data.datasets[label.datasetIndex];
    return {...label, ...(type === "bar" ? {pointStyle: "rect"} : {pointStyle: "line", lineDash: borderDash ?? [], lineWidth: 2})};
  });

/** Options common to all plots. `value(item)` writes a point for its tooltip. */
function chartOptions({scales, value, title, legend = true}) {
  return {
    responsive: true, maintainAspectRatio: false, animation: false,
    interaction: {mode: "index", intersect: false},
    plugins: {
      legend: {display: legend, position: "top", align: "end",
        labels: {color: colour("text"), usePointStyle: true, pointStyleWidth: 24, boxHeight: 7, generateLabels: legendLabels}},
      tooltip: {
        backgroundColor: colour("text"), titleColor: colour("surface"), bodyColor: colour("surface"),
        displayColors: false, callbacks: {label: value, ...(title ? {title} : {})},
      },
    },
    scales,
  };
}

/** A line's dataset; points are drawn when there are few. */
function line(label, points, colourName, extra = {}) {
  return {
    type: "line", label, data: points, borderColor: colour(colourName), backgroundColor: colour(colourName),
    borderWidth: 2, pointRadius: points.length > 25 ? 0 : 2.5, pointHoverRadius: 4, tension: 0,
    spanGaps: true, ...extra,
  };
}
