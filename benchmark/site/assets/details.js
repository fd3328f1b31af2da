// What a row opens: where the model comes from, its runs, how they were made, and what they cost.

const listOf = (pairs) => h("dl", { class: "facts-list" },
  pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));

const code = (text) => h("code", null, String(text));

const plainValue = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));

const aboutModel = (model) => {
  const source = [model.paper, model.year].filter(Boolean).join(", ");
  return [
    model.title && h("p", { class: "about" }, model.title, source && [". ", link(source, model.paper_url)], ".", model.code_url && [" ", link("Code of the authors", model.code_url), "."]),
    model.model && model.model !== model.name && h("p", null, "Registered as ", code(model.model), "."),
    model.differences && model.differences.length > 0 && h("details", null, h("summary", null, "Differences from the paper"),
      h("ul", null, model.differences.map((line) => h("li", null, line)))),
  ];
};

const RUN_COLUMNS = [
  ["Epochs", (run) => formatShort(run.epochs)],
  ["Selected", (run) => (run.best_epoch ? "epoch " + run.best_epoch : NONE)],
  ["Valid. MAE", (run) => (run.valid_mae === null ? NONE : fixed(run.valid_mae, 3))],
  ["Training", (run) => formatSeconds(run.seconds.train)],
  ["Evaluation", (run) => formatSeconds(run.seconds.evaluate)],
  ["ms/sample", (run) => formatShort(run.inference_ms_median ?? run.inference_ms)],
  ["Memory", (run) => formatMemory(run.peak_memory_mb)],
  ["Commit", (run) => {
    const { git_commit: commit, git_dirty: dirty } = DATA.provenance[run.provenance];
    return commit ? [code(String(commit).slice(0, 8)), dirty ? " (changed)" : ""] : NONE;
  }],
];

const runTable = (protocol, row, runs) => {
  const metric = state.metric;
  const values = new Map(protocol.seeds[row.at].map((seed, i) => [seed, protocol.means[metric].by_seed[row.at][i]]));
  const splits = new Set(runs.map(([, run]) => run.split)).size > 1;
  const seen = new Set();
  return h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Runs of " + row.model.name },
    h("table", { class: "runs" },
      h("thead", null, h("tr", null, ["Seed", splits && "Split", headingOf(metric), ...RUN_COLUMNS.map(([name]) => name), "Run"]
        .filter(Boolean).map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", null, runs.map(([id, run]) => {
        const first = !seen.has(run.seed);
        seen.add(run.seed);
        return h("tr", null, h("th", { scope: "row" }, String(run.seed)), splits && h("td", null, run.split),
          h("td", null, first && values.has(run.seed) ? formatMetric(metric, values.get(run.seed)) : first ? NONE : ""),
          RUN_COLUMNS.map(([, text]) => h("td", null, text(run))), h("td", null, code(id)));
      }))));
};

const seedTable = (protocol, row) => h("table", { class: "runs" },
  h("thead", null, h("tr", null, ["Seed", headingOf(state.metric)].map((name) => h("th", { scope: "col" }, name)))),
  h("tbody", null, protocol.seeds[row.at].map((seed, i) => h("tr", null, h("th", { scope: "row" }, String(seed)),
    h("td", null, formatMetric(state.metric, protocol.means[state.metric].by_seed[row.at][i]))))));

const distinct = (runs, name) => [...new Set(runs.map(([, run]) => run[name]))];

const configsOf = (runs) => h("details", null, h("summary", null, "Configuration"),
  distinct(runs, "config").map((at) => h("pre", { tabindex: "0" }, JSON.stringify(DATA.configs[at], null, 2))));

const flat = (value, prefix) => Object.entries(value).flatMap(([name, inner]) =>
  inner !== null && typeof inner === "object" && !Array.isArray(inner) ? flat(inner, prefix + name + " ") : [[prefix + name, code(plainValue(inner))]]);

const provenanceOf = (runs) => h("details", null, h("summary", null, "Provenance"),
  distinct(runs, "data").map((at) => listOf(flat(DATA.data[at], "").map(([name, value]) => [name.replaceAll("_", " "), value]))),
  distinct(runs, "provenance").map((at) => listOf(flat(DATA.provenance[at], "").map(([name, value]) => [name.replaceAll("_", " "), value]))));

const masksOf = (protocol, runs) => {
  const wanted = new Set(protocol.points.map((point) => point.scenario));
  return h("details", null, h("summary", null, "Mask fingerprints"),
    distinct(runs, "masks").map((at) => h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Mask fingerprints" },
      h("table", { class: "runs" },
        h("thead", null, h("tr", null, ["Scenario", "Fingerprint", "SHA-256 of the masks"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", null, DATA.masks[at].filter(([scenario]) => wanted.has(scenario)).map(([scenario, fingerprint, sha]) =>
          h("tr", null, h("th", { scope: "row" }, scenario), h("td", null, code(fingerprint)), h("td", null, code(sha)))))))));
};

const detailOf = (protocol, row) => {
  const ids = currentTable().runs[row.number] || [];
  const runs = ids.filter((id) => DATA.runs[id]).map((id) => [id, DATA.runs[id]]);
  if (!runs.length) {
    return [aboutModel(row.model), seedTable(protocol, row),
      h("p", { class: "quiet" }, row.model.external ? "Predictions made elsewhere: there is no record of a run." : "There is no record of these runs.")];
  }
  const scenarios = plural(protocol.points.length, "scenario");
  return [
    aboutModel(row.model),
    h("p", { class: "quiet" }, `${DATA.metrics[state.metric].title}: mean over the ${scenarios} of ${protocol.name}, for each seed.`),
    runTable(protocol, row, runs),
    h("div", { class: "folds" }, configsOf(runs), provenanceOf(runs), masksOf(protocol, runs)),
  ];
};
