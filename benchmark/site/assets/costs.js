// Accuracy against cost: a point a model, with its interval, over a logarithmic axis.

const LOADED = 0.5; // other processes beside a run, from which its times are marked

// 1, 2 and 5 times powers of ten inside a range
const logTicks = (low, high) => {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const step of [1, 2, 5]) ticks.push(step * 10 ** power);
  }
  const inside = ticks.filter((tick) => tick >= low && tick <= high);
  return inside.length > 6 ? inside.filter((tick) => /^1/.test(tick.toExponential())) : inside;
};

// points that no other beats in both; from the cheapest on
const frontOf = (points) => {
  const sign = DATA.metrics[state.metric].higher_is_better ? -1 : 1;
  let best = Infinity;
  return [...points].sort((a, b) => a.cost - b.cost || sign * (a.value - b.value)).filter((point) => {
    if (sign * point.value >= best) return false;
    best = sign * point.value;
    return true;
  });
};

const pointsOf = (protocol, key) => shownRows().filter((row) => !row.model.bound).map((row) => {
  const [value, low, high] = ["value", "low", "high"].map((k) => protocol.means[state.metric][k][row.at]);
  return { row, value, low, high, cost: (currentTable().costs[row.number] || {})[key] ?? null };
});

const costFrame = (points, column) => {
  const sorted = [...points].sort((a, b) => a.cost - b.cost);
  const frame = h("div", {
    class: "chart", tabindex: "0", role: "application", "aria-roledescription": "chart",
    "aria-label": `${DATA.metrics[state.metric].title} against ${column.title}, ${plural(points.length, "model")}. `
      + "Left and right move from the cheapest to the most expensive. The leaderboard has the same values.",
  });
  let at = -1, place = null;
  const point = (i, spoken) => {
    at = i;
    const { row, value, low, high, cost } = sorted[i];
    frame.querySelectorAll(".point").forEach((g) => g.classList.toggle("active", g.dataset.point === row.model.name));
    frame.classList.add("focused");
    const box = frame.getBoundingClientRect();
    showTip(row.model.name, [
      [headingOf(state.metric), formatMetric(state.metric, value)], [levelText() + " interval", formatInterval(state.metric, low, high)],
      [column.title, column.format(cost)],
    ], { x: box.left + place.x(cost), y: box.top + place.y(value) }, spoken);
  };
  const leave = () => { frame.classList.remove("focused"); hideTip(); };
  const keys = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  frame.addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave();
    if (!keys[event.key]) return;
    event.preventDefault();
    point(Math.min(sorted.length - 1, Math.max(0, at + keys[event.key])), true);
  });
  frame.addEventListener("focus", () => { if (frame.matches(":focus-visible")) point(Math.max(0, at), true); });
  frame.addEventListener("blur", leave);
  frame.addEventListener("pointerleave", leave);
  frame.addEventListener("pointermove", (event) => {
    const box = frame.getBoundingClientRect();
    const gap = (p) => Math.hypot(place.x(p.cost) - (event.clientX - box.left), place.y(p.value) - (event.clientY - box.top));
    point(sorted.reduce((best, p, i) => (gap(p) < gap(sorted[best]) ? i : best), 0), false);
  });
  const draw = () => {
    const width = Math.max(280, frame.clientWidth);
    const height = width < 560 ? 300 : 400;
    const box = { left: 52, right: width - 14, top: 14, bottom: height - 44 };
    const ends = points.flatMap((p) => [p.value, p.low ?? p.value, p.high ?? p.value]);
    const margin = 0.06 * (Math.max(...ends) - Math.min(...ends)) || 0.05;
    const [least, most] = [Math.min(...ends) - margin, Math.max(...ends) + margin];
    const [low, high] = [sorted[0].cost / 1.5, sorted[sorted.length - 1].cost * 1.5];
    place = {
      x: (v) => box.left + ((box.right - box.left) * Math.log(v / low)) / Math.log(high / low),
      y: (v) => box.bottom - ((box.bottom - box.top) * (v - least)) / (most - least),
    };
    const front = frontOf(points).flatMap((p, i, all) => (i ? [[place.x(p.cost), place.y(all[i - 1].value)]] : []).concat([[place.x(p.cost), place.y(p.value)]]));
    replace(frame, svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
      valueTicks(box, least, most, place.y),
      logTicks(low, high).map((tick) => svg("text", { class: "tick", x: place.x(tick), y: box.bottom + 18, "text-anchor": "middle" }, column.format(tick))),
      svg("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }),
      svg("text", { class: "title", x: (box.left + box.right) / 2, y: box.bottom + 38, "text-anchor": "middle" }, column.title),
      svg("path", { class: "front", d: path(front) }),
      [...points].reverse().map((p) => svg("g", { class: "point", "data-point": p.row.model.name },
        p.low !== null && p.high !== null && svg("line", { x1: place.x(p.cost), x2: place.x(p.cost), y1: place.y(p.low), y2: place.y(p.high), stroke: colourOf(p.row.model.style), "stroke-width": 1.5 }),
        svg("path", { d: MARKERS[p.row.model.style.marker] || MARKERS.o, transform: `translate(${place.x(p.cost).toFixed(1)} ${place.y(p.value).toFixed(1)}) scale(1.25)`, fill: colourOf(p.row.model.style), stroke: edgeOf(p.row.model.style) })))));
  };
  observed.push(() => { if (frame.clientWidth && Math.abs(frame.querySelector("svg").clientWidth - frame.clientWidth) > 1) draw(); });
  return { frame, draw };
};

const drawCosts = () => {
  const protocol = currentProtocol();
  const columns = shownCosts();
  byId("costs").hidden = columns.length === 0;
  if (!columns.length) return;
  const column = columns.find(({ key }) => key === state.cost) || columns[0];
  state.cost = column.key;
  const all = pointsOf(protocol, column.key);
  const points = all.filter((p) => p.value !== null && p.cost > 0);
  const without = all.filter((p) => !points.includes(p)).map((p) => p.row.model.name);
  const loaded = points.filter((p) => column.timed && currentTable().costs[p.row.number].other_load >= LOADED).map((p) => p.row.model.name);
  const chart = points.length > 0 && costFrame(points, column);
  replace(byId("costs-view"),
    h("div", { class: "choices one" }, select("cost", "Cost", columns.map((c) => [c.key, c.title]))),
    chart ? figureOf(chart.frame, h("ul", { class: "legend still", "aria-label": "Models, best first" }, points.map(({ row }) =>
      h("li", null, swatch(row.model.style, true), named(row.model.name)))), points.length) : h("p", { class: "nothing" }, "No cost of these models is known."),
    h("p", { class: "lead" }, `${headingOf(state.metric)}, ${better(state.metric)}, mean over the scenarios of ${protocol.name} with its ${levelText()} interval, against ${column.about}, mean over the runs of a model. The line joins models that no other beats in both.`,
      without.length > 0 && ` Not shown, as its cost or value is not known or 0: ${without.join(", ")}.`,
      loaded.length > 0 && ` Timed while other processes ran, so that a quiet machine is faster: ${loaded.join(", ")}.`));
  if (chart) chart.draw();
};
