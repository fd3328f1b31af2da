from __future__ import annotations

import csv
import dataclasses
import io

import numpy as np
import pytest

from benchmark.evaluation.metrics import score
from benchmark.evaluation.panel import Gap, Panel
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.tables import remarks
from benchmark.tables.by_scenario import scenarios_table
from benchmark.tables.cells import NOTHING, count_text, duration_text, number, ratio, signed
from benchmark.tables.comparison import compare_models, pair
from benchmark.tables.table import Table
from protocols import InputError
from tests.benchmark.fake_panel import fake_panel, leaderboard, without

MODELS = ("constant", "lnln", "senti-ifusion", "mult")


def results(panel: Panel, protocol: str) -> ProtocolResults:
    return ProtocolResults.of(panel, protocol, draws=20)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return fake_panel((*MODELS, "oracle"), samples=240, videos=12, mask_informed=frozenset({"lnln"}))


def records(table: Table) -> dict[str, dict[str, str]]:
    return {row["model"]: row for row in csv.DictReader(io.StringIO(table.csv()))}


def cell(table: Table, model: str, column: str) -> tuple[str, str, bool]:
    names = [c.name for c in table.columns]
    row = next(r for r in table.rows if r.cells[names.index("model")].text == model)
    found = row.cells[names.index(column)]
    return found.text, found.note, found.bold


def notes(table: Table) -> str:
    return "\n".join(f.text for f in table.footnotes)


def remedies(table: Table) -> list[str]:
    return [f.remedy for f in table.footnotes if f.remedy]


def test_every_metric_is_taken_by_cell_then_averaged_over_scenarios_and_seeds(panel: Panel) -> None:
    row = records(leaderboard(panel, "inter-drop", draws=100))["senti-ifusion"]
    scenarios = set(panel.points.query("protocol == 'inter-drop'")["scenario"])
    chosen = panel.cells.query("model == 'senti-ifusion'")
    chosen = chosen[chosen["scenario"].isin(scenarios)]
    scores = [score(panel.label, panel.predictions[i]) for i in chosen.index]
    assert len(scores) == 30
    for name in ("mae", "corr", "acc7", "acc5", "acc2_has0", "acc2_non0", "f1_has0", "f1_non0"):
        assert float(row[name]) == pytest.approx(np.mean([s[name] for s in scores]), abs=1e-12)
    by_seed = [np.mean([s["mae"] for s, t in zip(scores, chosen["seed"], strict=True) if t == k]) for k in range(3)]
    assert float(row["mae_sd"]) == pytest.approx(np.std(by_seed, ddof=1))
    assert float(row["mae_low"]) < float(row["mae"]) < float(row["mae_high"])
    assert float(row["parameters"]) == 360_000


def test_models_are_sorted_by_mae_and_the_oracle_is_below_a_rule_without_a_rank(panel: Panel) -> None:
    table = leaderboard(panel, "intra-random", draws=200)
    rows = list(csv.DictReader(io.StringIO(table.csv())))
    assert rows[-1]["model"] == "oracle"
    assert rows[-1]["rank"] == ""
    assert float(rows[-1]["mae"]) < float(rows[0]["mae"])
    assert [r.rule for r in table.rows] == [False] * 4 + [True]
    mae = [float(r["mae"]) for r in rows[:-1]]
    assert mae == sorted(mae)
    assert [r["rank"] for r in rows[:-1]] == ["1", "2", "3", "4"]
    assert cell(table, rows[0]["model"], "mae")[2]
    assert not cell(table, "oracle", "mae")[2]
    assert "not ranked" in notes(table)


def test_the_table_says_what_it_is_about(panel: Panel) -> None:
    table = leaderboard(panel, "inter-drop", draws=20)
    assert table.title.startswith("synthetic (generated data): inter-drop")
    for words in ("240 test samples of 12 videos", "3 seeds", "10 scenarios", "synthetic", "official", "uncertain"):
        assert words in table.caption
    real = leaderboard(dataclasses.replace(panel, dataset="mosi"), "inter-drop", draws=20)
    assert real.title.startswith("mosi: ")
    assert "synthetic" not in real.title + real.caption


@pytest.mark.parametrize("how", ["unknown", "", "given"])
def test_tables_state_that_every_sample_is_a_video(panel: Panel, how: str) -> None:
    alone = dataclasses.replace(panel, video_ids=panel.sample_ids, videos=how)
    says = "240 test samples that each count as a video of their own (intervals treat them as independent)"
    compared = compare_models(pair(alone, "lnln", alone, "mult"), ["complete"], draws=20).table()
    for table in (leaderboard(alone, "complete", draws=20), scenarios_table(results(alone, "inter-drop")), compared):
        assert (says in table.caption) == (how != "given")
        assert ("240 test samples of 240 videos" in table.caption) == (how == "given")


def test_models_told_the_mask_are_marked_in_every_table_and_format(panel: Panel) -> None:
    for table in (leaderboard(panel, "complete", draws=20), scenarios_table(results(panel, "inter-drop"))):
        for text in (table.csv(), table.markdown(), table.latex(), table.html()):
            assert "lnln (mask-informed)" in text


def test_a_hole_takes_the_aggregate_away_and_is_named_with_what_fills_it(panel: Panel) -> None:
    holed = without(panel, model="mult", seed=1, scenario="drop(rate=0.3)")
    bare = leaderboard(holed, "inter-drop", draws=50)
    assert "1 of 30 cells missing, such as drop(rate=0.3) for seed 1; run what is missing" in notes(bare)
    gap = Gap("mult", 1, "", "not evaluated", ("drop(rate=0.3)",), "sentibench run study.yaml")
    holed = dataclasses.replace(holed, missing=(gap,))
    table = leaderboard(holed, "inter-drop", draws=50)
    row = records(table)["mult"]
    assert row["mae"] == row["mae_low"] == row["f1_non0"] == row["rank"] == ""
    assert "mult: no aggregate; seed 1 not evaluated under drop(rate=0.3)" in notes(table)
    assert "what is missing is filled by `sentibench run study.yaml`" in remedies(table)
    assert "The study is unfinished." in notes(table)
    whole = leaderboard(holed, "intra-random", draws=50)
    assert records(whole)["mult"]["mae"] != ""
    assert "not evaluated" not in notes(whole)  # a gap of another protocol
    assert not any("filled by" in remedy for remedy in remedies(whole))
    assert "unfinished" not in notes(whole)
    ticks = records(scenarios_table(results(holed, "inter-drop")))["mult"]
    assert ticks["drop(rate=0.3)"] == ticks["mean"] == ""
    assert float(ticks["drop(rate=0.2)"]) > 0


def test_many_gaps_of_a_model_are_one_line(panel: Panel) -> None:
    scenarios = tuple(panel.points["scenario"])
    gaps = [Gap("lmf", seed, "", "not run", scenarios, "sentibench run s.yaml") for seed in range(5)]
    gaps += [Gap("mfn", 3, split, "failed (ValueError: no)", scenarios, "sentibench run s.yaml") for split in "ab"]
    table = leaderboard(dataclasses.replace(panel, missing=tuple(gaps)), "complete", draws=20)
    lines = [f.text for f in table.footnotes]
    assert "Missing: lmf: seeds 0 to 4 not run." in lines
    assert "Missing: mfn: seed 3, splits a, b failed (ValueError: no)." in lines
    assert remedies(table)[:1] == ["what is missing is filled by `sentibench run s.yaml`"]


def test_reference_rows_that_are_not_there_are_named_with_what_adds_them(panel: Panel) -> None:
    command = "`sentibench run STUDY --models constant,lnln,senti-ifusion,mult,text-only,audio-only,vision-only"
    table = leaderboard(panel, "complete", draws=20)
    assert "Without the reference rows text-only, audio-only, vision-only, late-fusion-dropout." in notes(table)
    (remedy,) = remedies(table)
    assert remedy.startswith(f"added by {command}")
    full = fake_panel(samples=80, videos=5)
    text = notes(leaderboard(full, "complete", draws=20))
    assert "Without the reference row oracle." in text
    assert "oracle" not in notes(leaderboard(dataclasses.replace(full, dataset="mosi"), "complete", draws=20))
    noisy = fake_panel(samples=80, videos=5, protocols=("complete",))
    cells, points = (frame.assign(scenario="noise(snr_db=5)") for frame in (noisy.cells, noisy.points))
    noisy = dataclasses.replace(noisy, cells=cells, points=points)
    assert "not known where values are wrong" in notes(leaderboard(noisy, draws=20))


@pytest.mark.parametrize(
    ("value", "text"), [(0.0021, "+0.002"), (0.0004, "0.000"), (0.0, "0.000"), (-0.0004, "0.000"), (-0.0021, "-0.002")]
)
def test_a_value_rounded_to_zero_has_no_sign(value: float, text: str) -> None:
    shown = signed(number("mae", value, -0.0004, 0.01))
    assert shown.text == text
    assert shown.value == value  # at full precision for the CSV
    assert shown.interval is not None
    assert shown.interval.text == "[0.000, 0.010]"
    assert ratio(value).text == text.removeprefix("+")
    assert signed(number("mae", np.nan)).text == NOTHING


def test_external_rows_are_marked_in_every_table_and_format(panel: Panel) -> None:
    table = leaderboard(dataclasses.replace(panel, external=frozenset({"mult", "lnln"})), "complete", draws=20)
    for text in (table.csv(), table.markdown(), table.latex(), table.html()):
        assert "mult (external)" in text
        assert "lnln (external, mask-informed)" in text
    assert "made elsewhere" in notes(table)


def test_bold_is_the_best_and_all_without_a_significant_difference(panel: Panel) -> None:
    table = leaderboard(panel, "complete", draws=400)
    names = [m for m in MODELS if m != "lnln"]
    assert [m for m in names if cell(table, m, "mae")[2]] == ["senti-ifusion", "mult"]
    assert "differs significantly from one of them" in table.caption
    twins = panel.cells["model"].eq("constant").to_numpy()
    predictions = panel.predictions.copy()
    predictions[twins] = panel.predictions[panel.cells["model"].eq("mult").to_numpy()] + 0.001
    table = leaderboard(dataclasses.replace(panel, predictions=predictions), "complete", draws=400)
    assert {m for m in names if cell(table, m, "mae")[2]} == {"mult", "senti-ifusion", "constant"}
    assert not cell(table, "oracle", "mae")[2]


def test_every_metric_has_its_interval_in_the_csv_and_a_paper_its_columns(panel: Panel) -> None:
    table = leaderboard(panel, "inter-drop", draws=100)
    for row in records(table).values():
        for name in ("mae", "corr", "acc7", "acc2_has0", "f1_non0"):
            assert float(row[f"{name}_low"]) <= float(row[name]) <= float(row[f"{name}_high"])
    assert [c.name for c in table.only(table.paper).columns] == [
        "model", "mae", "corr", "acc7", "acc5", "acc2_has0", "acc2_non0", "f1_has0", "f1_non0", "rank",
    ]  # fmt: skip
    assert "macro_f1_high" in table.csv()
    assert "acc3_high" in table.csv()
    for text in (table.markdown(), table.html(), table.latex(), "".join(table.plain()[0])):
        assert "Macro-F1" not in text
    assert "Macro-F1" in table.only(["model", "macro_f1"]).markdown()
    head = "Model & MAE $\\downarrow$ [95 \\%] & Corr"
    assert head in table.latex()
    assert "Parameters" not in table.latex()
    assert "Parameters" in table.latex(all_columns=True)
    titles = [f"{c.group} {c.title}" for c in table.columns if c.name.startswith(("acc", "f1"))]
    assert all("(%)" in title for title in titles)


def test_a_model_without_any_cell_of_the_protocol_is_left_out_of_it(panel: Panel) -> None:
    gone = without(panel, model="mult", scenario="complete")
    assert "mult" not in records(leaderboard(gone, "complete", draws=20))
    with pytest.raises(InputError, match="run the study first"):
        leaderboard(dataclasses.replace(panel, cells=panel.cells[:0], predictions=panel.predictions[:0]), "complete")


def test_fewer_than_three_seeds_have_no_rank(panel: Panel) -> None:
    table = leaderboard(without(panel, model="mult", seed=2), "complete", draws=50)
    text, _, _ = cell(table, "mult", "rank")
    assert text == "–"
    assert cell(table, "mult", "model")[1] != ""
    assert "fewer than 3 seeds" in notes(table)
    assert "without seed 2" in notes(table)
    two = fake_panel(MODELS, seeds=2, samples=80, videos=5)
    assert {r["rank"] for r in records(leaderboard(two, "complete", draws=20)).values()} == {""}


def test_one_seed_says_that_intervals_are_over_videos_only() -> None:
    table = leaderboard(fake_panel(MODELS, seeds=1, samples=80, videos=5), "complete", draws=50)
    assert "videos only" in notes(table)
    assert all(row["mae_sd"] == "" for row in records(table).values())


def test_constant_predictions_are_flagged(panel: Panel) -> None:
    text, note, _ = cell(leaderboard(panel, "complete", draws=20), "constant", "corr")
    assert text == "0.000"
    assert note != ""


def test_an_impossible_f1_is_marked(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "impossible" not in notes(leaderboard(panel, "complete", draws=20))
    real = remarks.f1_is_possible
    monkeypatch.setattr(remarks, "f1_is_possible", lambda acc, f1, counts, slack: real(acc, f1 + 0.05, counts, slack))
    table = leaderboard(panel, "complete", draws=20)
    assert "impossible" in notes(table)
    assert cell(table, "mult", "f1_non0")[1] != ""
    assert "impossible" in notes(scenarios_table(results(panel, "inter-drop"), "f1_non0"))


def test_a_protocol_must_be_named_when_there_are_several(panel: Panel) -> None:
    with pytest.raises(InputError, match="choose one"):
        leaderboard(panel)
    with pytest.raises(InputError, match="did you mean inter-drop"):
        leaderboard(panel, "inter-dorp")
    versioned = dataclasses.replace(panel, points=panel.points.assign(protocol=panel.points["protocol"] + "@1"))
    assert "inter-drop@1" in leaderboard(versioned, "inter-drop", draws=20).title


def test_other_protocols_and_scales_have_tables_too() -> None:
    panel = fake_panel(MODELS, samples=80, videos=5, protocols=("inter-subsets", "uncertain"))
    assert all(leaderboard(panel, name, draws=20).rows for name in ("inter-subsets", "uncertain"))
    assert len(scenarios_table(results(panel, "uncertain"), "acc7").columns) == 3 + 17
    sims = dataclasses.replace(
        panel, label=panel.label / 3, predictions=panel.predictions / 3, label_range=(-1.0, 1.0), dataset="sims"
    )
    names = [c.name for c in leaderboard(sims, "inter-subsets", draws=20).columns]
    assert "f1_sims" in names
    assert "acc7" not in names
    with pytest.raises(InputError, match="unknown metric"):
        scenarios_table(results(sims, "inter-subsets"), "acc7")


def test_the_table_of_scenarios_has_the_ticks_of_the_axis_in_order(panel: Panel) -> None:
    table = scenarios_table(results(panel, "inter-drop"), "f1_non0")
    assert [c.title for c in table.columns[2:-1]] == [f"{0.1 * i:.1f}" for i in range(10)]
    rows = list(csv.DictReader(io.StringIO(table.csv())))
    means = [float(r["mean"]) for r in rows[:-1]]
    assert means == sorted(means, reverse=True)
    assert rows[-1]["model"] == "oracle"
    values = [float(rows[0][c.name]) for c in table.columns[2:-1]]
    assert float(rows[0]["mean"]) == pytest.approx(np.mean(values))


def test_sizes_and_durations_are_readable() -> None:
    assert [count_text(v) for v in (0, 850, 12_345, 4.5e6, 2e9)] == ["0", "850", "12.3 k", "4.5 M", "2 G"]
    assert [duration_text(v) for v in (8.06, 210, 7200)] == ["8.1 s", "3.5 min", "2.0 h"]
