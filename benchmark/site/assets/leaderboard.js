// The leaderboard: one row a model, sorted by any column, filtered by text and kind.

const COSTS = [
  { key: "parameters", title: "Parameters", about: "trained parameters", format: formatCount },
  { key: "flops", title: "FLOPs", about: "floating point operations of one prediction", format: formatCount },
  { key: "train_seconds", timed: true, title: "Training", about: "wall-clock time of one training", format: formatSeconds },
  { key: "inference_ms", timed: true, title: "ms/ sample", about: "median time of a prediction within a batch, in milliseconds", format: formatShort },
  { key: "inference_ms_p95", timed: true, title: "p95 ms", about: "95th percentile of the time of a prediction, in milliseconds", format: formatShort },
  { key: "peak_memory_mb", title: "Memory", about: "peak memory of the process", format: formatMemory },
];

// those that were recorded
const shownCosts = () => COSTS.filter(({ key }) => Object.values(currentTable().costs).some((own) => (own[key] ?? null) !== null));

const metricsOf = () => [state.metric, ...currentTable().metrics.filter((m) => m !== state.metric)];

// acc3 and what is not usual are shown when they are chosen: a table of all would be too wide
const allColumns = (protocol) => {
  const table = currentTable();
  const means = protocol.means[state.metric];
  const cost = (row, name) => (table.costs[row.number] || {})[name] ?? null;
  return [
    { key: "rank", title: "Rank", fixed: true, value: (row) => means.rank[row.at], about: "shared by models that do not differ significantly" },
    { key: "model", title: "Model", fixed: true, value: (row) => row.model.name, text: true },
    ...metricsOf().map((metric) => ({
      key: metric, fixed: metric === state.metric, usual: DATA.metrics[metric].usual && !metric.startsWith("acc3"), title: DATA.metrics[metric].title, metric, about: headingOf(metric) + ": " + DATA.metrics[metric].definition + "; " + better(metric),
      value: (row) => protocol.means[metric].value[row.at], descending: DATA.metrics[metric].higher_is_better,
    })),
    {
      key: "p_next", title: "p (next)", value: (row) => means.p_next[row.at], descending: true,
      about: "p of the test behind the ranks, for a model and the next one by " + DATA.metrics[state.metric].title,
    },
    ...shownCosts().map((c) => ({ ...c, value: (row) => cost(row, c.key), about: c.about + "; mean over the runs of a model" })),
  ];
};

const columnsOf = (protocol) => allColumns(protocol).filter(isShown);

// -1, 0, 1; rows without a value last, whichever way
const comparing = (column, descending) => (a, b) => {
  const [x, y] = [column.value(a), column.value(b)];
  if (x === null || y === null) return (x === null) - (y === null);
  const order = column.text ? x.localeCompare(y, undefined, { numeric: true }) : x - y;
  return descending ? -order : order;
};

const sortedBoard = (protocol) => {
  const rows = rowsOf(protocol).filter(matches).sort(byValue(protocol, state.metric));
  const column = columnsOf(protocol).find((c) => c.key === state.sort);
  return column ? rows.sort(comparing(column, state.descending)) : rows;
};

const sortBy = (column) => {
  const active = state.sort || state.metric;
  const first = Boolean(column.descending);
  if (active !== column.key) state.descending = first;
  else state.descending = state.sort ? !state.descending : !first;
  state.sort = column.key;
  writeAddress();
  drawBoard();
  byId("board").querySelector(`[data-column="${column.key}"]`).focus();
  say("sorted by " + column.title + (state.descending ? ", largest first" : ", smallest first"));
};

const headOf = (column) => {
  const active = (state.sort || state.metric) === column.key;
  const descending = state.sort ? state.descending : Boolean(column.descending);
  return h("th", {
    scope: "col", class: "column-" + column.key + (column.metric === state.metric ? " chosen" : ""),
    "aria-sort": active ? (descending ? "descending" : "ascending") : "none",
  }, h("button", { type: "button", "data-column": column.key, title: column.about, onclick: () => sortBy(column) },
    h("span", null, column.title), h("span", { class: "caret", "aria-hidden": "true" }, active && !descending ? "\u25B4" : "\u25BE")));
};

// the range that the dots and whiskers of the chosen metric span
const rangeOf = (protocol, rows) => {
  const { value, low, high } = protocol.means[state.metric];
  const all = rows.flatMap((row) => [value[row.at], low[row.at], high[row.at]]).filter((v) => v !== null);
  return [Math.min(...all), Math.max(...all)];
};

const whisker = (protocol, row, [least, most]) => {
  const [value, low, high] = ["value", "low", "high"].map((k) => protocol.means[state.metric][k][row.at]);
  const x = (v) => (5 + 94 * (most > least ? (v - least) / (most - least) : 0.5)).toFixed(1);
  const style = row.model.style;
  return svg("svg", { class: "whisker", viewBox: "0 0 104 16", width: 104, height: 16, "aria-hidden": "true" },
    svg("line", { x1: 0, x2: 104, y1: 8, y2: 8, class: "rail" }),
    low !== null && high !== null && svg("line", { x1: x(low), x2: x(high), y1: 8, y2: 8, class: "reach" }),
    value !== null && svg("circle", { cx: x(value), cy: 8, r: 4, fill: colourOf(style), stroke: edgeOf(style) }));
};

const metricCell = (protocol, column, row, range) => {
  const means = protocol.means[column.metric];
  const value = formatMetric(column.metric, means.value[row.at]);
  const chosen = column.metric === state.metric;
  const impossible = protocol.impossible[row.at].includes(DATA.metrics[column.metric].title);
  const numbers = h("span", { class: "numbers" },
    means.best[row.at] ? h("strong", null, value, unseen(" (best, or not told from it)")) : impossible ? h("s", null, value) : value,
    h("small", null, formatInterval(column.metric, means.low[row.at], means.high[row.at])));
  return h("td", { class: "number" + (chosen ? " chosen" : "") }, numbers, chosen && whisker(protocol, row, range));
};

const tagsOf = (model) => [
  h("span", { class: "tag kind-" + model.kind }, model.kind), " ",
  model.mask_informed && [h("span", { class: "tag" }, "mask-informed"), " "],
  ["paper", "code"].map((what) => model[what + "_url"] && [h("span", { class: "tag" }, link(what, model[what + "_url"])), " "]),
];

const toggleRow = (name) => {
  if (!state.open.delete(name)) state.open.add(name);
  writeAddress();
  drawBoard();
  byId("board").querySelectorAll("[data-model]").forEach((b) => { if (b.dataset.model === name) b.focus(); });
};

const modelCell = (protocol, row) => {
  const { name } = row.model;
  const open = state.open.has(name);
  return h("th", { scope: "row", class: "model" },
    h("button", {
      type: "button", class: "opener", "data-model": name, "aria-expanded": String(open), "aria-controls": open ? "detail-" + row.number : null,
      onclick: () => toggleRow(name),
    }, h("span", { class: "chevron", "aria-hidden": "true" }), named(name), unseen(": runs")),
    h("span", { class: "under" }, tagsOf(row.model), h("span", null, plural(protocol.seeds[row.at].length, "seed") + (protocol.failed[row.at] ? `, ${protocol.failed[row.at]} failed*` : ""))));
};

const rowCells = (protocol, columns, row, range) => columns.map((column) => {
  if (column.key === "model") return modelCell(protocol, row);
  if (column.metric) return metricCell(protocol, column, row, range);
  const value = column.value(row);
  const failed = protocol.failed[row.at];
  if (column.key === "rank") return h("td", { class: "rank" }, value === null ? NONE : String(value), value !== null && failed > 0 && ["*", unseen(` (${plural(failed, "seed")} failed)`)]);
  if (column.key === "p_next") return h("td", { class: "number" }, value === null ? "" : value.toFixed(3));
  return h("td", { class: "number" }, column.format(value));
});

const bodyOf = (protocol, columns, rows, range, bound) => h("tbody", { class: bound ? "bound" : null }, rows.map((row) => [
  h("tr", {
    class: "row", "data-row": row.model.name,
    onclick: (event) => { if (!event.target.closest("button, a") && !String(getSelection())) toggleRow(row.model.name); },
  }, rowCells(protocol, columns, row, range)),
  state.open.has(row.model.name) && h("tr", { class: "detail", id: "detail-" + row.number },
    h("td", { colspan: columns.length }, h("div", { class: "sheet" }, detailOf(protocol, row)))),
]));

const drawBoard = () => {
  const protocol = currentProtocol();
  const columns = columnsOf(protocol);
  const rows = sortedBoard(protocol);
  const range = rangeOf(protocol, rows);
  const published = publishedBody(protocol, columns);
  const [contest, bounds] = [rows.filter((r) => !r.model.bound), rows.filter((r) => r.model.bound)];
  const title = `Leaderboard of ${currentTable().title}, ${protocol.name}, by ${DATA.metrics[state.metric].title}`;
  const left = byId("board").scrollLeft;
  replace(byId("board"), rows.length || published
    ? h("table", { class: "board" }, h("caption", { class: "unseen" }, title), h("thead", null, h("tr", null, columns.map(headOf))),
      bodyOf(protocol, columns, contest, range, false), bounds.length > 0 && bodyOf(protocol, columns, bounds, range, true), published)
    : h("p", { class: "nothing" }, protocol.models.length ? "No row matches the filter." : "Nothing has been evaluated under this protocol."));
  byId("board").scrollLeft = left;
  byId("count").textContent = `${rows.length} of ${plural(protocol.models.length, "model")}`;
  drawRemarks(protocol, rows);
  markMore();
};

const remarksOf = (protocol, row) => {
  const { model } = row;
  const impossible = protocol.impossible[row.at].join(", ");
  return [
    ...protocol.remarks[row.at],
    impossible && `impossible ${impossible}: no confusion matrix of these class counts has this accuracy and this F1`,
    model.mask_informed && "is told at test time how much of each modality is missing",
    (currentTable().costs[row.number] || {}).other_load >= LOADED && `timed while other processes ran (about ${Math.round(currentTable().costs[row.number].other_load)}): a quiet machine is faster`,
    model.external && "predictions made elsewhere, read from a file",
    protocol.flags[row.at] && !model.bound && "interval: " + protocol.flags[row.at],
  ].filter(Boolean);
};

// every remark once, with the models that it is about
const drawRemarks = (protocol, rows) => {
  const about = new Map();
  for (const row of rows) {
    for (const remark of remarksOf(protocol, row)) about.set(remark, [...(about.get(remark) || []), row.model.name]);
  }
  const lines = [...about].map(([remark, names]) =>
    h("li", null, names.length > 1 && names.length === rows.length ? "all models" : names.map((name, i) => [i ? ", " : "", named(name)]), ": " + remark + "."));
  const notes = currentTable().notes.map((note) => h("li", null, note));
  replace(byId("remarks"), h("ul", null, lines, notes, publishedNotes(protocol)));
};

// a shadow at the edge behind which more columns are
const markMore = () => {
  const board = byId("board");
  board.classList.toggle("more", board.scrollLeft + board.clientWidth < board.scrollWidth - 2);
};
byId("board").addEventListener("scroll", markMore, { passive: true });
addEventListener("resize", markMore);

const boardRows = () => {
  const protocol = currentProtocol();
  const columns = columnsOf(protocol);
  const head = columns.flatMap((c) => (c.metric ? [c.key, c.key + "_low", c.key + "_high", c.key + "_sd"] : [c.key]));
  const rows = sortedBoard(protocol).map((row) => [
    ...columns.flatMap((c) => (c.metric ? ["value", "low", "high", "sd"].map((k) => protocol.means[c.metric][k][row.at]) : [c.value(row)])),
    row.model.kind, row.model.mask_informed, protocol.seeds[row.at].length,
  ]);
  return [[...head, "kind", "mask_informed", "seeds"], ...rows, ...publishedRecords(protocol, columns)];
};
