// Numbers and words as the suite's tables print them.

const MINUS = "\u2212";
const NONE = "\u2013";

// rounded as in the tables: a tie goes to the even digit
const fixed = (value, digits) => {
  const scaled = Number((value * 10 ** digits).toPrecision(12));
  const whole = Math.abs(scaled % 1) === 0.5 ? 2 * Math.round(scaled / 2) : Math.round(scaled);
  return (whole / 10 ** digits).toFixed(digits).replace("-", MINUS);
};

// a place on an axis: 2/3 is 0.667
const fixedShort = (value) => String(Number(value.toFixed(3))).replace("-", MINUS);

// with as many decimals as the intervals of the protocol justify, as in the tables
const formatMetric = (metric, value, protocol = currentProtocol()) => {
  if (value === null || value === undefined) return NONE;
  const text = fixed(DATA.metrics[metric].percent ? 100 * value : value, protocol.digits[metric]);
  return /[1-9]/.test(text) ? text : text.replace(MINUS, "");
};

const formatSigned = (metric, value) => (/^[^\u2212]*[1-9]/.test(formatMetric(metric, value)) ? "+" : "") + formatMetric(metric, value);

const formatInterval = (metric, low, high, protocol = currentProtocol()) => {
  if (low === null || high === null || low === undefined || high === undefined) return "";
  return formatMetric(metric, low, protocol) + (low < 0 || high < 0 ? " to " : "\u2013") + formatMetric(metric, high, protocol);
};

const unitOf = (metric) => (DATA.metrics[metric].percent ? " (%)" : "");
const better = (metric) => (DATA.metrics[metric].higher_is_better ? "higher is better" : "lower is better");
const headingOf = (metric) => DATA.metrics[metric].title + unitOf(metric);

const formatCount = (value) => {
  if (value === null || value === undefined) return NONE;
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]]) {
    if (value >= size) return Number((value / size).toPrecision(3)) + " " + unit;
  }
  return String(Math.round(value));
};

const formatSeconds = (value) => {
  if (value === null || value === undefined) return NONE;
  for (const [unit, size] of [["h", 3600], ["min", 60]]) {
    if (value >= size) return (value / size).toFixed(1) + " " + unit;
  }
  return value.toFixed(1) + " s";
};

const formatShort = (value) => (value === null || value === undefined ? NONE : String(Number(value.toPrecision(3))));

const formatMemory = (value) => {
  if (value === null || value === undefined) return NONE;
  return value >= 1000 ? (value / 1000).toFixed(1) + " GB" : Math.round(value) + " MB";
};

const plural = (count, noun) => count + " " + noun + (count === 1 ? "" : "s");

const levelOfTests = () => Number((100 * (1 - DATA.level)).toPrecision(3)) + " %";
const levelText = () => Number((100 * DATA.level).toPrecision(4)) + " %";

// round places for the ticks of an axis, about `count` of them
const ticksOf = (low, high, count) => {
  const span = high - low || 1;
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((s) => s * power).find((s) => s >= rough);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-6; tick += step) {
    ticks.push(Number(tick.toPrecision(10)));
  }
  return ticks;
};
