// Confusion matrices: predicted class against true class, a small map a model, in per cent of the true class.

const SHOWN_AT_ONCE = 6;

const confusionMap = (row, counts, scenario) => {
  const { metric, classes } = currentTable().confusion;
  const k = classes.length;
  const total = (i) => counts.slice(i * k, i * k + k).reduce((sum, n) => sum + n, 0);
  const right = classes.reduce((sum, _, i) => sum + counts[i * k + i], 0);
  const accuracy = fixed((100 * right) / counts.reduce((sum, n) => sum + n, 0), 1);
  const title = (name) => name.replace(/^-(?=\d)/, MINUS);
  const cellOf = (i, j) => {
    const all = total(i);
    const share = all ? counts[i * k + j] / all : null;
    const cell = h("td", { class: "heat" + (i === j ? " right" : ""), tabindex: "-1" }, share === null ? unseen("no sample") : share < 0.005 ? unseen("0") : String(Math.round(100 * share)));
    if (share !== null) {
      const { ground, ink } = shade(share);
      [cell.style.backgroundColor, cell.style.color] = [ground, ink];
    }
    return pointable(cell, row.model.name, [["true class", title(classes[i])], ["predicted class", title(classes[j])],
      ["share of the true class", share === null ? "no sample" : fixed(100 * share, 1) + " %"], ["predictions", `${counts[i * k + j]} of ${all}`], ["scenario", scenario]]);
  };
  const down = [...classes.keys()].reverse();
  return walkable(h("table", { class: "map small confusion" },
    h("caption", null, named(row.model.name), h("span", { class: "quiet" }, ` ${DATA.metrics[metric].title} ${accuracy} %`)),
    h("thead", null, h("tr", null, h("th", { scope: "col" }, unseen("true class down, predicted class across")), classes.map((name) => h("th", { scope: "col" }, title(name))))),
    h("tbody", null, down.map((i) => h("tr", null, h("th", { scope: "row" }, title(classes[i])), classes.map((_, j) => cellOf(i, j)))))));
};

const drawConfusion = () => {
  const { confusion } = currentTable();
  const protocol = currentProtocol();
  const points = confusion.scenarios ? protocol.points.filter(({ scenario }) => confusion.scenarios[scenario]) : [];
  byId("confusion").hidden = points.length === 0;
  if (!points.length) return;
  const chosen = points.find(({ scenario }) => scenario === state.scenario) || points[0];
  state.scenario = chosen.scenario;
  const counts = confusion.scenarios[chosen.scenario];
  const rows = shownRows().filter((row) => counts[row.number]).sort((a, b) => a.model.bound - b.model.bound);
  const maps = rows.map((row) => () => confusionMap(row, counts[row.number], chosen.scenario));
  const rest = maps.slice(SHOWN_AT_ONCE);
  const more = h("div", { class: "grids" });
  replace(byId("confusion-view"),
    h("p", { class: "lead" }, "Per cent of the samples of a true class, all seeds together. Down: true class, from the most positive to the most negative; across: predicted class. Predictions on the framed diagonal are right."),
    h("div", { class: "choices one" }, select("scenario", "Scenario", points.map(({ scenario }) => [scenario, scenario]))),
    h("div", { class: "grids" }, maps.slice(0, SHOWN_AT_ONCE).map((make) => make())),
    rest.length > 0 && h("details", { ontoggle: () => { if (!more.children.length) replace(more, rest.map((make) => make())); } },
      h("summary", null, `${plural(rest.length, "more model")}`), more));
};
