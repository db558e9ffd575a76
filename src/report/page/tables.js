// Tables: plain ones, and ones that sort by their columns.

/** Columns are {name, key or value(row), write(value), number, header}; `header` marks the row's header. */
const cellValue = (column, row) => (column.value ? column.value(row) : row[column.key]);

function bodyRow(columns, row) {
  return el("tr", {}, columns.map((column) => {
    const value = cellValue(column, row);
    const shown = column.write ? column.write(value, row) : value ?? EMPTY;
    return column.header ? el("th", {scope: "row"}, shown)
      : el("td", {class: column.number ? "num" : null}, shown);
  }));
}

function dataTable(caption, columns, rows) {
  return el("table", {class: "wide"}, el("caption", {}, caption),
    el("thead", {}, el("tr", {}, columns.map((c) => el("th", {scope: "col", class: c.number ? "num" : null}, c.name)))),
    el("tbody", {}, rows.map((row) => bodyRow(columns, row))));
}

/** Order of two cells: numbers by value, texts as people sort them, what is missing last either way. */
function compare(a, b, sign) {
  const gone = (value) => value === null || value === undefined || Number.isNaN(value);
  if (gone(a) || gone(b)) return Number(gone(a)) - Number(gone(b));
  return sign * (isNumber(a) && isNumber(b) ? a - b
    : String(a).localeCompare(String(b), "en", {numeric: true}));
}

/** A table whose column headings are buttons: the first press sorts numbers from the largest and
 *  texts from the first, the next one the other way round. aria-sort tells which. */
function sortableTable(caption, columns, rows) {
  const body = el("tbody");
  const headings = columns.map((column) => el("th", {scope: "col", class: column.number ? "num" : null},
    el("button", {type: "button", onclick: () => sortBy(column)}, column.name)));
  function sortBy(column) {
    const heading = headings[columns.indexOf(column)];
    const now = heading.getAttribute("aria-sort");
    const first = column.number ? "descending" : "ascending";
    const other = column.number ? "ascending" : "descending";
    const next = now === first ? other : first;
    headings.forEach((h) => h.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", next);
    const sign = next === "ascending" ? 1 : -1;
    const sorted = rows.map((row) => [cellValue(column, row), row])
      .sort(([a], [b]) => compare(a, b, sign)).map(([, row]) => row);
    body.replaceChildren(...sorted.map((row) => bodyRow(columns, row)));
  }
  body.append(...rows.map((row) => bodyRow(columns, row)));
  return el("table", {class: "wide"}, el("caption", {}, caption),
    el("thead", {}, el("tr", {}, headings)), body);
}

/** A table's box: scrolls by itself, so that the page does not, and is reached by keyboard. */
function scrollBox(table, name, {tall = false, extra = ""} = {}) {
  return el("div", {class: `scroll${tall ? " tall" : ""}${extra}`, tabindex: "0", role: "region", "aria-label": name}, table);
}
