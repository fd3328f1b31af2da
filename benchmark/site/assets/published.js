// Published numbers below the measured rows: as printed, with their source; they take no part in ranks or bold.

const publishedOf = (protocol) => currentTable().published[protocol.name] || { rows: [], notes: [] };

const publishedShown = (protocol) => {
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  return state.kinds.has("published") ? publishedOf(protocol).rows.filter((row) => words.every((word) => (row.name + " published").toLowerCase().includes(word))) : [];
};

const markOf = (note) => note && h("sup", null, note);

const publishedCell = (column, row) => {
  if (column.key === "model") return h("th", { scope: "row", class: "model" }, h("span", { class: "cited" }, named(row.name), markOf(row.note)),
    h("span", { class: "under" }, row.seeds === null ? "published" : "published \u00B7 " + plural(row.seeds, "seed")));
  if (column.key === "rank") return h("td", { class: "rank" }, NONE);
  const own = row.cells[column.key];
  return h("td", { class: "number" + (column.metric === state.metric ? " chosen" : "") }, own ? [own.struck ? h("s", null, own.text) : own.text, markOf(own.note)] : "");
};

const publishedBody = (protocol, columns) => {
  const key = columns.some((c) => c.metric === state.sort) ? state.sort : state.metric;
  const descending = state.sort === key ? state.descending : DATA.metrics[key].higher_is_better;
  const value = (row) => row.cells[key]?.value ?? null;
  const rows = [...publishedShown(protocol)].sort(comparing({ value }, descending));
  return rows.length > 0 && h("tbody", { class: "bound published" }, rows.map((row) => h("tr", { "data-published": row.name }, columns.map((column) => publishedCell(column, row)))));
};

const publishedNotes = (protocol) => publishedOf(protocol).notes.map(([mark, text]) => h("li", null, mark && [markOf(mark), " "], text));

const publishedRecords = (protocol, columns) => publishedShown(protocol).map((row) => [
  ...columns.flatMap((c) => (c.metric ? [row.cells[c.key]?.value ?? null, null, null, null] : [c.key === "model" ? row.name : null])),
  "published", null, row.seeds,
]);
