// Choices, theme, and what is drawn again after each.

const option = (value, text, chosen) => h("option", { value, selected: value === chosen }, text);

const select = (name, title, options) => h("label", null, h("span", null, title), h("select", {
  id: "choose-" + name, onchange: (event) => { state[name] = event.target.value; changed(); },
}, options.map(([value, text]) => option(value, text, state[name]))));

const drawChoices = () => {
  const table = currentTable();
  replace(byId("choices"),
    select("data", "Data set", tablesOf(state.selection).map((t) => [t.data, t.data])),
    select("protocol", "Protocol", table.protocols.map((p) => [p.name, p.name])),
    select("metric", "Metric", table.metrics.map((m) => [m, headingOf(m) + (DATA.metrics[m].higher_is_better ? " \u2191" : " \u2193")])),
    select("selection", "Selection", Object.entries(DATA.selections).map(([key, s]) => [key, s.title])));
};

const drawToolbar = () => {
  const there = DATA.kinds.filter((kind) => DATA.models.some((model) => model.kind === kind) || (kind === "published" && publishedOf(currentProtocol()).rows.length > 0));
  replace(byId("toolbar"),
    h("label", { class: "filter" }, unseen("Filter models by text"), h("input", {
      type: "search", id: "filter", placeholder: "Filter models", value: state.filter, autocomplete: "off", spellcheck: "false",
      oninput: (event) => { state.filter = event.target.value; writeAddress(); drawRows(); },
    })),
    there.map((kind) => h("button", {
      type: "button", class: "toggle", "data-kind": kind, "aria-pressed": String(state.kinds.has(kind)),
      onclick: (event) => {
        if (!state.kinds.delete(kind)) state.kinds.add(kind);
        event.currentTarget.setAttribute("aria-pressed", String(state.kinds.has(kind)));
        writeAddress();
        drawRows();
      },
    }, kind)),
    h("span", { id: "count", class: "quiet count", role: "status" }),
    columnChooser(),
    h("button", {
      type: "button", class: "plain", id: "download-csv",
      onclick: () => download(fileName(DATA.study, state.data, state.protocol) + ".csv", "text/csv", csv(boardRows())),
    }, "Download table (CSV)"));
};

const drawRows = () => { drawBoard(); drawOverview(); drawScenarios(); drawPairs(); drawCosts(); drawConfusion(); };

const drawTheme = () => {
  if (state.theme) document.documentElement.dataset.theme = state.theme;
  else delete document.documentElement.dataset.theme;
  byId("theme").textContent = isDark() ? "Light theme" : "Dark theme";
};

const draw = () => {
  const focused = document.activeElement && document.activeElement.id;
  drawTheme();
  drawFacts();
  drawNotices();
  drawChoices();
  drawLead();
  drawToolbar();
  drawRows();
  drawGaps();
  drawDefinitions();
  if (focused && focused.startsWith("choose-")) byId(focused)?.focus();
};

const changed = () => { settle(); writeAddress(); draw(); };

const recolour = () => { drawTheme(); drawRows(); };

byId("theme").addEventListener("click", () => {
  state.theme = isDark() ? "light" : "dark";
  writeAddress();
  recolour();
});
byId("download-json").addEventListener("click", () =>
  download(fileName(DATA.study, "data") + ".json", "application/json", byId("data").textContent));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address keeps the choices
  byId("leaderboard").focus();
});
addEventListener("hashchange", () => {
  readAddress();
  draw();
});

readAddress();
draw();
