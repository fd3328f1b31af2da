// What is chosen. The address keeps it after its #, so that a link shows the same view again.

const DATA = JSON.parse(byId("data").textContent);

const state = {
  selection: "", data: "", protocol: "", metric: "",
  filter: "", kinds: new Set(DATA.kinds), columns: null, sort: "", descending: false, cost: "", scenario: "",
  open: new Set(), pinned: new Set(), theme: "",
};

const tablesOf = (selection) => DATA.tables.filter((table) => table.selection === selection);
const currentTable = () => tablesOf(state.selection).find((table) => table.data === state.data);
const currentProtocol = () => currentTable().protocols.find((protocol) => protocol.name === state.protocol);

// the columns of the shown protocol, one entry a model
const rowsOf = (protocol) => protocol.models.map((model, at) => ({ at, number: model, model: DATA.models[model] }));

const matches = (row) => {
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (row.model.name + " " + row.model.kind + " " + (row.model.title || "")).toLowerCase();
  return state.kinds.has(row.model.kind) && words.every((word) => text.includes(word));
};

// best first by the mean of the chosen metric; rows without a value last
const byValue = (protocol, metric) => {
  const values = protocol.means[metric].value;
  const sign = DATA.metrics[metric].higher_is_better ? -1 : 1;
  return (a, b) => {
    const [x, y] = [values[a.at], values[b.at]];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (x - y) || a.model.name.localeCompare(b.model.name);
  };
};

const shownRows = () => {
  const protocol = currentProtocol();
  return rowsOf(protocol).filter(matches).sort(byValue(protocol, state.metric));
};

const choose = (value, known, otherwise) => (known.includes(value) ? value : otherwise);

// keep every choice among what there is
const settle = () => {
  state.selection = choose(state.selection, Object.keys(DATA.selections), Object.keys(DATA.selections)[0]);
  const tables = tablesOf(state.selection);
  state.data = choose(state.data, tables.map((t) => t.data), tables[0].data);
  const table = currentTable();
  const curve = table.protocols.find((p) => p.views.some((v) => v.kind === "curve")) || table.protocols[0];
  state.protocol = choose(state.protocol, table.protocols.map((p) => p.name), curve.name);
  state.metric = choose(state.metric, table.metrics, table.metrics[0]);
};

const readAddress = () => {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of ["selection", "data", "protocol", "metric", "filter", "sort", "cost", "scenario"]) state[name] = given.get(name) || "";
  state.descending = given.get("order") === "descending";
  const kinds = (given.get("kinds") || "").split(",").filter((kind) => DATA.kinds.includes(kind));
  state.kinds = new Set(given.has("kinds") ? kinds : DATA.kinds);
  state.columns = given.has("columns") ? new Set(given.get("columns").split(",")) : null;
  const names = new Set(DATA.models.map((model) => model.name));
  state.open = new Set(given.getAll("open").filter((name) => names.has(name)));
  state.pinned = new Set(given.getAll("pinned").filter((name) => names.has(name)));
  state.theme = choose(given.get("theme"), ["light", "dark"], "");
  settle();
};

const writeAddress = () => {
  const kept = new URLSearchParams();
  for (const name of ["selection", "data", "protocol", "metric"]) kept.set(name, state[name]);
  if (state.filter) kept.set("filter", state.filter);
  if (state.kinds.size < DATA.kinds.length) kept.set("kinds", [...state.kinds].join(","));
  if (state.columns) kept.set("columns", [...state.columns].join(","));
  if (state.cost) kept.set("cost", state.cost);
  if (state.scenario) kept.set("scenario", state.scenario);
  if (state.sort) kept.set("sort", state.sort);
  if (state.sort && state.descending) kept.set("order", "descending");
  for (const name of state.open) kept.append("open", name);
  for (const name of state.pinned) kept.append("pinned", name);
  if (state.theme) kept.set("theme", state.theme);
  history.replaceState(null, "", "#" + kept);
};

const isDark = () =>
  state.theme ? state.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
