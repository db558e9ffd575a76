// Sections about what came out: metrics, confusions, classes, calibration, mistakes.

/** The metrics that the page details: held-out ones where there are some, else those of the samples
 *  that choices were made on, which flatter a little. */
function chosenMetrics({evaluation, validation}) {
  if (evaluation) return {metrics: evaluation, name: evaluation.split || "held-out", heldOut: true};
  if (validation) return {metrics: validation, name: validation.split || "validation", heldOut: false};
  return {metrics: null, name: "", heldOut: false};
}

const METRICS = [
  ["Images", "n", write.count],
  ["Accuracy", "accuracy", write.percent],
  ["Accuracy, 95\u202f% interval", "accuracy_ci95", (v) => write.interval(list(v))],
  ["Top-5 accuracy", "top5", write.percent],
  ["Macro-F1", "macro_f1", write.real],
  ["ROC AUC", "roc_auc", write.real],
  ["Loss (cross-entropy)", "loss", write.real],
  ["Calibration error (ECE)", "ece", write.percent],
  ["ECE before temperature", "ece_before_temperature", write.percent],
];

function metricsSection({evaluation, validation}) {
  const columns = [["validation", validation], ["evaluation", evaluation]].filter(([, m]) => m);
  const rows = METRICS.map(([name, key, text]) => ({name, texts: columns.map(([, m]) => text(m[key]))}))
    .filter(({texts}) => texts.some((t) => t !== EMPTY));
  if (rows.length === 0) return null;
  const title = (kind, m) => (kind === "evaluation" ? `Held out${m.split ? ` (${m.split})` : ""}` : "Validation");
  return {id: "metrics", title: "Metrics", body: [
    el("p", {class: "quiet"}, evaluation
      ? "Held-out images were scored once, after every choice was made."
      : "These images also served to choose the head, so the figures may be a little too good."),
    scrollBox(dataTable("Scores", [
      {name: "Metric", key: "name", header: true},
      ...columns.map(([kind, m], i) => ({name: title(kind, m), value: (r) => r.texts[i], number: true})),
    ], rows), "Scores", {extra: " narrow"})]};
}

function confusionSection(data) {
  const {metrics, name} = chosenMetrics(data);
  const rows = list(metrics?.confusion);
  if (rows.length === 0) return null;
  const names = list(metrics.classes).map((c) => c.class ?? EMPTY);
  return {id: "confusion", title: "Confusion matrix", body: [
    el("p", {class: "quiet"}, `What the ${name} images of each class were taken for: blue is right, orange is wrong.`),
    confusionMatrix(names, rows)]};
}

function classSection(data) {
  const classes = list(chosenMetrics(data).metrics?.classes);
  if (classes.length === 0) return null;
  const caption = "Scores of each class; press a heading to sort";
  return {id: "classes", title: "Classes", body: scrollBox(sortableTable(caption, [
    {name: "Class", key: "class", header: true},
    {name: "Precision", key: "precision", number: true, write: write.percent},
    {name: "Recall", key: "recall", number: true, write: write.percent},
    {name: "F1", key: "f1", number: true, write: write.real},
    {name: "Images", key: "support", number: true, write: write.count},
  ], classes), "Scores of each class", {tall: true})};
}

/** Bars over [low, high) need a linear axis without the margins that Chart.js gives bars. */
const confidenceAxis = (title) => axis(title, {type: "linear", min: 0, max: 1, offset: false,
  grid: {offset: false}, ticks: {stepSize: 0.2, callback: (v) => write.briefPercent(v)}});
const sameWidth = (scale) => { scale.width = 64; };  // both plots' confidence axes lie in line

function calibrationSection(data) {
  const {metrics, name} = chosenMetrics(data);
  const bins = list(metrics?.reliability).filter((b) => isNumber(b.low) && isNumber(b.high));
  if (bins.length === 0) return null;
  const middle = (b) => (b.low + b.high) / 2;
  const title = (items) => {
    const b = bins[items.find((i) => i.dataset.type !== "line")?.dataIndex ?? -1];
    return b ? `confidence ${write.percent(b.low)} to ${write.percent(b.high)}` : "";
  };
  const bars = (label, key, colourName) => ({type: "bar", label, backgroundColor: colour(colourName),
    data: bins.map((b) => ({x: middle(b), y: b.count > 0 ? b[key] : null})),
    barPercentage: 0.96, categoryPercentage: 1, grouped: false});
  const total = bins.reduce((sum, b) => sum + (b.count ?? 0), 0);
  return {id: "calibration", title: "Calibration", body: [
    el("p", {class: "quiet"}, "A model is calibrated when, of the predictions made with a confidence of 80\u202f%, 80\u202f% are right: "
      + "bars then end at the dashed line. Below it the model is overconfident."
      + (isNumber(metrics.ece) ? ` The expected calibration error is ${write.percent(metrics.ece)}` : "")
      + (isNumber(metrics.ece_before_temperature) ? `; before temperature scaling it was ${write.percent(metrics.ece_before_temperature)}.`
        : isNumber(metrics.ece) ? "." : "")),
    el("div", {class: "narrow"}, plot({caption: "Reliability diagram", label: `Reliability diagram of ${write.count(total)} ${name} predictions: `
        + bins.filter((b) => b.count > 0).map((b) => `mean confidence ${write.percent(b.confidence)}, accuracy ${write.percent(b.accuracy)}`).join("; ") + ".",
      make: () => ({data: {datasets: [
        line("perfect calibration", [{x: 0, y: 0}, {x: 1, y: 1}], "text", {borderDash: [6, 4], borderWidth: 1.5, pointRadius: 0, pointHoverRadius: 0}),
        bars("accuracy", "accuracy", "first")]},
      options: chartOptions({
        scales: {x: confidenceAxis(""), y: {...axis("accuracy", {min: 0, max: 1, ticks: {stepSize: 0.2, callback: (v) => write.briefPercent(v)}}), afterFit: sameWidth}},
        title, value: (item) => {
          const b = bins[item.dataIndex];
          return item.dataset.type === "line" ? null
            : [`accuracy ${write.percent(b.accuracy)}`, `mean confidence ${write.percent(b.confidence)}`, `${write.count(b.count)} images`];
        }})}),
      table: dataTable("Bins of the reliability diagram", [
        {name: "Confidence", value: (b) => `${write.percent(b.low)} to ${write.percent(b.high)}`, header: true},
        {name: "Mean confidence", value: (b) => (b.count > 0 ? b.confidence : null), number: true, write: write.percent},
        {name: "Accuracy", value: (b) => (b.count > 0 ? b.accuracy : null), number: true, write: write.percent},
        {name: "Images", key: "count", number: true, write: write.count},
      ], bins)}),
    plot({caption: "Confidence of the predictions", short: true,
      label: `Histogram of confidence: ${bins.filter((b) => b.count > 0).map((b) => `${write.percent(b.low)} to ${write.percent(b.high)}: ${write.count(b.count)}`).join("; ")}.`,
      make: () => ({data: {datasets: [bars("images", "count", "third")]},
        options: chartOptions({legend: false, title, value: (item) => `${write.count(item.parsed.y)} images`,
          scales: {x: confidenceAxis("confidence"), y: {...axis("images", {beginAtZero: true, ticks: {precision: 0, maxTicksLimit: 4}}), afterFit: sameWidth}}})})})),
  ]};
}

function mistakesSection(data) {
  const mistakes = list(chosenMetrics(data).metrics?.mistakes);
  if (mistakes.length === 0) return null;
  return {id: "mistakes", title: "Most confident mistakes", body: [
    el("p", {class: "quiet"}, "Wrong predictions, the surest first. Look here for wrong labels."),
    el("ul", {class: "mistakes"}, mistakes.map((m) => el("li", {}, el("figure", {},
      picture(m.thumbnail, `${baseName(m.path ?? "an image")}: ${write.names(m.truth)}, taken for ${write.names(m.predicted)}`),
      el("figcaption", {}, write.names(m.truth), " → ", el("strong", {}, write.names(m.predicted)), " ",
        el("span", {class: "number"}, write.percent(m.probability)),
        m.path && el("span", {class: "path", title: m.path}, baseName(m.path)))))))]};
}
