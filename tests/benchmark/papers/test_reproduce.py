"""Tables and figures of papers: the catalogue, what is said when data are absent, and the numbers side by side."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from baselines import models as known_models
from benchmark.cli.main import main
from benchmark.data.catalog import import_data
from benchmark.evaluation.metrics import score
from benchmark.evaluation.statistics import auilc, confidence_intervals
from benchmark.papers.reported import aggregate_of, load, load_sources, published_as
from benchmark.papers.reproduce import ITEMS, NEEDS, Setup, get_item, prepare_item, present
from benchmark.papers.reproduce.catalogue import item_models
from benchmark.papers.reproduce.comparison import compare_numbers, item_aggregates, point_key, published
from benchmark.papers.reproduce.measuring import measure
from benchmark.papers.reproduce.needs import same_test_set
from benchmark.papers.reproduce.setup import item_study
from benchmark.papers.reproduce.tables import ReportedAndMeasured, TableColumn, stacked
from benchmark.runs.executors import InlineExecutor
from benchmark.study.running import pending, run
from benchmark.tables.table import Table
from protocols import InputError, get_protocol
from senti_ifusion.ablation import ABLATION
from tests.benchmark.fake_panel import fake_panel, without

TINY = "synthetic:samples=80-20-40"


@pytest.fixture
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENTIBENCH_HOME", str(tmp_path / "home"))
    return tmp_path


def test_the_paper_is_covered() -> None:
    assert set(ITEMS) == {
        "statistics", "distributions", "main-mosi", "main-mosei", "drop-curves-mosi", "drop-curves-mosei", "ablation",
        "lnln-mean", "lnln-rates", "lnln-missing", "subsets", "auilc", "ratio",
    }  # fmt: skip


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_is_made_of_things_that_exist(name: str) -> None:
    item = ITEMS[name]
    assert set(item.datasets) <= set(NEEDS)
    assert set(item_models(item, lambda: tuple(ABLATION))) <= set(known_models())
    assert set(item.sources) <= set(load_sources()["source"])
    if item.kind != "study":
        return
    study = item_study(item, list(item.datasets))
    evaluated = {str(s) for p in study.protocols for s in get_protocol(p).scenarios} | {"complete"}
    for dataset in item.datasets:
        for aggregate in item_aggregates(item, dataset).values():
            assert set(aggregate.scenarios) <= evaluated


@pytest.mark.parametrize("name", [n for n, i in ITEMS.items() if set(i.sources) - {"senti-ifusion"}])
def test_every_reported_row_of_the_named_papers_is_shown(name: str) -> None:
    """Nothing of a paper's table falls through the matching of points."""
    item, rows = ITEMS[name], load()
    for dataset in item.datasets:
        own = rows[rows["dataset"].eq(dataset) & rows["source"].isin(item.sources)]
        tables = {"lnln-mean": ["Table 2", "Table 3"], "lnln-rates": ["Table 9", "Table 10"]}.get(name, item.tables)
        if tables:
            own = own[
                own["table"].str.replace("corrigendum of ", "").isin(tables) | ~own["source"].str.contains("lnln")
            ]
        assert len(published(item, dataset, rows)) == len(own) > 0


def test_absent_data_is_one_line_that_says_what_to_do(no_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["reproduce", "main-mosi", "--out", str(no_data / "out")])
    assert end.value.code == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    assert f"needs MOSI unaligned_50.pkl (sha256 {NEEDS['mosi'].sha256}), not found; get it from" in said
    assert "`sentibench data import mosi unaligned_50.pkl`" in said
    assert not (no_data / "out").exists()


def test_published_files_have_their_checksums() -> None:
    assert {need.state for need in NEEDS.values()} <= {"yes", "another file", "no"}
    assert len({need.sha256 for need in NEEDS.values()}) == 3
    assert all(len(need.sha256) == 64 for need in NEEDS.values())


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean lnln-mean"):
        get_item("lnln-means")


def test_data_that_are_not_there_are_refused(no_data: Path) -> None:
    with pytest.raises(InputError, match="unknown data set 'mossi'"):
        prepare_item("lnln-mean", dataset="mossi", models=("constant",))
    with pytest.raises(InputError, match="needs MOSEI"):
        prepare_item("lnln-mean", dataset="mosei")


def test_data_with_other_labels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    item = dataclasses.replace(ITEMS["lnln-mean"], name="only-sims", datasets=("sims",))
    monkeypatch.setitem(ITEMS, "only-sims", item)
    with pytest.raises(InputError, match=r"labels in \[-3, 3\], unlike any data set of 'only-sims'"):
        prepare_item("only-sims", dataset=TINY)


def import_labels(folder: Path, name: str, signs: tuple[int, int, int], **splits: np.ndarray) -> None:
    """A data set with so many negative, neutral and positive test samples."""
    label = np.r_[-1.2, 2.0, np.repeat([-1.0, 0.0, 1.2], signs)].astype(np.float32)
    n = len(label)
    parts = np.r_[["train", "valid"], ["test"] * (n - 2)]
    arrays = {"id": np.arange(n).astype(str), "label": label, "split.official": parts}
    arrays |= {f"split.{split}": codes for split, codes in splits.items()}
    for modality in ("text", "audio", "vision"):
        arrays |= {f"{modality}.values": np.ones((n, 1, 1)), f"{modality}.observed": np.ones((n, 1), bool)}
    np.savez(folder / f"{name}.npz", **arrays)
    import_data(name, folder / f"{name}.npz")


def test_the_published_test_set_is_recognised_by_its_labels_and_not_by_a_name(no_data: Path) -> None:
    import_labels(no_data, "mine", (379, 30, 277), other=np.resize(["train", "valid", "test"], 688))
    import_labels(no_data, "mosi", (380, 30, 276))
    assert same_test_set("mine", "mosi")
    assert same_test_set("mine/official", "mosi")
    assert not same_test_set("mine/other", "mosi")
    assert not same_test_set("mine", "mosei")
    assert not same_test_set("mosi", "mosi")
    assert not same_test_set(TINY, "mosi")
    assert prepare_item("lnln-mean", dataset="mine", models=("constant",)).data == (("mine", "mosi"),)


@pytest.mark.parametrize(
    ("signs", "label_range", "name"),
    [
        ((379, 30, 277), (-3.0, 3.0), "mosi"),
        ((379, 30, 277), (-1.0, 1.0), ""),
        ((1350, 1025, 2284), (-3.0, 3.0), "mosei"),
        ((248, 69, 140), (-1.0, 1.0), "sims"),  # its neutral samples count as negative
        ((248, 69, 141), (-1.0, 1.0), ""),
    ],
)
def test_published_test_sets_by_range_and_signs(
    signs: tuple[int, int, int], label_range: tuple[float, float], name: str
) -> None:
    assert published_as(np.repeat([-0.8, 0.0, 0.6], signs), label_range) == name


def test_list_needs_no_data(no_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["reproduce", "list", "--out", str(no_data / "out")])
    assert end.value.code == 0
    said = capsys.readouterr().out
    for need in NEEDS.values():
        assert need.sha256 in said
    assert set(ITEMS) <= set(said.split()), "a name is cut in two"
    assert not (no_data / "out").exists()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Setup, Path]:
    """A small real reproduction on generated data."""
    root = tmp_path_factory.mktemp("reproduce")
    setup = prepare_item("lnln-missing", dataset=TINY, models=("constant", "audio-only"), seeds=1, epochs=1)
    assert setup.plan is not None
    run(setup.plan, root, InlineExecutor())
    return setup, root


def test_generated_data_are_labelled_and_not_subtracted(made: tuple[Setup, Path]) -> None:
    setup, root = made
    result = present(setup, root, draws=50, formats=("png",))
    for table in result.tables:
        assert f"measured on {TINY}" in table.title
        assert "generated data" in table.caption
        assert "no difference is taken" in table.caption
        assert not any(row.cells[1].text.startswith("difference") for row in table.rows)
        assert any(row.cells[1].text.startswith("reported") for row in table.rows)
        assert any(row.cells[1].text == "measured" for row in table.rows)
        assert "Settings of all models: as registered, but epochs 1." in [f.text for f in table.footnotes]
    assert all(path.stat().st_size > 0 for path in result.files)
    assert {"reproduced.md", "reproduced.csv"} <= {path.name for path in result.files}
    assert any(path.suffix == ".png" for path in result.files)
    assert not any("missing" in note for note in result.notes)
    written = pd.read_csv(root / "studies" / setup.plan.study.name / "reproduced.csv")  # type: ignore[union-attr]
    assert written["difference"].isna().all()
    assert set(written["published_on"]) == {"mosi"}
    assert set(written["measured_on"]) == {TINY}


def test_a_second_time_runs_nothing(made: tuple[Setup, Path], capsys: pytest.CaptureFixture[str]) -> None:
    setup, root = made
    assert setup.plan is not None
    assert pending(setup.plan, root) == []
    assert run(setup.plan, root, InlineExecutor()).executed == 0
    words = ["reproduce", "lnln-missing", "--dataset", TINY, "--models", "constant,audio-only", "--seeds", "1"]
    with pytest.raises(SystemExit) as end:
        main([*words, "--epochs", "1", "--out", str(root), "--format", "csv"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("model,line,")
    assert "audio-only,measured" in out


def test_an_ablation_says_where_its_paired_differences_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], made: tuple[Setup, Path]
) -> None:
    words = ["reproduce", "ablation", "--dataset", TINY, "--seeds", "1", "--epochs", "0", "--out", str(tmp_path)]
    models = "senti-ifusion,senti-ifusion-without-completion"
    with pytest.raises(SystemExit) as end:
        main([*words, "--models", models, "--executor", "inline"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    (command,) = (text for text in said.replace("\\\n", "").split("`") if "--table ablation" in text)
    assert "mean over seeds" not in said
    with pytest.raises(SystemExit) as end:
        main(shlex.split(command)[1:])
    assert end.value.code == 0
    assert "What is different" in capsys.readouterr().out
    assert present(made[0], made[1], draws=20, formats=()).ablation is False


def test_one_seed_is_no_mean_over_seeds(made: tuple[Setup, Path]) -> None:
    caption = present(*made, draws=20, formats=()).tables[0].caption
    assert "Measured: seed 0; 95 %: bootstrap over videos; difference" in caption


def test_without_running_it_says_what_is_missing(tmp_path: Path) -> None:
    setup = prepare_item("lnln-mean", dataset=TINY, models=("constant",), seeds=2)
    result = present(setup, tmp_path)
    assert result.notes == ("3 of 3 runs are missing; leave --no-run out to run them",)
    assert "Nothing has been measured yet." in result.tables[0].caption
    assert any("LNLN" in cell.text for row in result.tables[0].rows for cell in row.cells)


def test_the_empty_row_is_shown(tmp_path: Path) -> None:
    """With and without a measured Senti-iFusion, its reported line is there, empty, and says what to do."""
    table = present(prepare_item("drop-curves-mosi", dataset=TINY, models=("constant",), seeds=1), tmp_path).tables[0]
    assert [c.text for c in table.rows[0].cells[:3]] == ["Senti-iFusion", "reported, Senti-iFusion", "–"]
    assert any("fill in results/reported/senti-ifusion.csv" in f.text for f in table.footnotes)
    panel = fake_panel(models=("senti-ifusion",), protocols=("complete",), dataset="mosi")
    item = ITEMS["main-mosi"]
    measured = measure(panel, item_aggregates(item, "mosi"), ("mae",), draws=10)
    papers = {str(r["source"]): {str(k): str(v) for k, v in r.items()} for r in load_sources().to_dict("records")}
    shown = ReportedAndMeasured(published(item, "mosi", load()), measured, papers, ("senti-ifusion",), comparable=True)
    lines = _lines(
        stacked("t", [TableColumn(point_key("complete", "complete"), "mae", "MAE")], shown, "", ()), "senti-ifusion"
    )
    assert list(lines) == ["reported, Senti-iFusion", "measured", "95 % from", "95 % to"]


def test_statistics_count(no_data: Path) -> None:
    table = present(prepare_item("statistics", dataset=TINY), no_data / "out").tables[0]
    counts = {str(row.cells[1].text): [c.value for c in row.cells[2:7]] for row in table.rows}
    assert set(counts) == {"train", "valid", "test"}
    for samples, _, negative, zero, positive in counts.values():
        assert samples == negative + zero + positive  # type: ignore[operator]


def test_distributions_are_drawn(no_data: Path) -> None:
    files = present(prepare_item("distributions", dataset=TINY), no_data / "out", formats=("svg",)).files
    assert any(f.name.endswith("-labels.svg") and f.stat().st_size > 1000 for f in files)


def test_intervals_are_those_of_every_other_table() -> None:
    panel = fake_panel(models=("lnln", "constant"), seeds=3, protocols=("intra-random",), samples=80)
    aggregates = {"a": aggregate_of("intra-random", "mean 0..0.9")}
    texts = [str(p.scenario) for p in get_protocol("intra-random").points]
    found = measure(panel, aggregates, ("mae", "acc7"), draws=40).set_index(["model", "metric"])
    theirs = confidence_intervals(panel.estimates(texts, ("mae", "acc7"), draws=40), {"a": texts})
    for row in theirs.to_dict("records"):
        own = found.loc[(row["model"], row["metric"])]
        assert (own["low"], own["high"]) == pytest.approx((row["low"], row["high"]), nan_ok=True)


def test_measured_means_are_those_of_the_metrics() -> None:
    panel = fake_panel(models=("lnln",), seeds=2, protocols=("intra-random",), samples=80)
    aggregates = {k: aggregate_of("intra-random", k) for k in ("mean 0..0.9", "rate=0.3", "auilc 0..0.5")}
    found = measure(panel, aggregates, ("mae", "acc7"), draws=40).set_index(["point", "metric"])
    cells = panel.cells.assign(mae=[score(panel.label, p)["mae"] for p in panel.predictions])
    curve = cells.groupby("scenario", sort=False)["mae"].mean()
    assert found.loc[("mean 0..0.9", "mae"), "measured"] == pytest.approx(curve.mean())
    assert found.loc[("rate=0.3", "mae"), "measured"] == pytest.approx(curve.iloc[3])
    area = auilc(np.arange(6) / 10, curve.to_numpy()[:6]) * 0.5
    assert found.loc[("auilc 0..0.5", "mae"), "measured"] == pytest.approx(float(area))
    assert (found["low"] <= found["measured"]).all()
    assert (found["measured"] <= found["high"]).all()
    assert found["seeds"].eq(2).all()


def test_a_hole_has_no_number() -> None:
    panel = fake_panel(models=("constant", "lnln"), seeds=2, protocols=("intra-random",), samples=60)
    panel = without(panel, model="lnln", seed=1, scenario="random_positions(rate=0.3)")
    aggregates = {k: aggregate_of("intra-random", k) for k in ("mean 0..0.9", "rate=0.2")}
    found = measure(panel, aggregates, ("mae",), draws=10).set_index(["model", "point"])
    assert np.isnan(found.loc[("lnln", "mean 0..0.9"), "measured"])
    assert found.loc[("lnln", "mean 0..0.9"), "flag"] == "hole"
    assert np.isfinite(found.loc[("lnln", "rate=0.2"), "measured"])
    assert np.isfinite(found.loc[("constant", "mean 0..0.9"), "measured"])


@pytest.fixture(scope="module")
def sides() -> tuple[ReportedAndMeasured, pd.DataFrame]:
    item = ITEMS["lnln-mean"]
    panel = fake_panel(models=("constant", "lnln", "senti-ifusion"), protocols=("intra-random",), dataset="mosi")
    rows = published(item, "mosi", load())
    measured = measure(panel, item_aggregates(item, "mosi"), ("mae", "acc7", "f1_non0"), draws=20)
    papers = {str(r["source"]): {str(k): str(v) for k, v in r.items()} for r in load_sources().to_dict("records")}
    long = compare_numbers(item, rows, measured, published_on="mosi", measured_on="mosi", comparable=True)
    return ReportedAndMeasured(rows, measured, papers, (), comparable=True), long


def _lines(table: Table, model: str) -> dict[str, tuple[str, ...]]:
    rows = [row for row in table.rows if row.cells[0].value == model]
    return {row.cells[1].text: tuple(cell.text for cell in row.cells[2:]) for row in rows}


def test_difference_is_measured_less_reported(sides: tuple[ReportedAndMeasured, pd.DataFrame]) -> None:
    both, long = sides
    key = point_key("intra-random", "mean 0..0.9")
    heads = [TableColumn(key, m, m) for m in ("mae", "acc7", "f1_non0")]
    lines = _lines(stacked("t", heads, both, "", ()), "lnln")
    ours = both.measured[both.measured["model"].eq("lnln")].set_index("metric")["measured"]
    assert lines["reported, LNLN"] == ("1.046", "34.26", "72.73")
    assert lines["difference from LNLN"][0] == f"{ours['mae'] - 1.046:+.3f}"
    assert lines["difference from LNLN"][1] == f"{100 * ours['acc7'] - 34.26:+.2f}"
    assert lines["difference from LNLN"][2] == "–"  # the reported F1 is not valid
    assert lines["difference from TCMR"][2] != "–"
    own = long[long["model"].eq("lnln") & long["source"].eq("lnln")].set_index("metric")
    assert own.loc["acc7", "difference"] == pytest.approx(100 * ours["acc7"] - 34.26)
    assert np.isnan(own.loc["f1_non0", "difference"])


def test_numbers_of_only_one_side_are_included(sides: tuple[ReportedAndMeasured, pd.DataFrame]) -> None:
    both, long = sides
    heads = [TableColumn(point_key("intra-random", "mean 0..0.9"), "mae", "MAE")]
    table = stacked("t", heads, both, "", ())
    assert set(_lines(table, "senti-ifusion")) == {"measured", "95 % from", "95 % to"}
    assert set(_lines(table, "TF-Mamba")) == {"reported, TCMR"}
    assert sum(row.rule for row in table.rows) == 1
    assert long.loc[long["model"].eq("senti-ifusion"), "measured"].notna().all()
    assert long.loc[long["method"].eq("TF-Mamba"), "reported"].notna().all()


def test_an_unknown_convention_stands_beside_both_and_is_not_subtracted() -> None:
    item = ITEMS["subsets"]
    panel = fake_panel(models=("constant", "self-mm"), protocols=("inter-subsets",), dataset="mosi")
    rows = published(item, "mosi", load())
    measured = measure(panel, item_aggregates(item, "mosi"), ("f1_non0", "f1_has0"), draws=10)
    papers = {str(r["source"]): {str(k): str(v) for k, v in r.items()} for r in load_sources().to_dict("records")}
    heads = [TableColumn(point_key("inter-subsets", "available=text"), "f1_unknown", "text")]
    lines = _lines(
        stacked("t", heads, ReportedAndMeasured(rows, measured, papers, (), comparable=True), "", ()), "self-mm"
    )
    assert next(iter(lines)) == "reported, HRLF"
    assert {"measured, F1 Non0", "measured, F1 Has0"} <= set(lines)
    assert not any(line.startswith("difference") for line in lines)


def test_seeds_without_numbers_and_undefined_correlations_are_marked(
    sides: tuple[ReportedAndMeasured, pd.DataFrame],
) -> None:
    key = point_key("complete", "complete")
    panel = fake_panel(models=("constant", "lnln"), protocols=("complete",), dataset="mosi", samples=60)
    measured = measure(panel, item_aggregates(ITEMS["main-mosi"], "mosi"), ("mae", "corr"), draws=10)
    why = {("constant", key): "some of the predictions are constant"}
    shown = dataclasses.replace(sides[0], measured=measured, seeds=5, undefined=why, remarks={"lnln": ["2 failed"]})
    table = stacked("t", [TableColumn(key, m, m) for m in ("mae", "corr")], shown, "", ())
    marks = {note.text: note.mark for note in table.footnotes}
    assert "mean over 3 of 5 seeds: the others have no numbers" in marks
    measured_rows = {row.cells[0].value: row.cells for row in table.rows if row.cells[1].text == "measured"}
    assert measured_rows["constant"][3].note == marks[why["constant", key]]
    assert measured_rows["constant"][2].note == measured_rows["lnln"][3].note == ""
    assert marks["2 failed"] in measured_rows["lnln"][1].note.split(",")


def test_ch_sims_has_its_own_area() -> None:
    item = ITEMS["auilc"]
    assert [p for _, p in item.points_of("sims")] == ["auilc 0..0.5"]
    assert [p for _, p in item.points_of("mosi")] == ["auilc 0..1"]
    assert set(published(item, "sims", load())["metric"]) == {
        "mae_clipped", "corr_clipped", "acc5_sims", "acc3_sims", "acc2_sims", "f1_sims",
    }  # fmt: skip
