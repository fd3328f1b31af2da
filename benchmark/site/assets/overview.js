// All protocols of the data set at once: the mean of the chosen metric, one row a model, one column a protocol.

const overviewCell = (protocol, row) => {
  const at = protocol.models.indexOf(row.number);
  const means = protocol.means[state.metric];
  if (at < 0 || !means) return h("td", null, NONE);
  const value = formatMetric(state.metric, means.value[at], protocol);
  return h("td", { class: protocol.name === state.protocol ? "chosen" : null },
    means.best[at] ? h("strong", null, value, unseen(" (best, or not told from it)")) : value,
    means.rank[at] !== null && h("span", { class: "quiet" }, " ", unseen("rank "), "#" + means.rank[at]),
    h("small", null, formatInterval(state.metric, means.low[at], means.high[at], protocol)));
};

const chooseProtocol = (name) => {
  state.protocol = name;
  changed();
  byId("overview").querySelectorAll("[data-protocol]").forEach((b) => { if (b.dataset.protocol === name) b.focus(); });
};

const drawOverview = () => {
  const { protocols } = currentTable();
  const rows = shownRows().sort((a, b) => a.model.bound - b.model.bound);
  byId("overview").hidden = protocols.length < 2 || rows.length === 0;
  replace(byId("overview-lead"), `${headingOf(state.metric)}, ${better(state.metric)}: mean over the scenarios of each protocol, rank, and ${levelText()} interval. Rows are in the order of ${state.protocol}; a protocol\u2019s name shows it above.`);
  replace(byId("overview-table"), h("table", null,
    h("caption", { class: "unseen" }, "All protocols, by " + DATA.metrics[state.metric].title),
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "Model"), protocols.map((p) => h("th", { scope: "col", class: p.name === state.protocol ? "chosen" : null },
      h("button", {
        type: "button", class: "head", "data-protocol": p.name, title: p.title, "aria-pressed": String(p.name === state.protocol), onclick: () => chooseProtocol(p.name),
      }, named(p.name)))))),
    h("tbody", null, rows.map((row) => h("tr", { class: row.model.bound ? "bound-row" : null },
      h("th", { scope: "row" }, named(row.model.name)), protocols.map((p) => overviewCell(p, row)))))));
};
