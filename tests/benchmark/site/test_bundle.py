"""Data of the page: the numbers of the statistics, kinds, remarks, runs; and refusals."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest

from benchmark.evaluation.metrics import metric_names
from benchmark.evaluation.panel import Gap
from benchmark.evaluation.protocol_results import ProtocolResults, protocol_points
from benchmark.evaluation.statistics import confidence_intervals, ranks, tied_with_best
from benchmark.figures.style import styles
from benchmark.papers.beside_measured import with_published
from benchmark.papers.reported.checks import TEST_LABELS
from benchmark.site import make_bundle, render
from benchmark.site.rounding import number
from benchmark.tables.leaderboard import leaderboard_table
from benchmark.tables.pairs import pairs_table
from protocols import InputError
from tests.benchmark.fake_panel import fake_panel, without
from tests.benchmark.site.made_pages import MODELS, oracles, record, small_bundle, small_panel
from tests.benchmark.tables.test_told import told_panel


def protocol_of(bundle: dict, name: str, selection: str = "valid") -> dict:  # type: ignore[type-arg]
    table = next(t for t in bundle["tables"] if t["selection"] == selection)
    return next(p for p in table["protocols"] if p["name"] == name)


@pytest.mark.parametrize("metric", ["mae", "f1_non0"])
def test_values_intervals_ranks_and_ties_are_those_of_the_statistics(metric: str) -> None:
    panel, shown = small_panel(), protocol_of(small_bundle(), "inter-drop")  # of the same panel with 60 draws
    scenarios = [str(s) for s in protocol_points(panel, "inter-drop")["scenario"]]
    found = panel.estimates(scenarios, [metric], draws=60)
    contest = {m: e for m, e in found.items() if m != "oracle"}
    rank = ranks(contest, metric, scenarios).set_index("model")["rank"]
    best = tied_with_best(contest, metric, scenarios)
    groups = {s: (s,) for s in scenarios} | {"mean": tuple(scenarios)}
    truth = confidence_intervals(found, groups).set_index(["model", "group", "metric"])
    names = [MODELS[i] for i in shown["models"]]
    assert set(names) == set(MODELS)
    for at, model in enumerate(names):
        for statistic in ("value", "low", "high", "sd"):
            mean = shown["means"][metric][statistic][at]
            cells = shown["cells"][metric][statistic][at]
            for given, group in zip([mean, *cells], ["mean", *scenarios], strict=True):
                wanted = truth.at[(model, group, metric), statistic]
                assert (given is None and math.isnan(wanted)) or given == pytest.approx(wanted, rel=1e-5)
        assert shown["means"][metric]["best"][at] == (model in best)
        assert shown["means"][metric]["rank"][at] == (None if model == "oracle" else rank[model])
        by_seed = shown["means"][metric]["by_seed"][at]
        assert np.mean(by_seed) == pytest.approx(shown["means"][metric]["value"][at], rel=1e-5)


def test_pairs_are_those_of_the_table() -> None:
    results = ProtocolResults.of(small_panel(), "inter-drop", draws=60)
    shown = protocol_of(small_bundle(), "inter-drop")
    names = [MODELS[i] for i in shown["models"]]
    for metric in ("mae", "acc7"):
        places = itertools.combinations(range(len(names)), 2)
        found = dict(zip(places, shown["means"][metric]["pairs"], strict=True))
        table = pairs_table(results, metric, "all").records()
        assert len(table) == 10
        assert sum(bool(values) for values in found.values()) == 10  # of 15: five with the oracle
        for row in table:
            i, j = names.index(str(row["a"])), names.index(str(row["b"]))
            difference, reach, p, verdict = found[min(i, j), max(i, j)]
            assert difference * (1 if i < j else -1) == pytest.approx(row["difference"], rel=6e-4)
            assert 2 * reach == pytest.approx(row["difference_high"] - row["difference_low"], rel=6e-4)  # type: ignore[operator]
            assert p == pytest.approx(row["p_corrected"], rel=6e-4)
            assert verdict == {"yes": 1, "no": 0}[str(row["apart"])]
    assert "pairs" not in protocol_of(small_bundle(), "inter-drop", "test-oracle")["means"]["mae"]


def test_digits_are_those_of_the_leaderboard() -> None:
    shown = protocol_of(small_bundle(), "inter-drop")
    table = leaderboard_table(ProtocolResults.of(small_panel(), "inter-drop", draws=60))
    for metric, digits in shown["digits"].items():
        at = [column.name for column in table.columns].index(metric)
        assert {len(row.cells[at].text.partition(".")[2]) for row in table.rows} == {digits}


def test_classes_are_counted_over_all_seeds() -> None:
    shown = small_bundle()["tables"][0]["confusion"]
    assert shown["metric"] == "acc7"
    assert shown["classes"] == ["-3", "-2", "-1", "0", "+1", "+2", "+3"]
    counts = np.array(shown["scenarios"]["drop(rate=0.3)"][str(MODELS.index("lnln"))]).reshape(7, 7)
    panel = small_panel()
    assert counts.sum() == 3 * len(panel.label)
    np.testing.assert_array_equal(counts.sum(axis=1), [3 * (np.round(panel.label) == c).sum() for c in range(-3, 4)])
    assert small_bundle()["tables"][1]["confusion"] == {}
    assert (
        make_bundle("demo", [fake_panel(samples=30, videos=5, label_range=(0.0, 1.0))], draws=5)["tables"][0][
            "confusion"
        ]
        == {}
    )


def test_published_numbers_stand_beside_the_labels_they_belong_to() -> None:
    panel = fake_panel(("constant", "lnln"), 3, ("complete", "intra-random"), samples=686, dataset="mine")
    label = np.repeat([-1.0, 0.0, 1.0], TEST_LABELS["mosi"])
    made = make_bundle("demo", [dataclasses.replace(panel, label=label)], draws=5)
    (table,) = made["tables"]
    shown = next(own for name, own in table["published"].items() if name.startswith("intra-random"))
    rows = {row["name"]: row for row in shown["rows"]}
    assert "LNLN (reported)" in rows
    marks = dict(note for note in shown["notes"] if note[0])
    assert "reported by" in marks[rows["LNLN (reported)"]["note"].split(",")[0]]
    below = with_published(
        leaderboard_table(ProtocolResults.of(dataclasses.replace(panel, label=label), "intra-random", draws=5)),
        dataset="mine/official", published="mosi", protocol="intra-random",
    )  # fmt: skip
    assert [row.cells[1].text for row in below.rows[2:]] == [row["name"] for row in shown["rows"]]
    assert make_bundle("demo", [panel], draws=5)["tables"][0]["published"] == {}


def test_failed_seeds_and_undefined_correlations_are_said() -> None:
    panel = fake_panel(("constant", "lnln", "mult"), seeds=5, samples=60, videos=6, protocols=("complete",))
    gap = Gap("lnln", 2, "", "failed (loss is nan)", ("complete",), "sentibench run s.yaml")
    panel = dataclasses.replace(without(panel, model="lnln", seed=2), missing=(gap,))
    shown = protocol_of(make_bundle("demo", [panel], draws=20), "complete")
    assert shown["failed"] == [0, 1, 0]
    assert "1 of 5 seeds failed; judged and ranked by the other 4" in shown["remarks"][1]
    assert any("constant, where Corr is 0" in text for text in shown["remarks"][0])
    assert not shown["remarks"][2]
    table = ranks(panel.estimates(["complete"], ["mae"], draws=20), "mae", ["complete"]).set_index("model")
    known = table.loc[["constant", "lnln", "mult"], "p_next"]
    assert shown["means"]["mae"]["p_next"] == [None if math.isnan(v) else pytest.approx(v) for v in known]


def test_a_hole_leaves_no_mean_and_says_which_cell() -> None:
    panel = without(small_panel(("inter-drop",)), model="lnln", seed=1, scenario="drop(rate=0.3)")
    shown = protocol_of(make_bundle("demo", [panel], draws=20), "inter-drop")
    at = shown["models"].index(MODELS.index("lnln"))
    assert shown["means"]["mae"]["value"][at] is None
    assert shown["means"]["mae"]["rank"][at] is None
    point = [p["scenario"] for p in shown["points"]].index("drop(rate=0.3)")
    values = shown["cells"]["mae"]["value"][at]
    assert [v is None for v in values] == [i == point for i in range(10)]
    assert any("1 of 30 cells are missing, such as drop(rate=0.3) for seed 1" in r for r in shown["remarks"][at])


def test_a_protocol_that_nothing_was_evaluated_under_is_shown_empty() -> None:
    panel = small_panel(("complete", "inter-subsets"))
    subsets = panel.cells["scenario"].str.startswith("subset").to_numpy()
    panel = dataclasses.replace(
        panel, cells=panel.cells[~subsets].reset_index(drop=True), predictions=panel.predictions[~subsets]
    )
    shown = protocol_of(make_bundle("demo", [panel], draws=20), "inter-subsets")
    assert shown["models"] == []
    assert len(shown["points"]) == 7


def test_kinds_marks_and_styles() -> None:
    panel = small_panel(("complete",), external=frozenset({"constant"}), mask_informed=frozenset({"lnln"}))
    models = {m["name"]: m for m in make_bundle("demo", [panel], draws=20)["models"]}
    assert {m: models[m]["kind"] for m in MODELS} == {
        "constant": "external", "text-only": "reference", "late-fusion-dropout": "reference", "lnln": "baseline",
        "senti-ifusion": "baseline", "oracle": "reference",
    }  # fmt: skip
    assert {m["name"]: m["kind"] for m in small_bundle()["models"]}["senti-ifusion"] == "senti-ifusion"
    assert [m for m in models if models[m]["mask_informed"]] == ["lnln"]
    assert [m for m in models if models[m]["bound"]] == ["oracle"]
    assert {m: models[m]["style"]["light"] for m in MODELS} == {m: s.colour for m, s in styles(MODELS).items()}


def test_runs_of_the_study_are_there_and_shared_parts_once() -> None:
    bundle = small_bundle()
    assert set(bundle["runs"]) == {"lnln-0", "lnln-1", "lnln-2"}
    assert len(bundle["configs"]) == len(bundle["provenance"]) == len(bundle["masks"]) == 1
    run = bundle["runs"]["lnln-1"]
    assert bundle["data"][run["data"]]["data_sha256"] == "ab" * 32
    assert bundle["masks"][run["masks"]][0] == ["complete", "0123", "cd" * 32]
    table = bundle["tables"][0]
    assert table["runs"][str(MODELS.index("lnln"))] == ["lnln-0", "lnln-1", "lnln-2"]


def test_selections_stand_apart() -> None:
    bundle = small_bundle()
    assert list(bundle["selections"]) == ["valid", "test-oracle"]
    assert not bundle["selections"]["test-oracle"]["honest"]
    oracle = protocol_of(bundle, "inter-drop", "test-oracle")
    assert list(oracle["means"]) == ["mae", "acc7"]
    at = oracle["models"].index(MODELS.index("lnln"))
    honest = protocol_of(bundle, "inter-drop")
    other = honest["models"].index(MODELS.index("lnln"))
    assert oracle["means"]["mae"]["value"][at] == pytest.approx(0.9 * honest["means"]["mae"]["value"][other], rel=1e-4)
    assert list(make_bundle("demo", [small_panel(("complete",))], draws=20)["selections"]) == ["valid"]


def test_mismatches_are_refused_in_one_line() -> None:
    panel = small_panel(("complete", "inter-drop"))
    chosen = oracles(panel)
    wrong = dataclasses.replace(panel, selection="test-oracle")
    honest = {"synthetic/official": {"inter-drop": {"mae": panel}}}
    for match, panels, compared in [
        ("no results to show; run it first", [], None),
        ("has two panels", [panel, panel], None),
        ("selection is 'test-oracle', expected 'valid'", [wrong], None),
        ("selection is 'valid', expected 'test-oracle'", [panel], honest),
        ("unknown data set", [panel], {"elsewhere/official": chosen["synthetic/official"]}),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=match) as raised:
            make_bundle("demo", panels, oracles=compared, draws=20)
        assert "\n" not in str(raised.value)


def test_numbers_keep_six_digits() -> None:
    assert number(1 / 3) == 0.333333
    assert number(np.float64(2.0)) == 2
    assert [number(v) for v in (math.nan, math.inf, None)] == [None] * 3


def test_a_large_study_stays_under_3_megabytes() -> None:
    """20 models x 60 scenarios x 5 seeds with all their records; statistics of a smaller one are repeated."""
    protocols = ("inter-drop", "intra-random", "intra-block", "intra-burst", "intra-aligned", "intra-informative")
    names = [f"a-model-of-a-long-name-{i:02d}" for i in range(20)]
    small = fake_panel(("lnln",), 3, protocols, samples=40, videos=5)
    bundle = make_bundle("large", [small], draws=10)
    (table,) = bundle["tables"]
    bundle["models"] = [{**bundle["models"][0], "name": name} for name in names]
    for protocol in table["protocols"]:
        protocol["models"] = list(range(20))
        for key in ("seeds", "flags", "remarks", "impossible"):
            protocol[key] *= 20
        for group in (protocol["cells"], protocol["means"]):
            for own in group.values():
                for statistic in own:
                    own[statistic] = own[statistic] * 20
        for own in protocol["means"].values():
            own["pairs"] = [[-0.4573, 0.1698, 0.01639, 1]] * 190
    counts = table["confusion"]["scenarios"]
    table["confusion"]["scenarios"] = {s: {str(i): [1234] * 49 for i in range(20)} for s in counts}
    scenarios = [p["scenario"] for protocol in table["protocols"] for p in protocol["points"]]
    assert len(scenarios) == 60
    assert len(table["metrics"]) == len(metric_names())
    bundle["masks"] = [[s, f"{i:016d}", f"{i:064d}"] for i, s in enumerate(scenarios)]
    one = small_bundle()["runs"]["lnln-0"]
    bundle["runs"] = {f"{i:016d}": one for i in range(100)}
    bundle["configs"] = [{f"field {k}": i / 7 for k in range(40)} for i in range(20)]
    page = render(bundle)
    assert 300_000 < len(page.encode()) < 3_000_000


def test_records_of_other_studies_are_left_out() -> None:
    bundle = make_bundle(
        "demo", [small_panel(("complete",))], records=lambda ids: [record("unheard-of", "lnln", 0)], draws=20
    )
    assert bundle["runs"] == {}
    json.dumps(bundle, allow_nan=False)


def test_a_model_that_is_told_is_a_bound_where_gaps_do_not_show() -> None:
    panel = told_panel("intra-random", "intra-unmarked")
    bundle = make_bundle("told", [panel], draws=60)
    names = [model["name"] for model in bundle["models"]]
    told = names.index("senti-ifusion, told")
    assert [model["name"] for model in bundle["models"] if model["bound"]] == [names[told]]
    assert told not in protocol_of(bundle, "intra-random")["models"]
    shown = protocol_of(bundle, "intra-unmarked")
    row, own = (shown["models"].index(names.index(name)) for name in ("senti-ifusion, told", "senti-ifusion"))
    assert shown["means"]["mae"]["rank"][row] is None
    assert not shown["means"]["mae"]["best"][row]
    assert shown["means"]["mae"]["value"][row] < shown["means"]["mae"]["value"][own]
    assert any("a bound, not ranked" in remark for remark in shown["remarks"][row])
    alone = make_bundle("plain", [dataclasses.replace(panel, told=None)], draws=60)
    ranked = protocol_of(alone, "intra-unmarked")["means"]["mae"]["rank"]
    assert [rank for rank in shown["means"]["mae"]["rank"] if rank is not None] == ranked
