// Elements without markup: every text of the data becomes a text node, so that no name is ever read as HTML.

const byId = (id) => document.getElementById(id);

const put = (element, children) => {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
};

// h("td", { class: "number", onclick: ... }, "text", element, ...)
const h = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  return put(element, children);
};

const svg = (tag, attributes, ...children) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== "") element.setAttribute(name, value);
  }
  return put(element, children);
};

const replace = (element, ...children) => put(element.replaceChildren() || element, children);

// a name of the data: in isolation, so that its writing direction does not spread
const named = (text) => h("bdi", null, text);

const unseen = (...children) => h("span", { class: "unseen" }, ...children);

// only addresses of the web become links
const link = (text, address) =>
  /^https?:\/\/[^\s]+$/i.test(address || "") ? h("a", { href: address, rel: "noreferrer noopener" }, text) : text;

const say = (text) => { byId("said").textContent = text; };

const download = (name, type, text) => {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const anchor = h("a", { href: address, download: name });
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
};

const fileName = (...parts) => parts.join("-").replace(/[^A-Za-z0-9._=,-]+/g, "_");

// quotes where CSV needs them; texts that a spreadsheet would take for a formula get an apostrophe
const csvCell = (value) => {
  if (value === null || value === undefined) return "";
  let text = String(value);
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = "'" + text;
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
};

const csv = (rows) => rows.map((row) => row.map(csvCell).join(",") + "\n").join("");
