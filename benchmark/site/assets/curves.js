// Curves over one axis. Pointing at a curve, or the arrow keys, show its band and its values.

const colourOf = (style) => (isDark() ? style.dark : style.light);
const edgeOf = (style) => (isDark() ? style.dark_edge : style.light_edge);

const DASHES = { "--": "6 4", ":": "1.5 4", "-.": "6 3 1.5 3" };

// outlines around (0, 0), about 8 pixels wide
const MARKERS = {
  o: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", s: "M-3.5 -3.5h7v7h-7z", D: "M0 -4.6L4.6 0L0 4.6L-4.6 0z", d: "M0 -5L3.2 0L0 5L-3.2 0z",
  "^": "M0 -4.6L4.4 3.6H-4.4z", v: "M0 4.6L4.4 -3.6H-4.4z", "<": "M-4.6 0L3.6 -4.4V4.4z", ">": "M4.6 0L-3.6 -4.4V4.4z",
  P: "M-1.6 -4.5h3.2v2.9h2.9v3.2h-2.9v2.9h-3.2v-2.9h-2.9v-3.2h2.9z",
  X: "M-2.4 -4.5L0 -2.1L2.4 -4.5L4.5 -2.4L2.1 0L4.5 2.4L2.4 4.5L0 2.1L-2.4 4.5L-4.5 2.4L-2.1 0L-4.5 -2.4z",
  p: "M0 -4.6L4.4 -1.4L2.7 3.8H-2.7L-4.4 -1.4z", h: "M0 -4.6L4 -2.3V2.3L0 4.6L-4 2.3V-2.3z",
  "*": "M0 -5.4L1.4 -1.7L5.2 -1.6L2.2 0.7L3.2 4.4L0 2.2L-3.2 4.4L-2.2 0.7L-5.2 -1.6L-1.4 -1.7z",
};

const swatch = (style, coloured) => svg("svg", { class: "swatch", viewBox: "0 0 28 12", width: 28, height: 12, "aria-hidden": "true" },
  svg("line", { x1: 1, x2: 27, y1: 6, y2: 6, stroke: coloured ? colourOf(style) : "var(--faint)", "stroke-width": 2, "stroke-dasharray": DASHES[style.line] }),
  coloured && MARKERS[style.marker] && svg("path", { d: MARKERS[style.marker], transform: "translate(14 6)", fill: colourOf(style), stroke: edgeOf(style) }));

// a chart and its legend: beside it, or, with more models than fit there, below it
const figureOf = (frame, legend, models) => h("div", { class: "figure" + (models > 13 ? " many" : "") }, frame, legend);

// with many models only some are in colour: those to compare with, the best, and what the reader pins
const inColour = (rows) => {
  if (rows.length <= 10) return () => true;
  const best = rows.find((row) => !row.model.bound);
  return (row) => row.model === best?.model || row.model.kept || state.pinned.has(row.model.name);
};

// runs of points that follow each other without a gap
const stretches = (indices, present) => indices.reduce((parts, i) => {
  if (!present(i)) parts.push([]);
  else parts[parts.length - 1].push(i);
  return parts;
}, [[]]).filter((part) => part.length);

const path = (points) => points.map(([x, y], i) => (i ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1)).join("");

const scaleFor = (protocol, view, rows, width, height) => {
  const cells = protocol.cells[state.metric];
  const xs = view.points.map((point) => protocol.points[point].x);
  const low = Math.min(...xs), high = Math.max(...xs);
  const all = rows.flatMap((row) => view.points.flatMap((p) => ["value", "low", "high"].map((k) => cells[k][row.at][p]))).filter((v) => v !== null);
  let [least, most] = all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
  const margin = 0.04 * (most - least) || 0.05;
  [least, most] = [least - margin, most + margin];
  const box = { left: 52, right: width - 14, top: 14, bottom: height - 44 };
  return {
    box, xs, least, most,
    x: (v) => box.left + 8 + (box.right - box.left - 16) * ((v - low) / (high - low)),
    y: (v) => box.bottom - (box.bottom - box.top) * ((v - least) / (most - least)),
  };
};

// grid lines and numbers of the values of the chosen metric
const valueTicks = (box, least, most, y) => {
  const { percent } = DATA.metrics[state.metric];
  const ticks = ticksOf(least, most, 6);
  const places = (v) => (String(Number((percent ? 100 * v : v).toPrecision(6))).split(".")[1] || "").length;
  const digits = Math.max(0, ...ticks.map(places)); // the same for all, so that they align
  const label = (v) => fixed(percent ? 100 * v : v, digits);
  return ticks.map((tick) => [
    svg("line", { class: "grid", x1: box.left, x2: box.right, y1: y(tick), y2: y(tick) }),
    svg("text", { class: "tick", x: box.left - 8, y: y(tick) + 4, "text-anchor": "end" }, label(tick)),
  ]);
};

const axes = (view, scale) => {
  const { box } = scale;
  const narrow = box.right - box.left < 420 && scale.xs.length > 6;
  const vertical = scale.xs.map((v, i) => [
    svg("line", { class: "axis", x1: scale.x(v), x2: scale.x(v), y1: box.bottom, y2: box.bottom + 4 }),
    (!narrow || i % 2 === 0) && svg("text", { class: "tick", x: scale.x(v), y: box.bottom + 18, "text-anchor": "middle" }, fixedShort(v)),
  ]);
  return svg("g", { "aria-hidden": "true" }, valueTicks(box, scale.least, scale.most, scale.y), vertical,
    svg("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }),
    svg("text", { class: "title", x: (box.left + box.right) / 2, y: box.bottom + 38, "text-anchor": "middle" }, view.axis));
};

const curveOf = (protocol, view, row, scale, coloured) => {
  const cells = protocol.cells[state.metric];
  const { style } = row.model;
  const at = (k) => (p) => [scale.x(protocol.points[p].x), scale.y(cells[k][row.at][p])];
  const lines = stretches(view.points, (p) => cells.value[row.at][p] !== null);
  const bands = stretches(view.points, (p) => cells.low[row.at][p] !== null && cells.high[row.at][p] !== null);
  const [colour, edge] = coloured ? [colourOf(style), edgeOf(style)] : ["var(--faint)", "var(--faint)"];
  const marker = coloured ? MARKERS[style.marker] : null;
  return svg("g", { class: "curve" + (coloured ? "" : " other") + (row.model.bound ? " limit" : ""), "data-curve": row.model.name },
    bands.map((part) => svg("path", { class: "band", fill: colour, d: path([...part.map(at("low")), ...part.map(at("high")).reverse()]) + "Z" })),
    lines.map((part) => svg("path", { class: "line", stroke: colour, "stroke-dasharray": DASHES[style.line], d: path(part.map(at("value"))) })),
    lines.flat().map((p) => {
      const [x, y] = at("value")(p);
      const lone = !marker && lines.some((part) => part.length === 1 && part[0] === p);
      return (marker || lone) && svg("path", { class: "marker", d: marker || MARKERS.o, fill: colour, stroke: edge, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` });
    }));
};

const drawCurves = (protocol, view, rows) => {
  const known = rows.filter((row) => view.points.some((p) => protocol.cells[state.metric].value[row.at][p] !== null));
  const coloured = inColour(known);
  const frame = h("div", {
    class: "chart", tabindex: "0", role: "application", "aria-roledescription": "chart",
    "aria-label": `${DATA.metrics[state.metric].title} over ${view.axis}, ${plural(known.length, "model")}. `
      + "Left and right move along the axis, up and down change the model. A table of the same values follows.",
  });
  const focus = { row: -1, point: -1 };

  const emphasise = (name) => {
    frame.querySelectorAll(".curve").forEach((g) => {
      g.classList.toggle("active", g.dataset.curve === name || (name === null && state.pinned.has(g.dataset.curve)));
    });
    frame.classList.toggle("focused", name !== null || known.some((row) => state.pinned.has(row.model.name)));
    const active = frame.querySelector(".curve.active");
    if (active && name !== null) active.parentNode.append(active); // in front
  };

  let scale = null;
  const point = (i, j, spoken) => {
    const row = known[i], p = view.points[j];
    const value = protocol.cells[state.metric].value[row.at][p];
    const x = scale.x(protocol.points[p].x);
    const y = value === null ? scale.box.bottom : scale.y(value);
    const place = frame.getBoundingClientRect();
    frame.querySelector(".cursor").setAttribute("transform", `translate(${x} 0)`);
    frame.classList.add("pointed");
    emphasise(row.model.name);
    showTip(row.model.name, [[view.axis, fixedShort(protocol.points[p].x)], ...cellFacts(protocol, state.metric, row.at, p)],
      { x: place.left + x, y: place.top + y }, spoken);
  };
  const leave = () => { frame.classList.remove("pointed"); emphasise(null); hideTip(); };

  const nearest = (event) => {
    const place = frame.getBoundingClientRect();
    const [px, py] = [event.clientX - place.left, event.clientY - place.top];
    const distance = (j) => Math.abs(scale.x(protocol.points[view.points[j]].x) - px);
    const j = view.points.map((_, i) => i).reduce((a, b) => (distance(b) < distance(a) ? b : a), 0);
    let [found, least] = [-1, Infinity];
    known.forEach((row, i) => {
      const value = protocol.cells[state.metric].value[row.at][view.points[j]];
      if (value === null) return;
      const gap = Math.abs(scale.y(value) - py) + (coloured(row) ? 0 : 6);
      if (gap < least) [found, least] = [i, gap];
    });
    return [found, j];
  };

  frame.addEventListener("pointermove", (event) => {
    const [i, j] = nearest(event);
    if (i >= 0) { [focus.row, focus.point] = [i, j]; point(i, j, false); }
  });
  frame.addEventListener("pointerleave", leave);
  frame.addEventListener("blur", leave);
  frame.addEventListener("focus", () => { if (frame.matches(":focus-visible")) move(0, 0); });
  const move = (rows_, points) => {
    if (!known.length) return;
    focus.row = focus.row < 0 ? 0 : Math.min(known.length - 1, Math.max(0, focus.row + rows_));
    focus.point = focus.point < 0 ? 0 : Math.min(view.points.length - 1, Math.max(0, focus.point + points));
    point(focus.row, focus.point, true);
  };
  const keys = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -Infinity], End: [0, Infinity] };
  frame.addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave();
    if (!keys[event.key]) return;
    event.preventDefault();
    move(...keys[event.key]);
  });

  const draw = () => {
    const width = Math.max(280, frame.clientWidth);
    const height = width < 560 ? 300 : Math.max(400, Math.min(600, 30 + 44 * Math.min(known.length, 13))); // as high as a legend beside it
    scale = scaleFor(protocol, view, known, width, height);
    const order = [...known].reverse().sort((a, b) => coloured(a) - coloured(b)); // the best in front
    replace(frame, svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
      axes(view, scale),
      svg("line", { class: "cursor", x1: 0, x2: 0, y1: scale.box.top, y2: scale.box.bottom }),
      svg("g", { class: "curves" }, order.map((row) => curveOf(protocol, view, row, scale, coloured(row))))));
    frame.classList.toggle("few", known.length <= 3);
    emphasise(null);
  };
  observed.push(() => { if (frame.clientWidth && scale && Math.abs(frame.querySelector("svg").clientWidth - frame.clientWidth) > 1) draw(); });

  const pin = (name, button) => {
    if (!state.pinned.delete(name)) state.pinned.add(name);
    writeAddress();
    button.setAttribute("aria-pressed", String(state.pinned.has(name)));
    const { model } = known.find((row) => row.model.name === name);
    button.querySelector("svg").replaceWith(swatch(model.style, coloured({ model })));
    draw();
  };
  const legend = h("ul", { class: "legend", "aria-label": "Curves, best first" }, known.map((row) => h("li", null, h("button", {
    type: "button", "aria-pressed": String(state.pinned.has(row.model.name)), "data-pin": row.model.name, title: "Keep this curve in front",
    onclick: (event) => pin(row.model.name, event.currentTarget),
    onpointerenter: () => emphasise(row.model.name), onpointerleave: () => emphasise(null),
    onfocus: () => emphasise(row.model.name), onblur: () => emphasise(null),
  }, swatch(row.model.style, coloured(row)), named(row.model.name)))));
  return { element: figureOf(frame, legend, known.length), draw };
};
