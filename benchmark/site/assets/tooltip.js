// One small box beside what is pointed at or focused. Escape closes it; screen readers hear the same text.

const tip = byId("tip");

const hideTip = () => { tip.hidden = true; };

// rows of [name, value]; `at` in pixels of the window
const showTip = (title, rows, at, spoken) => {
  replace(tip, h("strong", null, named(title)),
    h("dl", null, rows.filter(([, value]) => value).map(([name, value]) => [h("dt", null, name), h("dd", null, value)])));
  tip.hidden = false;
  tip.style.left = "0"; // where it was last, an edge of the window may squeeze it
  const { width, height } = tip.getBoundingClientRect();
  const x = Math.min(Math.max(8, at.x + 14), Math.max(8, document.documentElement.clientWidth - width - 8));
  const above = at.y - height - 14;
  tip.style.left = x + "px";
  tip.style.top = (above > 8 ? above : at.y + 18) + "px";
  if (spoken) say([title, ...rows.map(([name, value]) => value && name + " " + value)].filter(Boolean).join(", "));
};

addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
addEventListener("scroll", hideTip, { passive: true, capture: true });

// value, interval and seeds of one cell
const cellFacts = (protocol, metric, at, point) => {
  const cells = protocol.cells[metric];
  const [value, low, high, sd] = ["value", "low", "high", "sd"].map((k) => cells[k][at][point]);
  return [
    [headingOf(metric), value === null ? "missing" : formatMetric(metric, value)],
    [levelText() + " interval", formatInterval(metric, low, high) || (value === null ? "" : "none")],
    ["sd over seeds", sd === null ? "" : formatMetric(metric, sd)],
    ["seeds", String(protocol.seeds[at].length)],
  ];
};
