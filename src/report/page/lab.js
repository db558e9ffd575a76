// Sections about what the lab found: the heads of a sweep, the findings of an audit.

const headName = (h) => [
  h.optimizer === "lbfgs" ? `lbfgs, l2 ${write.brief(h.l2)}`
    : `${h.optimizer ?? EMPTY}, lr ${write.brief(h.learning_rate)}, weight decay ${write.brief(h.weight_decay)}`,
  h.label_smoothing > 0 && `smoothing ${write.brief(h.label_smoothing)}`, h.balanced && "balanced",
].filter(Boolean).join(", ");

/** The path of lambdas of one kind of L-BFGS head, with the interval of each; null when it is short. */
function sweepPlot(heads) {
  const kind = (h) => `${h.label_smoothing ?? 0} ${h.balanced ?? false}`;
  const paths = heads.filter((h) => h.optimizer === "lbfgs" && isNumber(h.mean) && h.l2 > 0);
  const shown = paths.filter((h) => kind(h) === kind(paths[0])).sort((a, b) => a.l2 - b.l2);
  if (shown.length < 2) return null;
  const points = (at) => shown.map((h) => ({x: h.l2, y: at(h)}));
  const caption = "Accuracy along the regularisation path";
  const edge = {borderWidth: 1, borderDash: [3, 4], pointRadius: 0, pointHoverRadius: 0};
  const best = shown.reduce((a, b) => (b.mean > a.mean ? b : a));
  return plot({caption, note: "dashed: 95\u202f% interval",
    label: `${caption}: ${shown.length} values of lambda from ${write.brief(shown[0].l2)} to ${write.brief(shown[shown.length - 1].l2)}; `
      + `best ${write.percent(best.mean)} at ${write.brief(best.l2)}.`,
    make: () => ({
      data: {datasets: [line("mean", points((h) => h.mean), "first"),
        line("low", points((h) => list(h.ci95)[0]), "second", edge), line("high", points((h) => list(h.ci95)[1]), "second", edge)]},
      options: chartOptions({legend: false,
        scales: {
          x: axis("λ", {type: "logarithmic", ticks: {callback: (v) => (Math.log10(v) % 1 === 0 ? v.toExponential(0).replace("e+", "e") : null)}}),
          y: axis("accuracy", {ticks: {callback: (v) => write.briefPercent(v)}})},
        title: (items) => `λ = ${write.brief(items[0]?.parsed.x)}`,
        value: (item) => `${item.dataset.label}: ${write.percent(item.parsed.y)}`})}),
    table: dataTable(caption, [{name: "λ", key: "l2", header: true, write: write.brief},
      {name: "Mean accuracy", key: "mean", number: true, write: write.percent},
      {name: "95\u202f% interval", value: (h) => write.interval(list(h.ci95)), number: true}], shown)});
}

function sweepSection({sweep}) {
  const heads = list(sweep?.table);
  if (heads.length === 0) return null;
  return {id: "sweep", title: "Sweep", body: [
    el("p", {class: "quiet"}, `${write.count(sweep.heads)} heads were trained at once: ${write.count(heads.length)} combinations, each on `
      + `${write.count(sweep.folds)} folds${sweep.repeats > 1 ? `, ${write.count(sweep.repeats)} times` : ""}, in ${write.seconds(sweep.seconds)}. `
      + "The best of many flatters itself a little: held-out images tell more."),
    sweepPlot(heads) ?? "",
    scrollBox(sortableTable("Heads, best first; press a heading to sort", [
      {name: "Head", value: headName, header: true},
      {name: "Mean accuracy", key: "mean", number: true, write: write.percent},
      {name: "Standard deviation", key: "std", number: true, write: write.percent},
      {name: "95\u202f% interval", value: (h) => list(h.ci95)[0], write: (v, h) => write.interval(list(h.ci95)), number: true},
      {name: "Loss", key: "loss", number: true, write: write.real},
    ], heads), "Heads of the sweep", {tall: true})]};
}

const FINDINGS = [
  ["label_error", "Likely label errors", "Out of fold, a linear head is confident that these are of another class. The surest first."],
  ["exact_duplicate", "Exact duplicates", "The same bytes under two names."],
  ["near_duplicate", "Near duplicates", "Images that look the same to the backbone."],
  ["leakage", "Leakage between splits", "Images of one split that are, or look like, an image of another: scores on them flatter."],
  ["outlier", "Outliers", "Far from their nearest neighbours: a wrong crop, a broken file, or the rarest case."],
];

function finding(f) {
  const named = baseName(f.path ?? "an image");
  return el("li", {}, el("figure", {},
    picture(f.thumbnail, `${named}: ${write.names(f.label)}${f.suggested ? `, rather ${f.suggested}` : ""}`),
    f.other && picture(f.other_thumbnail, `${baseName(f.other)}, which it repeats`),
    el("figcaption", {}, write.names(f.label), f.suggested && [" → ", el("strong", {}, f.suggested)], " ",
      el("span", {class: "number"}, write.percent(f.score)),
      f.path && el("span", {class: "path", title: f.path}, named),
      f.other && el("span", {class: "path", title: f.other}, `like ${baseName(f.other)}`))));
}

/** One section a kind of finding, and one for classes that overlap. */
const auditSections = [
  ...FINDINGS.map(([kind, title, note]) => ({audit}) => {
    const found = list(audit?.findings).filter((f) => f.kind === kind);
    if (found.length === 0) return null;
    const count = audit.counts?.[kind] ?? found.length;
    return {id: `audit-${kind.replace("_", "-")}`, title, body: [
      el("p", {class: "quiet"}, `${note} ${write.count(count)} in all${count > found.length ? `, ${write.count(found.length)} shown` : ""}.`),
      el("ul", {class: "mistakes"}, found.map(finding))]};
  }),
  ({audit}) => {
    const overlaps = list(audit?.overlaps);
    if (overlaps.length === 0) return null;
    return {id: "audit-overlaps", title: "Classes that overlap", body: [
      el("p", {class: "quiet"}, "Estimated share of all images that bear one of the two labels and are the other."),
      scrollBox(sortableTable("Overlapping classes; press a heading to sort", [
        {name: "Class", key: "first", header: true}, {name: "and", key: "second"},
        {name: "Share of images", key: "share", number: true, write: write.percent},
      ], overlaps), "Overlapping classes", {tall: true})]};
  },
];
