// The charts of the chosen protocol, with a table of the same values.

let observed = [];

const valueTable = (protocol, view, rows) => {
  const cells = protocol.cells[state.metric];
  return h("details", { class: "values" }, h("summary", null, "Table of these values, with intervals"),
    h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Table of values" }, h("table", { class: "values" },
      h("caption", null, `${headingOf(state.metric)} over ${view.axis}, with ${levelText()} intervals`),
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "Model"), view.points.map((p) => h("th", { scope: "col" }, fixedShort(protocol.points[p].x))))),
      h("tbody", null, rows.map((row) => h("tr", null, h("th", { scope: "row" }, named(row.model.name)), view.points.map((p) =>
        h("td", { class: "number" }, formatMetric(state.metric, cells.value[row.at][p]),
          h("small", null, formatInterval(state.metric, cells.low[row.at][p], cells.high[row.at][p]))))))))));
};

const scenarioRows = () => {
  const protocol = currentProtocol();
  const cells = protocol.cells[state.metric];
  const head = ["model", "metric", "scenario", "axis", "x", "axis2", "y", "value", "low", "high", "sd", "seeds"];
  return [head, ...shownRows().flatMap((row) => protocol.points.map((point, p) => [
    row.model.name, state.metric, point.scenario, point.axis, point.x, point.axis2, point.y,
    ...["value", "low", "high", "sd"].map((k) => cells[k][row.at][p]), protocol.seeds[row.at].length,
  ]))];
};

const drawScenarios = () => {
  const protocol = currentProtocol();
  const rows = shownRows();
  observed = [];
  hideTip();
  const drawn = [];
  const parts = rows.length === 0 ? [h("p", { class: "nothing" }, "No model to show.")] : protocol.views.map((view) => {
    if (view.kind === "curve") {
      const curves = drawCurves(protocol, view, rows);
      drawn.push(curves.draw);
      const title = `${headingOf(state.metric)} over ${view.axis}`;
      return h("div", { class: "view" }, h("h3", null, title, h("span", { class: "quiet" }, " " + better(state.metric))), curves.element, valueTable(protocol, view, rows));
    }
    const several = protocol.views.length > 1 && view.kind === "map";
    return h("div", { class: "view" }, several && h("h3", null, "Other scenarios"), (view.kind === "grid" ? drawGrids : drawMap)(protocol, view, rows));
  });
  if (!protocol.views.length) parts.push(h("p", { class: "lead" }, "This protocol has one scenario: the leaderboard above shows all of it."));
  replace(byId("views"), parts, h("p", null, h("button", {
    type: "button", class: "plain", id: "download-scenarios",
    onclick: () => download(fileName(DATA.study, state.data, state.protocol, state.metric, "scenarios") + ".csv", "text/csv", csv(scenarioRows())),
  }, "Download these values (CSV)")));
  drawn.forEach((draw) => draw());
};

addEventListener("resize", () => observed.forEach((check) => check()));
