// Paired differences between all models: row minus column, with verdicts that are corrected for all pairs.

const comparedRows = (protocol) => shownRows().filter((row) => !row.model.bound && protocol.means[state.metric].value[row.at] !== null);

// [difference, half of its interval, corrected p, verdict] of models at i and j, or null
const pairOf = (protocol, i, j) => {
  const { pairs } = protocol.means[state.metric];
  if (!pairs || !pairs.length || i === j) return null;
  const [a, b] = [Math.min(i, j), Math.max(i, j)];
  const found = pairs[a * protocol.models.length - (a * (a + 1)) / 2 + (b - a - 1)];
  if (!found.length) return null;
  const [difference, reach, p, verdict] = found;
  return [i < j ? difference : -difference, reach, p, verdict];
};

const verdictOf = ([difference, , , verdict]) => {
  if (verdict === null) return "no claim";
  if (verdict === 0) return "no significant difference";
  return (difference > 0) === DATA.metrics[state.metric].higher_is_better ? "better" : "worse";
};

const MARKS = { better: "\u25B2 ", worse: "\u25BC ", "no significant difference": "", "no claim": "" };

const formatP = (p) => (p === null ? NONE : p < 0.001 ? "<0.001" : p.toFixed(3));

const pairCell = (protocol, row, other) => {
  const pair = pairOf(protocol, row.at, other.at);
  if (!pair) return h("td", { class: "heat", tabindex: "-1" }, row === other ? unseen("itself") : NONE);
  const { value } = protocol.means[state.metric];
  const verdict = verdictOf(pair);
  const [difference, reach, p] = pair;
  const interval = reach === null ? "" : formatInterval(state.metric, difference - reach, difference + reach);
  const facts = [
    [row.model.name, formatMetric(state.metric, value[row.at])], [other.model.name, formatMetric(state.metric, value[other.at])],
    ["difference", formatSigned(state.metric, difference)], [levelText() + " interval", interval || "none"],
    ["p (corrected)", formatP(p)], ["verdict", verdict === "better" || verdict === "worse" ? `${row.model.name} is ${verdict}` : verdict],
  ];
  const cell = h("td", { class: "heat pair " + verdict.split(" ")[0], tabindex: "-1" },
    h("span", { "aria-hidden": "true" }, MARKS[verdict]), formatSigned(state.metric, difference), unseen(`, ${verdict}`));
  return pointable(cell, `${row.model.name} \u2212 ${other.model.name}`, facts);
};

const pairRows = () => {
  const protocol = currentProtocol();
  const rows = comparedRows(protocol);
  const head = ["a", "b", "metric", "value_a", "value_b", "difference", "low", "high", "p_corrected", "verdict"];
  const { value } = protocol.means[state.metric];
  return [head, ...rows.flatMap((a, i) => rows.slice(i + 1).map((b) => [a, b, pairOf(protocol, a.at, b.at)])).filter(([, , pair]) => pair)
    .map(([a, b, pair]) => [a.model.name, b.model.name, state.metric, value[a.at], value[b.at], pair[0],
      pair[1] === null ? null : pair[0] - pair[1], pair[1] === null ? null : pair[0] + pair[1], pair[2], verdictOf(pair)])];
};

const drawPairs = () => {
  const protocol = currentProtocol();
  const rows = comparedRows(protocol);
  const known = rows.some((a) => rows.some((b) => pairOf(protocol, a.at, b.at)));
  if (!known) {
    const why = DATA.selections[state.selection].honest ? "Fewer than two models can be compared." : "Epochs chosen on the test set are not compared.";
    return replace(byId("pairs-table"), h("p", { class: "lead" }, why));
  }
  const table = h("table", { class: "map pairs" },
    h("caption", { class: "unseen" }, "Paired differences in " + DATA.metrics[state.metric].title),
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "Model"), rows.map((row) => h("th", { scope: "col" }, h("span", null, named(row.model.name)))))),
    h("tbody", null, rows.map((row) => h("tr", null, h("th", { scope: "row" }, named(row.model.name)), rows.map((other) => pairCell(protocol, row, other))))));
  replace(byId("pairs-table"),
    h("p", { class: "lead" }, `${headingOf(state.metric)}, ${better(state.metric)}: row minus column, mean over the scenarios of ${protocol.name}. \u25B2: the model of the row is significantly better than that of the column, \u25BC: significantly worse, no mark: no significant difference (paired bootstrap over videos and seeds, p corrected for all pairs of models, ${levelOfTests()}). Intervals are of each pair alone.`),
    h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Paired differences" }, walkable(table)),
    h("p", null, h("button", {
      type: "button", class: "plain", id: "download-pairs",
      onclick: () => download(fileName(DATA.study, state.data, state.protocol, state.metric, "pairs") + ".csv", "text/csv", csv(pairRows())),
    }, "Download these differences (CSV)")));
};
