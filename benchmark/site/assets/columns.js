// The choice of columns of the leaderboard; without one, the usual metrics and all costs.

const isShown = (column) => column.fixed || (state.columns ? state.columns.has(column.key) : column.usual !== false);

const chooseColumns = (columns) => {
  state.columns = columns;
  if (!columnsOf(currentProtocol()).some((column) => column.key === state.sort)) state.sort = "";
  writeAddress();
  drawBoard();
};

const columnChooser = () => {
  const protocol = currentProtocol();
  const boxes = () => allColumns(protocol).filter((column) => !column.fixed).map((column) => h("label", { title: column.about },
    h("input", {
      type: "checkbox", "data-choose": column.key, checked: isShown(column),
      onchange: (event) => {
        const chosen = new Set(allColumns(protocol).filter((c) => !c.fixed && isShown(c)).map((c) => c.key));
        if (event.target.checked) chosen.add(column.key);
        else chosen.delete(column.key);
        chooseColumns(chosen);
      },
    }), h("span", null, column.title)));
  const list = h("div", { class: "boxes" }, boxes());
  return h("details", { class: "chooser", id: "columns" }, h("summary", { class: "plain" }, "Columns"),
    h("fieldset", null, h("legend", { class: "unseen" }, "Columns of the leaderboard"), list,
      h("button", { type: "button", class: "plain", id: "usual-columns", onclick: () => { chooseColumns(null); replace(list, boxes()); } }, "Usual columns")));
};

addEventListener("keydown", (event) => {
  const chooser = byId("columns");
  if (event.key !== "Escape" || !chooser || !chooser.open || !chooser.contains(document.activeElement)) return;
  chooser.open = false;
  chooser.querySelector("summary").focus();
});
addEventListener("pointerdown", (event) => {
  const chooser = byId("columns");
  if (chooser && chooser.open && !chooser.contains(event.target)) chooser.open = false;
});
