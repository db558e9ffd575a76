// Sections about what went in and what ran: data set, speed, training.

const SPLITS = {train: "Train", val: "Validation", test: "Test"};

function datasetSection({dataset}) {
  if (!dataset) return null;
  const classes = list(dataset.classes);
  const splits = ["train", "val", "test"].filter((s) => classes.some((c) => c[s] > 0));
  const total = (c) => splits.reduce((sum, s) => sum + (c[s] ?? 0), 0);
  const largest = Math.max(1, ...classes.map(total));
  const bad = list(dataset.bad_files);
  const split = ["train", "val", "test"].filter((s) => isNumber(dataset.splits?.[s]))
    .map((s) => `${write.count(dataset.splits[s])} ${SPLITS[s].toLowerCase()}`).join(", ");
  return {id: "data", title: "Data set", body: [
    facts("The images", [
      ["Name", dataset.name],
      ["Folder", dataset.path && el("span", {class: "path"}, dataset.path)],
      ["Images", isNumber(dataset.n) ? write.count(dataset.n) + (split ? ` (${split})` : "") : split],
      ["Labels", dataset.multi_label ? "more than one an image" : classes.length ? "one an image" : null],
    ]),
    classes.length > 0 && [el("h3", {}, "Classes"),
      scrollBox(dataTable("Images in each class", [
        {name: "Class", key: "name", header: true},
        ...splits.map((s) => ({name: SPLITS[s], key: s, number: true, write: write.count})),
        {name: "All", value: total, number: true, write: write.count},
        {name: el("span", {class: "hidden-text"}, "As a bar"), value: total, write: (n) => el("span", {class: "bar", style: `width:${(n / largest) * 8}rem`})},
      ], classes), "Images in each class", {tall: true})],
    sampleGrid(dataset),
    bad.length > 0 && el("details", {}, el("summary", {}, bad.length === 1 ? "1 unreadable file was left out" : `${write.count(bad.length)} unreadable files were left out`),
      scrollBox(dataTable("Files that could not be read", [
        {name: "File", key: "path", header: true, write: (p) => el("span", {class: "path"}, p ?? EMPTY)},
        {name: "Reason", key: "reason"},
      ], bad), "Unreadable files", {tall: true})),
  ]};
}

function sampleGrid(dataset) {
  const groups = new Map(list(dataset.classes).map((c) => [c.name, []]));
  for (const sample of list(dataset.samples)) {
    if (!groups.has(sample.class)) groups.set(sample.class, []);
    groups.get(sample.class).push(sample);
  }
  const shown = [...groups].filter(([, samples]) => samples.length > 0);
  if (shown.length === 0) return null;
  return [el("h3", {}, "Samples"), el("div", {class: "pair"}, shown.map(([name, samples]) => el("figure", {},
    el("figcaption", {}, el("strong", {}, name)),
    el("ul", {class: "pictures"}, samples.map((s) => el("li", {},
      picture(s.thumbnail, `${name}: ${baseName(s.path ?? "a sample")}`)))))))];
}

/** L-BFGS goes over all the data in each iteration; its history counts those. */
const isLbfgs = (training) => /l-?bfgs/i.test(training?.optimizer ?? "");

function speedSection({backbone, cache, training, machine, command}) {
  const path = (text) => text && el("span", {class: "path"}, text);
  const tables = [
    backbone && facts("Backbone (frozen)", [
      ["Name", backbone.name],
      ["Family", backbone.family],
      ["Weights", backbone.weights],
      ["Parameters", write.millions(backbone.params)],
      ["Features", write.count(backbone.feature_dim)],
      ["Input", isNumber(backbone.image_size) && [`${backbone.image_size} × ${backbone.image_size}`,
        isNumber(backbone.resize) ? `, resized to ${backbone.resize}` : "",
        backbone.interpolation ? ` (${backbone.interpolation})` : ""].join("") || null],
      ["ONNX SHA-256", path(backbone.onnx_sha256)],
      ["Licence", backbone.license],
    ]),
    cache && facts("Activation cache", [
      ["Engine", cache.engine || cache.backend],
      ["Precision", cache.precision],
      ["Stored as", cache.dtype],
      ["Images", write.count(cache.samples)],
      ["Computed", write.count(cache.computed)],
      ["Reused", write.count(cache.reused)],
      ["Unreadable", write.count(cache.failed)],
      ["Time", write.seconds(cache.seconds)],
      ["Speed", cache.computed === 0 || !isNumber(cache.images_per_second) ? null
        : `${write.rate(cache.images_per_second)} images/s`],
      ["Size", write.bytes(cache.bytes)],
      ["Fingerprint", path(cache.fingerprint)],
    ]),
    training && facts("Head", [
      ["Kind", training.head],
      ["Optimiser", training.optimizer],
      [isLbfgs(training) ? "Iterations" : "Epochs", write.count(training.epochs)],
      ["Training time", write.seconds(training.seconds)],
      [isLbfgs(training) ? "An iteration" : "An epoch", isNumber(training.epoch_ms) ? write.seconds(training.epoch_ms / 1000) : null],
      ["Regularisation λ", write.brief(training.details?.lambda)],
      ["Temperature", write.brief(training.temperature)],
    ]),
    machine && facts("Machine", [
      ["Processor", machine.cpu],
      ["Cores", write.count(machine.cores)],
      ["Memory", isNumber(machine.memory_gib) ? `${write.brief(machine.memory_gib)} GiB` : null],
      ["System", machine.os],
      ["GPU", machine.gpu],
    ]),
  ].filter(Boolean);
  if (tables.length === 0 && !command) return null;
  return {id: "run", title: "What ran, and how fast", body: [
    el("div", {class: "pair"}, tables.map((t) => el("div", {}, t))),
    command && [el("h3", {}, "Command"), el("pre", {tabindex: "0", role: "region", "aria-label": "Command"}, command)],
  ]};
}

/** A plot of columns of the history against the epoch; null when none of them was measured. */
function historyPlot(history, {caption, unit, series, write: text, tick, x}) {
  const given = series.filter(({key}) => history.some((h) => isNumber(h[key])));
  if (given.length === 0) return null;
  const points = (key) => history.filter((h) => isNumber(h[key])).map((h) => ({x: h.epoch, y: h[key]}));
  const ends = given.map(({key, name}) => {
    const p = points(key);
    return `${name} from ${text(p[0].y)} to ${text(p[p.length - 1].y)}`;
  });
  return plot({caption, label: `${caption} over ${history.length} ${x}s: ${ends.join("; ")}.`,
    make: () => ({
      data: {datasets: given.map(({key, name, colour: c, dash}) => line(name, points(key), c, {borderDash: dash ?? []}))},
      options: chartOptions({
        scales: {x: axis(x, {type: "linear", ticks: {precision: 0}}), y: axis(unit, {ticks: {callback: (v) => tick(v)}})},
        title: (items) => `${x} ${items[0]?.parsed.x}`,
        value: (item) => `${item.dataset.label}: ${text(item.parsed.y)}`,
      }),
    }),
    table: dataTable(caption, [{name: x, key: "epoch", header: true},
      ...given.map(({key, name}) => ({name, key, number: true, write: text}))], history)});
}

function pathPlot(training) {
  const steps = list(training.details?.path).filter((s) => isNumber(s.lambda) && s.lambda > 0)
    .sort((a, b) => a.lambda - b.lambda);
  if (steps.length < 2) return null;
  const chosen = training.details.lambda;
  const is = (s) => isNumber(chosen) && Math.abs(s.lambda - chosen) <= 1e-9 * Math.abs(chosen);
  const points = (key) => steps.filter((s) => isNumber(s[key])).map((s) => ({x: s.lambda, y: s[key]}));
  const marked = {pointRadius: (c) => (is({lambda: c.raw?.x}) ? 7 : 2.5), pointStyle: (c) => (is({lambda: c.raw?.x}) ? "rectRot" : "circle")};
  const caption = "Regularisation path";
  return plot({caption, note: "◆ is the chosen λ",
    label: `${caption}: ${steps.length} values of lambda from ${write.brief(steps[0].lambda)} to ${write.brief(steps[steps.length - 1].lambda)}`
      + (isNumber(chosen) ? `; chosen ${write.brief(chosen)}.` : "."),
    make: () => ({
      data: {datasets: [
        line("loss", points("loss"), "second", {yAxisID: "y", ...marked}),
        line("accuracy", points("accuracy"), "first", {yAxisID: "right", borderDash: [6, 4], ...marked})]
        .filter((d) => d.data.length > 0)},
      options: chartOptions({
        scales: {
          x: axis("λ", {type: "logarithmic", ticks: {callback: (v) => (Math.log10(v) % 1 === 0 ? v.toExponential(0).replace("e+", "e") : null)}}),
          y: axis("loss", {ticks: {callback: (v) => write.brief(v)}}),
          ...(points("accuracy").length > 0 ? {right: axis("accuracy", {position: "right", grid: {drawOnChartArea: false}, ticks: {callback: (v) => write.briefPercent(v)}})} : {}),
        },
        title: (items) => `λ = ${write.brief(items[0]?.parsed.x)}`,
        value: (item) => `${item.dataset.label}: ${(item.dataset.label === "loss" ? write.real : write.percent)(item.parsed.y)}`,
      }),
    }),
    table: dataTable(caption, [
      {name: "λ", key: "lambda", header: true, write: write.brief},
      {name: "Loss", key: "loss", number: true, write: write.real},
      {name: "Accuracy", key: "accuracy", number: true, write: write.percent},
      {name: "Chosen", value: (s) => (is(s) ? "◆" : "")},
    ], steps)});
}

function trainingSection({training}) {
  if (!training) return null;
  let history = list(training.history).filter((h) => isNumber(h.epoch));
  if (!history.some((h) => h.val_loss || h.val_accuracy)) {
    history = history.map((h) => ({...h, val_loss: null, val_accuracy: null}));  // never measured
  }
  const x = isLbfgs(training) ? "iteration" : "epoch";
  const plots = history.length < 2 ? [] : [
    historyPlot(history, {caption: "Loss", unit: "cross-entropy", x, write: write.real, tick: write.brief, series: [
      {key: "train_loss", name: "training", colour: "first"},
      {key: "val_loss", name: "validation", colour: "second", dash: [6, 4]}]}),
    historyPlot(history, {caption: "Validation accuracy", unit: "", x, write: write.percent, tick: write.briefPercent, series: [
      {key: "val_accuracy", name: "validation", colour: "second", dash: [6, 4]}]}),
    new Set(history.map((h) => h.learning_rate)).size > 1 && historyPlot(history, {caption: "Learning rate", unit: "", x, write: write.brief, tick: write.brief, series: [
      {key: "learning_rate", name: "learning rate", colour: "third"}]}),
  ];
  plots.push(pathPlot(training));
  const shown = plots.filter(Boolean);
  if (shown.length === 0) return null;
  return {id: "training", title: "Learning curves", body: el("div", {class: "plots"}, shown)};
}
