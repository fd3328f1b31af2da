"""`sentibench report` on a study: the files it writes, what it prints, what it refuses."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shlex
import sys
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from benchmark.cli import report as cli
from benchmark.cli.main import main
from benchmark.evaluation import kinds as metric_kinds
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.publishing import tables as publish
from benchmark.publishing.tables import Entry, csv_text
from benchmark.results import opening
from benchmark.results.opening import open_results
from benchmark.study.filing import save_study
from benchmark.study.study import Study, make_study
from benchmark.tables import kinds
from benchmark.tables.kinds import TABLES, TableSettings
from benchmark.tables.leaderboard import leaderboard_table
from benchmark.tables.rendering.terminal import common_footnotes, show, show_remedies
from benchmark.tables.table import Cell, Column, Footnote, Row, Table
from protocols import InputError
from tests.benchmark.fake_panel import fake_panel

MODELS = ("constant", "late-fusion-dropout", "lnln", "senti-ifusion", "senti-ifusion-single-stage", "oracle")
PROTOCOLS = ("complete", "inter-drop", "inter-subsets", "uncertain")


@pytest.fixture(scope="module")
def panel() -> Panel:
    return fake_panel(MODELS, samples=80, videos=6, protocols=PROTOCOLS)


@pytest.fixture(scope="module")
def small() -> Panel:
    return fake_panel(("constant", "lnln", "oracle"), samples=60, videos=4, protocols=("complete", "uncertain"))


@pytest.fixture
def study(small: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    made = make_study(
        {"name": "mine", "datasets": ["synthetic:size=tiny"], "models": ["constant"], "protocols": list(PROTOCOLS)}
    )
    save_study(made, tmp_path)
    monkeypatch.setattr(
        opening, "required_panels", lambda plan, root: [small, dataclasses.replace(small, split="fold1")]
    )
    return made


def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["report", "mine", "--out", str(tmp_path), "--draws", "30", *arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_every_table_is_written_in_every_format_for_itself(
    study: Study, panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        opening, "required_panels", lambda plan, root: [panel, dataclasses.replace(panel, split="fold1")]
    )
    settings = TableSettings(variants={"senti-ifusion": "all", "senti-ifusion-single-stage": "one stage"}, draws=30)
    written = publish.report(open_results(study, tmp_path), settings)
    folder = tmp_path / "studies" / "mine"
    place = folder / "tables" / "synthetic_official" / "uncertain"
    names = ("leaderboard", "scenarios-mae", "grid-mae", "aggregates-mae", "pairs-mae", "ablation-mae", "cost-mae")
    forms = ("md", "csv", "tex", "html")
    assert {p.name for p in place.iterdir()} == {f"{name}.{form}" for name in names for form in forms}
    assert sorted(written.files) == sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "study.yaml")
    assert (place / "leaderboard.html").read_text().startswith("<!doctype html>")
    assert r"\label{tab:synthetic_official-uncertain-pairs-mae}" in (place / "pairs-mae.tex").read_text()
    table = list(csv.DictReader((folder / "leaderboard.csv").open()))
    assert len(table) == 2 * len(PROTOCOLS) * len(MODELS)
    assert {(r["dataset"], r["protocol"]) for r in table} == {
        (f"synthetic/{split}", protocol) for split in ("official", "fold1") for protocol in PROTOCOLS
    }
    one = next(e for e in written.entries if e.name == "leaderboard" and e.protocol == "uncertain")
    same = [r for r in table if r["dataset"] == one.dataset and r["protocol"] == "uncertain"]
    assert [r["mae"] for r in same] == [repr(r["mae"]) for r in one.table.records()]  # full precision
    assert [e.name for e in written.chosen(["grid", "subsets"])] == ["grid"] * 2 + ["subsets"] * 2


def test_tables_that_other_processes_make_are_the_same(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, settings = open_results(study, tmp_path), TableSettings(draws=60)
    here = publish.study_tables(results, settings, ["pairs"])
    monkeypatch.setattr(publish, "LARGE", 1)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    made_by: list[int] = []
    make = publish._tables_of
    monkeypatch.setattr(publish, "_tables_of", lambda *own, **known: (made_by.append(1), make(*own, **known))[1])
    elsewhere = publish.study_tables(results, settings, ["pairs"])
    assert not made_by  # in this process
    assert [(entry.dataset, entry.protocol, entry.name) for entry in here[0]] == [
        (entry.dataset, entry.protocol, entry.name) for entry in elsewhere[0]
    ]
    assert [entry.table.csv() for entry in here[0]] == [entry.table.csv() for entry in elsewhere[0]]
    assert here[1] == elsewhere[1]


def test_rows_are_added_by_a_command_for_plain_studies_and_an_edit_for_others(study: Study, tmp_path: Path) -> None:
    def text(given: Study) -> str:
        entries, _ = publish.study_tables(open_results(given, tmp_path), TableSettings(draws=20))
        return " ".join(note.remedy for note in entries[0].table.footnotes)

    file = str(tmp_path / "studies" / "mine" / "study.yaml")
    rows = "text-only,audio-only,vision-only,late-fusion-dropout"
    assert f"sentibench run {file} --models constant,{rows} --out" in text(study)
    tuned = make_study({**study.model_dump(), "models": [{"name": "lnln", "label": "mine"}]})
    assert "--models" not in text(tuned)
    assert "naming them in" in text(tuned)


def test_formats_tables_protocols_and_columns_are_chosen(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(capsys, tmp_path, "--table", "grid", "--metric", "acc7", "--format", "markdown")
    assert (code, out.count("### "), err) == (0, 2, "")
    assert "Acc-7" in out
    code, out, _ = call(capsys, tmp_path, "--protocol", "complete", "--columns", "model,mae", "--format", "csv")
    assert out.splitlines()[0] == "dataset,protocol,model,mae,mae_low,mae_high"
    assert len(list(csv.DictReader(io.StringIO(out)))) == 2 * 3
    code, out, _ = call(capsys, tmp_path, "--protocol", "complete", "--format", "latex", "--columns", "all")
    assert "Parameters" in out
    code, out, _ = call(capsys, tmp_path, "--protocol", "complete", "--format", "latex")
    assert "Parameters" not in out
    code, out, _ = call(capsys, tmp_path, "--table", "pairs", "--against", "all", "--protocol", "complete", "--json")
    records = json.loads(out)
    assert [r["dataset"] for r in records] == ["synthetic/official", "synthetic/fold1"]
    assert len(records[0]["rows"]) == 1
    assert isinstance(records[0]["rows"][0]["p_corrected"], float)


def test_mistakes_are_one_line(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = [
        (("--metric", "maee"), "did you mean mae"),
        (("--protocol", "uncertian"), "did you mean uncertain"),
        (("--table", "ladder"), "ladder"),
        (("--table", "subsets", "--protocol", "uncertain"), "run inter-subsets"),
        (("--columns", "maee"), "did you mean mae"),
        (("--columns", ","), "at least one"),
        (("--level", "95"), "level is 95"),
        (("--against", "lnnl"), "did you mean lnln"),
    ]
    for arguments, says in cases:
        code, _, err = call(capsys, tmp_path, *arguments)
        assert (code, len(err.strip().splitlines())) == (2, 1), (arguments, err)
        assert says in err, (arguments, err)


def test_a_wrong_setting_leaves_the_files_as_they_were(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        publish.report(open_results(study, tmp_path), TableSettings(metric="acc9", draws=20))
    assert [p.name for p in (tmp_path / "studies" / "mine").iterdir()] == ["study.yaml"]


def test_a_folder_that_cannot_be_written_is_one_line(study: Study, tmp_path: Path) -> None:
    (tmp_path / "studies" / "mine" / "tables").write_text("a file in the way")
    with pytest.raises(InputError, match="give another --out"):
        publish.report(open_results(study, tmp_path), TableSettings(draws=20))
    assert {p.name for p in (tmp_path / "studies" / "mine").iterdir()} == {"study.yaml", "tables"}


@pytest.mark.parametrize("width", [60, 80, 140, 300])
@pytest.mark.parametrize("name", [kind.name for kind in TABLES.all().values() if kind.written])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(panel: Panel, width: int, name: str) -> None:
    settings = TableSettings(variants={"senti-ifusion": "all", "senti-ifusion-single-stage": "in one stage"}, draws=20)
    protocol = {"subsets": "inter-subsets"}.get(name, "uncertain")
    results = ProtocolResults.of(panel, protocol, draws=20)
    table = TABLES.get(name).make(results, settings)
    out = io.StringIO()
    show(table, Console(file=out, width=width), all_columns=True)
    lines = [line for line in out.getvalue().splitlines() if "`" not in line]  # commands stay whole
    assert max(map(len, lines)) <= width
    if width >= 80:
        assert "…" not in out.getvalue()
        for row in table.rows:
            for cell in row.cells:
                if isinstance(cell.value, float):
                    assert cell.text in out.getvalue()
    narrow = io.StringIO()
    show(table, Console(file=narrow, width=width), elsewhere="the files")
    assert max(len(line) for line in narrow.getvalue().splitlines() if "`" not in line) <= width
    assert ("one stage" if name == "ablation" else "senti-ifusion") in narrow.getvalue()


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_command_that_adds_a_row_is_printed_once_and_in_no_file(panel: Panel, width: int) -> None:
    tables = [leaderboard_table(ProtocolResults.of(panel, name, draws=20)) for name in ("complete", "uncertain")]
    out = io.StringIO()
    console = Console(file=out, width=width)
    for table in tables:
        show(table, console)
        assert any(note.remedy for note in table.footnotes)
        for text in (table.markdown(), table.latex(), table.html()):
            assert "Without the reference row" in text
            assert "sentibench run" not in text
    assert "Without the reference row" not in out.getvalue()
    show_remedies(tables, console)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert out.getvalue().count("Without the reference row") == 1
    start = next(i for i, line in enumerate(lines) if "Without the reference row" in line)
    command = "\n".join(lines[start:]).split("`")[1]
    (remedy,) = {note.remedy for table in tables for note in table.footnotes if note.remedy}
    assert shlex.split(command.replace("\\\n", "")) == shlex.split(remedy.split("`")[1])  # as a shell reads it


def test_tables_share_a_head_where_one_only_lacks_columns() -> None:
    def entry(protocol: str, *names: str) -> Entry:
        columns = (Column("model", "Model", "left"), *(Column(name, name) for name in names))
        cells = (Cell("x"), *(Cell("1.0", 1.0) for _ in names))
        return Entry("d", protocol, "leaderboard", Table("T", columns, (Row(cells),)))

    table = pd.read_csv(io.StringIO(csv_text([entry("p", "mae"), entry("q", "mae", "told"), entry("r", "mae")])))
    assert list(table) == ["dataset", "protocol", "model", "mae", "told"]
    assert table["told"].isna().tolist() == [True, False, True]
    assert csv_text([entry("p", "a"), entry("q", "b")]).splitlines()[3] == "dataset,protocol,model,b"


def test_footnotes_of_all_tables_are_printed_once_below_them() -> None:
    def table(title: str, *notes: str) -> Table:
        footnotes = (Footnote("marked", "a"), *(Footnote(note) for note in notes))
        return Table(title, (Column("model", "Model", "left"),), (Row((Cell("x"),)),), footnotes)

    tables = [table("T", "settings", "own"), table("U", "settings")]
    assert common_footnotes(tables) == ["settings"]
    assert common_footnotes(tables[:1]) == []
    out = io.StringIO()
    show(tables[0], Console(file=out, width=80), said=["settings"])
    assert "settings" not in out.getvalue()
    assert "own" in out.getvalue()


def test_struck_cells_and_markup_in_names_are_shown_as_they_stand() -> None:
    table = Table("[bold]T", (Column("model", "[red]Model", "left"),), (Row((Cell("[link=x]evil", struck=True),)),))
    out = io.StringIO()
    show(table, Console(file=out, width=80))
    assert "[bold]T" in out.getvalue()
    assert "[red]Model" in out.getvalue()
    assert "~[link=x]evil~" in out.getvalue()


def test_every_named_table_can_be_made_or_says_why_not(panel: Panel) -> None:
    settings = TableSettings(draws=20)
    results = ProtocolResults.of(panel, "complete", draws=20)
    assert tuple(TABLES.all()) == cli.TABLES
    reasons = {name: kind.why_not(results, settings) for name, kind in TABLES.all().items()}
    assert [name for name, reason in reasons.items() if not reason] == [
        "leaderboard",
        "scenarios",
        "pairs",
        "cost",
        "paper",
        "seeds",
    ]
    endings = ("run inter-subsets", "run uncertain", "nothing to aggregate", "to its models", "with --optimism")
    assert all(reason.endswith(endings) for reason in reasons.values() if reason)
    with pytest.raises(InputError, match="unknown table 'ladder'"):
        TABLES.get("ladder")


def test_tables_that_do_not_apply_are_left_out_and_said(
    study: Study, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = ("--table", "subsets", "--table", "grid", "--table", "optimism", "--protocol", "uncertain")
    code, out, err = call(capsys, tmp_path, *asked, "--format", "markdown")
    assert code == 0
    assert "uncertain" in out
    subsets, optimism = err.splitlines()
    assert subsets == "subsets left out: protocol 'uncertain' has no subsets of modalities; run inter-subsets"
    assert optimism.startswith("optimism left out: protocol 'uncertain': no epoch was evaluated on the test set")


def test_a_table_that_cannot_be_made_does_not_take_the_others_with_it(
    study: Study, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = ("--table", "leaderboard", "--table", "pairs", "--against", "nope", "--format", "csv")
    code, out, err = call(capsys, tmp_path, *asked)
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("pairs left out: unknown model to compare with 'nope'")
    assert out.startswith("dataset,protocol,rank,model")
    code, out, err = call(
        capsys, tmp_path, "--table", "paper", "--metrics", "f1_sims", "--table", "cost", "--format", "csv"
    )
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("paper left out: unknown metric of these data sets 'f1_sims'")
    assert "train_seconds" in out
    code, out, err = call(capsys, tmp_path, "--table", "pairs", "--metric", "nope")
    assert (code, out, err.count("\n")) == (2, "", 1)


PLUGIN = """
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.tables.kinds import TableSettings, register_table
from benchmark.tables.table import Cell, Column, Row, Table

@register_table("sizes", shows="number of test samples")
def sizes(results: ProtocolResults, settings: TableSettings) -> Table:
    return Table(results.title, (Column("samples", "Samples"),), (Row((Cell(str(len(results.panel.label))),)),))
"""


def test_a_plugin_adds_a_table(study: Study, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "sizes.py").write_text(PLUGIN)
    with_plugin = study.model_copy(update={"plugins": [str(tmp_path / "sizes.py")]})
    save_study(with_plugin, tmp_path)
    try:
        code, out, _ = call(capsys, tmp_path, "--table", "sizes", "--protocol", "complete", "--format", "csv")
    finally:
        kinds.TABLES._items.pop("sizes", None)
    assert code == 0
    assert "synthetic/official,complete,60" in out
    assert list(tmp_path.rglob("sizes-mae.csv"))


def test_a_plugin_that_raises_does_not_take_the_others_with_it(
    study: Study, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text(
        PLUGIN.replace("sizes", "broken").replace("    return Table", "    {}['key']\n    return Table")
    )
    save_study(study.model_copy(update={"plugins": [str(tmp_path / "broken.py")]}), tmp_path)
    asked = ("--table", "broken", "--table", "leaderboard", "--protocol", "complete", "--format", "csv")
    try:
        code, out, err = call(capsys, tmp_path, *asked)
    finally:
        kinds.TABLES._items.pop("broken", None)
    assert (err, code) == ("broken left out: KeyError in the code of the table: 'key'\n", 1)
    assert out.startswith("dataset,protocol,rank,model")


METRIC = """
from benchmark.evaluation.metrics import register_metric

@register_metric("mse", title="MSE", higher_is_better=False, perfect=0.0, definition="mean squared error",
                 usual=False, value=lambda sums: sums["squared"] / sums["n"])
def squared_errors(given):
    return {"squared": (given.predicted - given.label) ** 2}
"""


def test_a_plugin_adds_a_metric(study: Study, small: Panel, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mse.py").write_text(METRIC)
    save_study(study.model_copy(update={"plugins": [str(tmp_path / "mse.py")]}), tmp_path)
    asked = ("--protocol", "complete", "--format", "csv")
    try:
        code, scenarios, _ = call(capsys, tmp_path, *asked, "--table", "scenarios", "--metric", "mse")
        board = call(capsys, tmp_path, *asked, "--table", "leaderboard", "--columns", "model,mse")
        frame = open_results(study, tmp_path).to_frame(draws=20)
    finally:
        metric_kinds._KINDS._items.pop("mse")
        metric_kinds._KINDS._origins.pop("mse")
    squared = ((small.predictions - small.label) ** 2).mean(axis=1)
    cells = small.cells["model"].eq("lnln") & small.cells["scenario"].eq("complete")
    wanted = squared[cells].mean()
    assert (code, board[0]) == (0, 0)
    for text, column in ((scenarios, "complete"), (board[1], "mse")):
        row = next(r for r in csv.DictReader(io.StringIO(text)) if r["model"] == "lnln")
        assert float(row[column]) == pytest.approx(wanted, rel=1e-9)
        assert float(row[f"{column}_low"]) < wanted < float(row[f"{column}_high"])
    chosen = frame[frame["metric"].eq("mse") & frame["model"].eq("lnln") & frame["scenario"].eq("complete")]
    assert chosen["value"].mean() == pytest.approx(wanted)
