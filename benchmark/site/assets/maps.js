// Heat maps: tables whose cells are coloured from worst to best. The arrow keys walk from cell to cell.

const RAMPS = {
  light: ["#f6f8fa", "#d5e3ef", "#9cc3e0", "#4a8fc4", "#0d4f86"],
  dark: ["#202429", "#203a50", "#286189", "#4a93c8", "#a9d3f3"],
};

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const luminance = (colour) => colour.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);

const shade = (share) => {
  const ramp = RAMPS[isDark() ? "dark" : "light"].map(rgb);
  const place = Math.min(0.9999, Math.max(0, share)) * (ramp.length - 1);
  const [i, rest] = [Math.floor(place), place % 1];
  const mixed = ramp[i].map((c, k) => Math.round(c + (ramp[i + 1][k] - c) * rest));
  const ground = luminance(mixed);
  return { ground: `rgb(${mixed.join(" ")})`, ink: (ground + 0.05) / 0.05 > 1.05 / (ground + 0.05) ? "#000000" : "#ffffff" };
};

// share of the way from the worst to the best value shown
const grading = (protocol, rows, points) => {
  const { value } = protocol.cells[state.metric];
  const all = rows.flatMap((row) => points.map((p) => value[row.at][p])).filter((v) => v !== null);
  const [least, most] = [Math.min(...all), Math.max(...all)];
  return (v) => {
    const share = most > least ? (v - least) / (most - least) : 0.5;
    return DATA.metrics[state.metric].higher_is_better ? share : 1 - share;
  };
};

// shows facts about a cell that is pointed at or focused
const pointable = (cell, title, facts) => {
  const show = () => {
    const place = cell.getBoundingClientRect();
    showTip(title, facts, { x: place.left + place.width / 2, y: place.top + 4 }, false);
  };
  for (const [event, does] of [["pointerenter", show], ["pointerleave", hideTip], ["focus", show], ["blur", hideTip]]) cell.addEventListener(event, does);
  return cell;
};

const heatCell = (protocol, row, p, grade) => {
  const cells = protocol.cells[state.metric];
  const value = cells.value[row.at][p];
  const interval = formatInterval(state.metric, cells.low[row.at][p], cells.high[row.at][p]);
  const cell = h("td", { class: "heat", tabindex: "-1" }, value === null ? unseen("missing") : formatMetric(state.metric, value), interval && unseen(`, ${levelText()} interval ${interval}`));
  if (value !== null) {
    const { ground, ink } = shade(grade(value));
    cell.style.backgroundColor = ground;
    cell.style.color = ink;
  }
  return pointable(cell, row.model.name, [["scenario", protocol.points[p].scenario], ...cellFacts(protocol, state.metric, row.at, p)]);
};

// one tab stop a table; arrows, Home and End inside
const walkable = (table) => {
  const grid = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("td.heat")]);
  if (!grid.length || !grid[0].length) return table;
  grid[0][0].tabIndex = 0;
  table.addEventListener("keydown", (event) => {
    const y = grid.findIndex((row) => row.includes(event.target));
    if (y < 0) return;
    const x = grid[y].indexOf(event.target);
    const to = { ArrowLeft: [x - 1, y], ArrowRight: [x + 1, y], ArrowUp: [x, y - 1], ArrowDown: [x, y + 1], Home: [0, y], End: [grid[y].length - 1, y] }[event.key];
    if (!to) return;
    event.preventDefault();
    const next = grid[to[1]] && grid[to[1]][to[0]];
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  return table;
};

const scaleBar = () => {
  const bar = h("div", { class: "ramp", "aria-hidden": "true" });
  bar.style.background = `linear-gradient(to right, ${RAMPS[isDark() ? "dark" : "light"].join(", ")})`;
  return h("p", { class: "key" }, "worst", bar, "best of those shown");
};

// where a point lies, in words; off a grid of two axes only the scenario says it
const pointTitle = (point) => (point.axis2 || !point.tick ? point.scenario : point.tick);

// models x scenarios
const drawMap = (protocol, view, rows) => {
  const grade = grading(protocol, rows, view.points);
  const table = h("table", { class: "map" },
    h("caption", null, `${headingOf(state.metric)}, ${better(state.metric)}` + (view.axis && !protocol.points[view.points[0]].axis2 ? `; columns: ${view.axis}` : "")),
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "Model"), view.points.map((p) =>
      h("th", { scope: "col" }, pointTitle(protocol.points[p]).replace(/\s*\+\s*/g, " + "))))),
    h("tbody", null, rows.map((row) => h("tr", null, h("th", { scope: "row" }, named(row.model.name)),
      view.points.map((p) => heatCell(protocol, row, p, grade))))));
  return [h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Heat map" }, walkable(table)), scaleBar()];
};

// one small map a model, all on one scale
const drawGrids = (protocol, view, rows) => {
  const distinct_ = (k) => [...new Set(view.points.map((p) => protocol.points[p][k]))].sort((a, b) => a - b);
  const [xs, ys] = [distinct_("x"), distinct_("y")];
  const at = (x, y) => view.points.find((p) => protocol.points[p].x === x && protocol.points[p].y === y);
  const grade = grading(protocol, rows, view.points);
  return [
    h("p", { class: "lead" }, `${headingOf(state.metric)}, ${better(state.metric)}. Across: ${view.axis2}; down: ${view.axis}. One colour scale for all.`),
    h("div", { class: "grids" }, rows.map((row) => walkable(h("table", { class: "map small" },
      h("caption", null, named(row.model.name)),
      h("thead", null, h("tr", null, h("th", { scope: "col" }, unseen(`${view.axis} down, ${view.axis2} across`)), ys.map((y) => h("th", { scope: "col" }, String(y))))),
      h("tbody", null, xs.map((x) => h("tr", null, h("th", { scope: "row" }, String(x)),
        ys.map((y) => (at(x, y) === undefined ? h("td") : heatCell(protocol, row, at(x, y), grade)))))))))),
    scaleBar(),
  ];
};
