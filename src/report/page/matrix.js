// The confusion matrix: a table with colours, from two classes to about a hundred.

const SHOWN = {both: "counts and row percentages", counts: "counts", shares: "row percentages", colours: "colours only"};

const share = (count, total) => (total > 0 ? count / total : 0);

function matrixCell(names, t, p, count, total) {
  const part = share(count, total);
  const kind = `${t === p ? "hit" : "miss"}${count > 0 ? " some" : ""}`;
  // The power keeps rare confusions visible beside the diagonal.
  return el("td", {class: kind, "--heat": (part ** 0.42).toFixed(3), "data-t": t, "data-p": p},
    el("span", {class: "count"}, write.count(count)),
    el("span", {class: "share"}, count > 0 ? write.percent(part) : ""));
}

/** What a cell says in words. */
function sentence(names, rows, t, p) {
  const total = rows[t].reduce((a, b) => a + b, 0);
  const count = rows[t][p];
  const of = `${write.count(count)} of ${write.count(total)} (${write.percent(share(count, total))})`;
  return t === p ? `${names[t]}: ${of} recognised` : `${names[t]} taken for ${names[p]}: ${of}`;
}

/** The pairs of classes that are confused most often. */
function worstPairs(names, rows, most) {
  const pairs = [];
  rows.forEach((row, t) => {
    const total = row.reduce((a, b) => a + b, 0);
    row.forEach((count, p) => {
      if (t !== p && count > 0) pairs.push({truth: names[t], predicted: names[p], count, part: share(count, total)});
    });
  });
  return pairs.sort((a, b) => b.count - a.count || b.part - a.part).slice(0, most);
}

/** Rows are true classes, columns predicted ones. */
function confusionMatrix(names, rows) {
  const size = names.length;
  const options = size <= 12 ? ["both", "counts", "shares"] : ["colours", "counts", "shares"];
  const start = size <= 12 ? "both" : size <= 30 ? "counts" : "colours";
  const table = el("table", {class: `matrix${size > 6 ? " turned" : size <= 4 ? " few" : ""}`, "data-show": start},
    el("caption", {class: "hidden-text"}, "Confusion matrix: a row a true class, a column a predicted class"),
    el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "truth ↓", el("br"), "predicted →"),
      names.map((name) => el("th", {scope: "col", title: name}, el("span", {}, name))))),
    el("tbody", {}, rows.map((row, t) => {
      const total = row.reduce((a, b) => a + b, 0);
      return el("tr", {}, el("th", {scope: "row", title: names[t]}, names[t]),
        row.map((count, p) => matrixCell(names, t, p, count, total)));
    })));
  const hint = "Point at a cell to read it.";
  const readout = el("p", {class: "readout"}, hint);
  table.addEventListener("pointerover", (event) => {
    const cell = event.target.closest("td");
    readout.textContent = cell ? sentence(names, rows, Number(cell.dataset.t), Number(cell.dataset.p)) : hint;
  });
  table.addEventListener("pointerleave", () => { readout.textContent = hint; });
  const choices = el("fieldset", {class: "choices"}, el("legend", {}, "Cells show"),
    options.map((option) => el("label", {},
      el("input", {type: "radio", name: "matrix-shows", value: option, checked: option === start,
        onchange: () => { table.dataset.show = option; }}), SHOWN[option])));
  const pairs = worstPairs(names, rows, 10);
  return el("div", {class: "beside"},
    el("div", {}, choices, scrollBox(table, "Confusion matrix", {extra: " matrix-box"}), readout),
    size > 2 && pairs.length > 0 && el("div", {class: "pairs"}, el("h3", {}, "Confused most often"),
      scrollBox(dataTable("Pairs of classes; percentages are of the true class", [
        {name: "Truth", key: "truth", header: true},
        {name: "Predicted", key: "predicted"},
        {name: "Images", key: "count", number: true, write: write.count},
        {name: "Share", key: "part", number: true, write: write.percent},
      ], pairs), "Confused most often")));
}
