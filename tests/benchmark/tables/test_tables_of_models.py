"""Aggregates, pairs, ablation and costs."""

from __future__ import annotations

import csv
import dataclasses
import io

import numpy as np
import pytest
from scipy.integrate import trapezoid

from benchmark.evaluation.panel import Gap, Panel
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.evaluation.statistics import compare, corrected, tied_with_best
from benchmark.tables.ablation import ablation_table, has_ablation
from benchmark.tables.aggregates import aggregates_table, complete_scenario
from benchmark.tables.by_scenario import grid_table, scenarios_table, subsets_table
from benchmark.tables.cost import cost_table
from benchmark.tables.leaderboard import leaderboard_table
from benchmark.tables.pairs import pairs_table
from benchmark.tables.table import Table
from protocols import InputError, leaves_everything, protocols
from tests.benchmark.fake_panel import fake_panel, without

MODELS = ("constant", "text-only", "late-fusion-dropout", "senti-ifusion", "senti-ifusion-single-stage", "oracle")
VARIANTS = {
    "senti-ifusion": "the whole model",
    "senti-ifusion-single-stage": "trained in a single stage",
    "senti-ifusion-text-dominant": "language always dominant",
}


@pytest.fixture(scope="module")
def panel() -> Panel:
    return fake_panel(
        MODELS, samples=150, videos=10, protocols=("complete", "inter-drop", "inter-subsets", "uncertain")
    )


@pytest.fixture(scope="module")
def drop(panel: Panel) -> ProtocolResults:
    return ProtocolResults.of(panel, "inter-drop", draws=200)


def rows(table: Table, by: str = "model") -> dict[str, dict[str, str]]:
    return {row[by]: row for row in csv.DictReader(io.StringIO(table.csv()))}


def notes(table: Table) -> str:
    return "\n".join(note.text for note in table.footnotes)


def test_aggregates_follow_their_definitions(drop: ProtocolResults) -> None:
    found = rows(aggregates_table(drop))
    curve = {m: np.array([drop.estimates[m].curve("mae", [s])[0] for s in drop.scenarios]) for m in MODELS}
    for model in MODELS:
        row, own = found[model], curve[model]
        value = {name: float(row[name]) for name in ("mean", "auilc", "worst", "retention", "skill", "relative_error")}
        assert value["mean"] == pytest.approx(own.mean())
        assert value["auilc"] == pytest.approx(trapezoid(own, drop.shape.rates) / 0.9)
        assert value["worst"] == own.max()
        assert value["retention"] == pytest.approx(own.mean() / own[0])
        assert value["skill"] == pytest.approx(1 - own.mean() / curve["constant"].mean())
        assert value["relative_error"] == pytest.approx((own / curve["late-fusion-dropout"]).mean())
        assert float(row["mean_low"]) <= value["mean"] <= float(row["mean_high"])
    assert list(found)[-1] == "oracle"


def test_the_area_over_missing_ratios_ends_at_two_thirds_and_the_column_is_called_07() -> None:
    panel = fake_panel(("lnln",), 1, ("inter-ratio",), samples=30, videos=5)
    ratio = [float(s.partition("=")[2].rstrip(")")) for s in panel.cells["scenario"]]
    straight = dataclasses.replace(panel, predictions=panel.label + 0.9 + 0.6 * np.array(ratio)[:, None])
    own = ProtocolResults.of(straight, draws=20)
    area = float(rows(aggregates_table(own))["lnln"]["auilc"])
    assert area == pytest.approx(0.9 + 0.6 / 3)  # a straight line: its value in the middle of 0 to 2/3
    assert [c.title for c in scenarios_table(own).columns if c.group][-2:] == ["0.6", "0.7"]


def test_an_aggregate_that_cannot_be_had_has_no_column_and_the_reason_is_given(panel: Panel) -> None:
    table = aggregates_table(ProtocolResults.of(panel, "inter-subsets", draws=50))
    assert [c.name for c in table.columns] == [
        "model", "seeds", "mean", "worst", "retention", "skill", "relative_error",
    ]  # fmt: skip
    assert "No AUILC" in notes(table)
    few = without(without(panel, model="constant"), model="late-fusion-dropout")
    table = aggregates_table(ProtocolResults.of(few, "inter-drop", draws=50), "f1_non0")
    assert [c.name for c in table.columns][2:] == ["mean", "auilc", "worst", "retention"]
    assert "No skill" in notes(table)
    assert "No relative error" in notes(table)
    assert "per cent" in table.caption


def test_a_protocol_that_does_not_list_the_area_under_its_curve_has_no_such_column() -> None:
    table = aggregates_table(ProtocolResults.of(fake_panel(("lnln",), 1, ("shift",), samples=30, videos=5), draws=20))
    assert [c.name for c in table.columns] == ["model", "seeds", "mean", "worst", "retention"]
    assert "No AUILC: protocol 'shift' does not have 'auilc' among its aggregates." in notes(table)


def test_the_complete_scenario_is_the_protocols_own_or_that_of_complete(panel: Panel) -> None:
    def own(protocol: str) -> str | None:
        return complete_scenario(ProtocolResults.of(panel, protocol, draws=10))

    assert own("inter-drop") == "drop(rate=0)"
    assert own("inter-subsets") == "subset(available=(text, audio, vision))"
    assert own("uncertain") == "drop(rate=0) + random_positions(rate=0)"
    off = panel.points["scenario"].ne("drop(rate=0)")
    trimmed = dataclasses.replace(panel, points=panel.points[off])
    results = ProtocolResults.of(trimmed, "inter-drop", draws=50)
    assert complete_scenario(results) == "complete"
    row = rows(aggregates_table(results))["text-only"]
    whole = ProtocolResults.of(panel, "complete", draws=10).estimates["text-only"].curve("mae", ["complete"])[0]
    assert float(row["retention"]) == pytest.approx(float(row["mean"]) / whole)
    nowhere = trimmed
    for scenario in ("complete", own("inter-subsets"), own("uncertain"), "drop(rate=0)"):
        nowhere = without(nowhere, scenario=scenario)
    assert "No retention" in notes(aggregates_table(ProtocolResults.of(nowhere, "inter-drop", draws=50)))


#: `complete` is the scenario itself; the others have none with nothing missing and all values correct.
WITHOUT_COMPLETE = ("complete", "noise", "inter-imbalanced", "intra-place")


@pytest.mark.parametrize("protocol", [name for name in protocols() if name not in WITHOUT_COMPLETE])
def test_every_protocol_recognises_its_own_complete_scenario(protocol: str) -> None:
    results = ProtocolResults.of(fake_panel(("lnln",), 1, (protocol,), samples=20, videos=4), draws=10)
    own = complete_scenario(results)
    assert own in results.scenarios
    assert leaves_everything(str(own))
    table = aggregates_table(results)
    found = float(rows(table)["lnln"]["retention"])
    assert found == pytest.approx(float(rows(table)["lnln"]["mean"]) / results.estimates["lnln"].curve("mae", [own])[0])


def test_a_correlation_that_is_0_by_definition_is_marked_wherever_it_stands(panel: Panel) -> None:
    says = "some of the predictions are constant, where Corr is 0 by definition"
    drop, grid = (ProtocolResults.of(panel, name, draws=10) for name in ("inter-drop", "uncertain"))
    for table in (
        scenarios_table(drop, "corr"),
        subsets_table(ProtocolResults.of(panel, "inter-subsets", draws=10), "corr"),
        grid_table(grid, "corr"),
        aggregates_table(drop, "corr"),
        cost_table(drop, "corr"),
        pairs_table(drop, "corr"),
    ):
        (mark,) = (note.mark for note in table.footnotes if note.text == says)
        marked = [row.cells for row in table.rows if any(c.note == mark for c in row.cells)]
        assert marked
        assert all(any(c.text == "constant" for c in cells) for cells in marked)
    assert says not in notes(scenarios_table(drop, "mae"))
    equal = dataclasses.replace(panel, label=np.ones_like(panel.label))
    table = leaderboard_table(ProtocolResults.of(equal, "complete", draws=10))
    assert "all labels are equal, where Corr is 0 by definition" in notes(table)
    at = [c.name for c in table.columns].index("corr")
    assert all(row.cells[at].note and row.cells[at].value == 0 for row in table.rows)


def test_constants_of_several_splits_have_no_correlation() -> None:
    panel = fake_panel(("constant", "lnln"), samples=120, videos=12, protocols=("complete",))
    owner = np.repeat(np.array(["fold0", "fold1", "fold2"], dtype=object), 40)
    constant = (panel.cells["model"] == "constant").to_numpy()
    medians = np.array([0.1, -0.2, 0.4]).repeat(40)
    medians[0] = np.nextafter(medians[0], 1)
    said = np.where(constant[:, None], medians, panel.predictions)
    pooled = dataclasses.replace(panel, predictions=said, split_of=owner, split="fold*")
    table = leaderboard_table(ProtocolResults.of(pooled, draws=50))
    found = rows(table)
    assert float(found["constant"]["corr"]) == float(found["constant"]["corr_low"]) == 0
    assert float(found["constant"]["corr_high"]) == 0
    assert "constant within each split, where Corr is 0" in notes(table)
    unknown = rows(leaderboard_table(ProtocolResults.of(dataclasses.replace(pooled, split_of=None), draws=50)))
    assert float(unknown["constant"]["corr"]) != 0
    assert unknown["lnln"] == found["lnln"]
    assert unknown["constant"]["mae"] == found["constant"]["mae"]


def test_a_model_ranked_without_its_failed_seeds_says_so_in_the_rank() -> None:
    models = ("constant", "lnln", "late-fusion-dropout")
    panel = fake_panel(models, seeds=5, samples=120, videos=10, protocols=("complete", "inter-drop"))
    scenarios = tuple(dict.fromkeys(panel.cells["scenario"]))
    gaps = [Gap("lnln", s, "", "failed (loss is nan)", scenarios, "sentibench run s.yaml") for s in (1, 4)]
    gaps.append(Gap("late-fusion-dropout", 2, "", "not run", scenarios, "sentibench run s.yaml"))
    for model, seed in (("lnln", 1), ("lnln", 4), ("late-fusion-dropout", 2)):
        panel = without(panel, model=model, seed=seed)
    panel = dataclasses.replace(panel, missing=tuple(gaps))
    says = "2 of 5 seeds failed; judged and ranked by the other 3"
    results = ProtocolResults.of(panel, "inter-drop", draws=50)
    board = leaderboard_table(results)
    (mark,) = (note.mark for note in board.footnotes if note.text == says)
    at = {c.name: i for i, c in enumerate(board.columns)}
    by_model = {row.cells[at["model"]].text: row.cells for row in board.rows}
    assert by_model["lnln"][at["rank"]].note == mark
    assert by_model["lnln"][at["seeds"]].text == "3 of 5"
    assert by_model["lnln"][at["seeds"]].value == 3
    assert by_model["late-fusion-dropout"][at["rank"]].note == ""  # not run is no failure
    assert by_model["late-fusion-dropout"][at["seeds"]].text == "4"
    for table in (aggregates_table(results), pairs_table(results), scenarios_table(results), cost_table(results)):
        assert says in notes(table)


def test_nearly_constant_predictions_are_flagged() -> None:
    models = ("constant", "text-only", "lnln")
    panel = fake_panel(models, samples=120, videos=10, protocols=("complete", "inter-subsets"))
    rows_of = {m: (panel.cells["model"] == m).to_numpy() for m in models}
    whole = (panel.cells["scenario"].isin(["complete", "subset(available=(text, audio, vision))"])).to_numpy()
    gone = (panel.cells["scenario"] == "subset(available=(audio,))").to_numpy()
    seed = (panel.cells["seed"] == 1).to_numpy()

    def flat(chosen: np.ndarray, share: float) -> str:
        said = panel.predictions.copy()
        spread = panel.label / panel.label.std()
        said[chosen] = 0.3 + share * panel.label.std() * spread
        own = dataclasses.replace(panel, predictions=said)
        return notes(aggregates_table(ProtocolResults.of(own, "inter-subsets", draws=10)))

    says = "nearly constant predictions of seed 1: with nothing missing"
    assert says in flat(rows_of["lnln"] & whole & seed, 0.019)
    assert says not in flat(rows_of["lnln"] & whole & seed, 0.021)
    assert says in flat(rows_of["lnln"] & whole & seed, 0.0)
    assert says not in flat(rows_of["constant"], 0.0)  # it is meant to be
    assert says not in flat(rows_of["text-only"] & gone, 0.0)  # nothing is left of what it reads


def test_one_collapsed_split_of_several_is_flagged() -> None:
    panel = fake_panel(("lnln", "mult"), samples=120, videos=12, protocols=("complete",))
    owner = np.repeat(np.array(["fold0", "fold1", "fold2"], dtype=object), 40)
    said = panel.predictions.copy()
    said[((panel.cells["model"] == "lnln") & (panel.cells["seed"] == 2)).to_numpy(), 40:80] = 0.2
    pooled = dataclasses.replace(panel, predictions=said, split_of=owner)
    text = notes(leaderboard_table(ProtocolResults.of(pooled, draws=10)))
    assert "nearly constant predictions of seed 2:" in text
    assert text.count("nearly constant") == 1
    assert "nearly constant" not in notes(leaderboard_table(ProtocolResults.of(panel, draws=10)))


def test_pairs_against_the_best_are_corrected_for_all_pairs(drop: ProtocolResults) -> None:
    table = pairs_table(drop)
    found = rows(table, "a")
    best = drop.ordered("mae")[0]
    assert set(found) == set(drop.contest) - {best}
    assert {row["b"] for row in found.values()} == {best}
    known, first = corrected(drop.contest, "mae", drop.scenarios), tied_with_best(drop.contest, "mae", drop.scenarios)
    for model, row in found.items():
        assert float(row["p_corrected"]) == pytest.approx(known[model, best])
        assert model not in first or row["apart"] == "no"  # the table never contradicts what is bold
        assert float(row["difference"]) == pytest.approx(float(row["value_a"]) - float(row["value_b"]))
        assert float(row["difference_low"]) <= float(row["difference"]) <= float(row["difference_high"])
        assert row["apart"] == ("yes" if float(row["p_corrected"]) <= 0.05 else "no")
    assert best in table.title


def test_all_pairs_agree_with_the_statistics(drop: ProtocolResults) -> None:
    table = pairs_table(drop, "corr", "all")
    expected = {
        frozenset((a, b)): (abs(compare(drop.contest[a], drop.contest[b], "corr", drop.scenarios)["difference"]), p)
        for (a, b), p in corrected(drop.contest, "corr", drop.scenarios).items()
    }
    found = list(csv.DictReader(io.StringIO(table.csv())))
    assert len(found) == len(expected) == 10
    for row in found:
        difference, p = expected[frozenset((row["a"], row["b"]))]
        assert abs(float(row["difference"])) == pytest.approx(difference)
        assert float(row["p_corrected"]) == pytest.approx(p)
    assert all("+" in r.cells[4].text or "-" in r.cells[4].text for r in table.rows)
    against = pairs_table(drop, "corr", "constant")
    chosen = {row["a"]: row for row in csv.DictReader(io.StringIO(against.csv()))}
    assert {row["b"] for row in chosen.values()} == {"constant"}
    known = corrected(drop.contest, "corr", drop.scenarios, [(model, "constant") for model in chosen])
    for model, row in chosen.items():  # fewer questions, chosen beforehand
        assert float(row["p_corrected"]) == pytest.approx(known[model, "constant"])
    assert "corrected for 4 rows" in against.caption
    with pytest.raises(InputError, match="did you mean text-only"):
        pairs_table(drop, "mae", "text-onyl")


def test_pairs_leave_models_with_holes_out_and_say_so(panel: Panel) -> None:
    holed = without(panel, model="text-only", seed=0, scenario="drop(rate=0.4)")
    table = pairs_table(ProtocolResults.of(holed, "inter-drop", draws=50), "mae", "all")
    assert "text-only" not in table.csv()
    assert "Left out, as cells are missing: text-only." in notes(table)
    alone = fake_panel(("lnln",), samples=60, videos=4, protocols=("complete",))
    with pytest.raises(InputError, match="expected at least 2"):
        pairs_table(ProtocolResults.of(alone, draws=20))


def test_few_seeds_never_differ_significantly(panel: Panel) -> None:
    two = fake_panel(("constant", "late-fusion-dropout", "mult"), seeds=2, samples=120, videos=8)
    table = pairs_table(ProtocolResults.of(two, "complete", draws=100))
    assert {row["apart"] for row in rows(table, "a").values()} == {""}
    assert "no claim of order" in notes(table)


def test_the_ablation_compares_every_variant_with_the_base(drop: ProtocolResults) -> None:
    table = ablation_table(drop, VARIANTS, "mae")
    found = rows(table)
    assert list(found) == ["senti-ifusion", "senti-ifusion-single-stage"]
    assert found["senti-ifusion"]["difference"] == ""
    row = found["senti-ifusion-single-stage"]
    assert row["what"] == "trained in a single stage"
    assert float(row["difference"]) == pytest.approx(float(row["mae"]) - float(found["senti-ifusion"]["mae"]))
    assert float(row["difference_low"]) < float(row["difference"]) < float(row["difference_high"])
    assert row["p_corrected"] == row["p"]  # one question, nothing to correct
    assert "Not in the study: senti-ifusion-text-dominant." in notes(table)
    assert any(note.remedy.startswith("added by `sentibench run STUDY --models") for note in table.footnotes)
    assert [r.rule for r in table.rows] == [False, True]
    told = dataclasses.replace(drop.panel, mask_informed=frozenset({"senti-ifusion-single-stage"}))
    text = ablation_table(ProtocolResults.of(told, "inter-drop", draws=20), VARIANTS).latex()
    assert "trained in a single stage (mask-informed)\\textsuperscript{a}" in text
    assert "is told at test time" in text


def test_an_ablation_needs_its_base(panel: Panel, drop: ProtocolResults) -> None:
    assert has_ablation(drop, VARIANTS)
    alone = ProtocolResults.of(without(panel, model="senti-ifusion"), "inter-drop", draws=20)
    assert not has_ablation(alone, VARIANTS)
    with pytest.raises(InputError, match="--models"):
        ablation_table(alone, VARIANTS)
    holed = without(panel, model="senti-ifusion", seed=0, scenario="drop(rate=0.4)")
    with pytest.raises(InputError, match="run the study to the end"):
        ablation_table(ProtocolResults.of(holed, "inter-drop", draws=20), VARIANTS)
    holed = without(panel, model="senti-ifusion-single-stage", seed=0, scenario="drop(rate=0.4)")
    gap = Gap("senti-ifusion-text-dominant", 0, "", "not run", ("drop(rate=0.4)",), "sentibench run s.yaml")
    holed = dataclasses.replace(holed, missing=(gap,))
    table = ablation_table(ProtocolResults.of(holed, "inter-drop", draws=20), VARIANTS)
    assert rows(table)["senti-ifusion-single-stage"]["difference"] == ""
    assert "Missing: senti-ifusion-text-dominant: seed 0 not run." in notes(table)
    assert "Not in the study" not in notes(table)


def test_costs_stand_beside_the_metric_and_what_was_not_recorded_has_no_column(panel: Panel) -> None:
    known = ["model", "seed", "parameters", "train_seconds", "inference_ms", "peak_memory_mb", "epochs", "runs"]
    panel = dataclasses.replace(panel, runs=panel.runs[known])
    table = cost_table(ProtocolResults.of(panel, "complete", draws=50), "f1_non0")
    found = rows(table)
    assert float(found["late-fusion-dropout"]["parameters"]) == 360_000
    assert "flops" not in found["constant"]
    assert "inference_ms_p95" not in found["constant"]
    assert "a mean, not a median" in notes(table)
    runs = panel.runs.assign(flops=2.5e6, inference_ms_p95=np.where(panel.runs["model"] == "text-only", np.nan, 3.0))
    table = cost_table(ProtocolResults.of(dataclasses.replace(panel, runs=runs), "complete", draws=50))
    found = rows(table)
    assert float(found["constant"]["flops"]) == 2.5e6
    assert float(found["senti-ifusion"]["inference_ms_p95"]) == 3.0
    assert found["text-only"]["inference_ms_p95"] == ""
    assert "2.5 M" in table.markdown()
    lacking = dataclasses.replace(panel, runs=panel.runs.drop(columns="train_seconds"))
    with pytest.raises(InputError, match="no column 'train_seconds'"):
        cost_table(ProtocolResults.of(lacking, "complete", draws=20))


def test_level_and_draws_are_checked_and_said(panel: Panel) -> None:
    with pytest.raises(InputError, match="level is 95"):
        ProtocolResults.of(panel, "complete", level=95)
    table = pairs_table(ProtocolResults.of(panel, "complete", draws=60, level=0.9))
    assert "[90 %]" in "".join(c.title for c in table.columns)
    assert "60 draws" in table.caption


def test_one_video_has_no_order_and_few_are_said() -> None:
    models = ("constant", "text-only", "late-fusion-dropout", "mult")
    for videos, says in ((1, "One video"), (5, "Few videos (5, fewer than 10)"), (10, "")):
        results = ProtocolResults.of(fake_panel(models, samples=120, videos=videos, protocols=("complete",)), draws=50)
        tables = [leaderboard_table(results), scenarios_table(results), pairs_table(results), aggregates_table(results)]
        for table in tables:
            assert says in notes(table)
            assert ("videos" in notes(table)) == (videos == 5)
            assert videos > 1 or not any(cell.bold for row in table.rows for cell in row.cells)
        ranks = [row["rank"] for row in rows(tables[0]).values() if row["rank"]]
        assert bool(ranks) == (videos > 1)
        assert videos > 1 or {row["p_corrected"] + row["apart"] for row in rows(tables[2], "a").values()} == {""}


def test_pooled_folds_are_said(panel: Panel) -> None:
    says = "Folds are pooled"
    for split, pooled in (("official", False), ("fold1", False), ("fold*", True)):
        results = ProtocolResults.of(dataclasses.replace(panel, split=split), "complete", draws=20)
        assert (says in notes(leaderboard_table(results))) == pooled
        assert (says in notes(pairs_table(results))) == pooled


def test_a_perfect_value_is_not_certain(panel: Panel) -> None:
    perfect = (panel.cells["model"] == "text-only").to_numpy()
    right = dataclasses.replace(panel, predictions=np.where(perfect[:, None], panel.label, panel.predictions))
    table = leaderboard_table(ProtocolResults.of(right, "complete", draws=20))
    row = rows(table)["text-only"]
    assert float(row["mae"]) == 0
    assert row["mae_low"] == ""
    assert 0.5 < float(row["acc7_low"]) < float(row["acc7_high"]) == 1
    assert (
        "At 0 or 100 % they are those of one independent sample per video. A perfect value has no interval."
        in table.caption
    )
    assert "A perfect value" not in leaderboard_table(ProtocolResults.of(panel, "complete", draws=20)).caption
