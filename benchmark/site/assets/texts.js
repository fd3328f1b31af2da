// What is said in words: facts, notices, what is missing, how to read it all.

const drawFacts = () => {
  const table = currentTable();
  const seeds = currentProtocol().seeds.filter((_, i) => !DATA.models[currentProtocol().models[i]].bound).map((own) => own.length);
  const spread = seeds.length ? (Math.min(...seeds) === Math.max(...seeds) ? plural(seeds[0], "seed") : `${Math.min(...seeds)} to ${Math.max(...seeds)} seeds`) + " per model" : "";
  replace(byId("facts"), named(table.title), [
    `${plural(table.samples, "test sample")} of ${plural(table.videos, "video")}`, `split ${table.split}`,
    `trained under \u201C${table.regime}\u201D`, spread,
    `checkpoints selected by ${DATA.selections[state.selection].title}`,
  ].filter(Boolean).map((text) => [" \u00B7 ", text]));
};

const drawNotices = () => {
  const selection = DATA.selections[state.selection];
  replace(byId("notices"),
    currentTable().synthetic && h("p", { class: "notice" }, h("strong", null, "Synthetic data. "),
      "Sentences, audio and vision come from a generator whose structure is known. They show how models degrade; they say nothing about accuracy on people."),
    !selection.honest && h("p", { class: "notice grave" }, h("strong", null, "Selected on the test set. "), selection.text));
};

const drawLead = () => {
  const protocol = currentProtocol();
  const metric = DATA.metrics[state.metric];
  replace(byId("leaderboard-lead"), h("strong", null, named(protocol.name)), protocol.title ? `: ${protocol.title}. ` : ". ",
    `Means over ${plural(protocol.points.length, "scenario")}, with ${levelText()} intervals. Ranked by ${metric.title}, ${better(state.metric)}. Accuracies and F1 in per cent.`);
};

const drawGaps = () => {
  const { missing } = currentTable();
  const commands = [...new Set([...missing.map((gap) => gap.command), ...(DATA.absent.datasets.length ? [DATA.absent.command] : [])])].filter(Boolean);
  replace(byId("gaps"),
    missing.length === 0 && DATA.absent.datasets.length === 0 && h("p", { class: "lead" }, "Nothing: every model was evaluated with every seed under every scenario of this study."),
    DATA.absent.datasets.length > 0 && h("p", null, "Nothing has been run on ", DATA.absent.datasets.map((name, i) => [i ? ", " : "", named(name)]), "."),
    missing.length > 0 && h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "What is missing" }, h("table", { class: "gaps" },
      h("thead", null, h("tr", null, ["Model", "Seed", "Split", "What", "Scenarios"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", null, missing.map((gap) => h("tr", null, h("th", { scope: "row" }, named(gap.model)), h("td", null, String(gap.seed)),
        h("td", null, gap.split || currentTable().split), h("td", { class: "words" }, gap.reason),
        h("td", { class: "words" }, gap.reason === "not evaluated" && gap.scenarios <= 1 ? gap.first : plural(gap.scenarios, "scenario"))))))),
    commands.length > 0 && h("p", null, "Fill the grid with:"),
    commands.map((command) => h("pre", { tabindex: "0" }, command)));
};

const drawDefinitions = () => {
  const table = currentTable();
  const selection = DATA.selections[state.selection];
  const entries = [
    ["Selection of checkpoints", selection.text || selection.title],
    ["Intervals", `${levelText()}: ${DATA.draws.toLocaleString("en")} bootstrap draws over videos, and the spread over seeds, by Student\u2019s t with as many degrees of freedom as there are videos and seeds; utterances of a video are not independent, so videos are drawn whole, the same ones for every model. With one seed an interval is over videos only.`],
    ["Ranks", `A rank ends before the first model that differs significantly from one of its models (paired bootstrap, corrected for all pairs of models, ${levelOfTests()}). With fewer than three seeds, or one video, there is no rank.`],
    ["p (next)", "The p of the test behind the ranks for a model and the next one in the order of the chosen metric: small where their order is sure."],
    ["Bold", "The best of a column, and all up to the first that a paired test, corrected for all pairs of models, can tell from one of them. Bounds such as the oracle do not compete."],
    ["Digits", "As many as the intervals justify: two significant digits of half their width. The files hold more."],
    ["Struck through", "An F1 that no confusion matrix with these class counts and this accuracy can have."],
    ["Means", "Each metric is computed for one model, seed and scenario at full precision, then averaged over the scenarios, then over the seeds. A row with a hole has no mean. The data in this page have six significant digits, differences between models four."],
    ["Reference rows", "The constant predictor, each modality alone and the simplest fusion stand in every table, so that a gain can be judged; external rows hold predictions that were made elsewhere."],
    ...table.metrics.map((m) => [DATA.metrics[m].title, `${DATA.metrics[m].definition}; ${better(m)}.`]),
  ];
  replace(byId("definitions"), entries.map(([name, text]) => h("div", null, h("dt", null, name), h("dd", null, text))));
};
