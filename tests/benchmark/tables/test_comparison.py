"""Comparing two models: the same numbers as the leaderboard's, verdicts that their p-values carry."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmark.cli.main import main
from benchmark.evaluation.panel import Gap, Panel
from benchmark.publishing.measured import read_measured
from benchmark.tables.comparison import Comparison, compare_models, pair
from protocols import InputError
from tests.benchmark.fake_panel import fake_panel, leaderboard, without

DEMO = Path(__file__).parents[3] / "results" / "measured" / "demo"
DRAWS = 300


@pytest.fixture(scope="module")
def panel() -> Panel:
    return fake_panel(("constant", "lnln", "senti-ifusion", "mult"), samples=240, videos=12)


def between(panel: Panel, a: str, b: str, *protocols: str, **options: object) -> Comparison:
    return compare_models(pair(panel, a, panel, b), protocols, draws=DRAWS, **options)  # type: ignore[arg-type]


def test_differences_are_those_of_the_leaderboard(panel: Panel) -> None:
    for protocol in ("complete", "inter-drop"):
        table = leaderboard(panel, protocol, draws=DRAWS)
        rows = {str(row["model"]): row for row in table.records()}
        found = between(panel, "mult", "lnln", protocol).rows.set_index("metric")
        for metric in ("mae", "corr", "acc7", "f1_non0"):
            assert found.loc[metric, "value_a"] == pytest.approx(rows["mult"][metric], abs=1e-12)
            assert found.loc[metric, "difference"] == pytest.approx(
                float(rows["mult"][metric]) - float(rows["lnln"][metric]), abs=1e-12
            )


def test_the_order_of_the_two_models_does_not_matter(panel: Panel) -> None:
    ab, ba = between(panel, "lnln", "mult", "inter-drop"), between(panel, "mult", "lnln", "inter-drop")
    for column, sign in (("difference", -1), ("p", 1), ("p_corrected", 1)):
        assert np.allclose(ab.rows[column], sign * ba.rows[column], rtol=1e-12)
    assert np.allclose(ab.rows["low"], -ba.rows["high"])
    assert ab.rows["winner"].tolist() == ba.rows["winner"].tolist()


def test_a_clear_difference_is_told_in_words_with_its_size(panel: Panel) -> None:
    row = between(panel, "constant", "mult", "complete", metrics=["mae"]).rows.iloc[0]
    assert row["winner"] == "mult"
    assert row["difference"] > 0
    assert row["verdict"] == f"mult is better than constant by {row['low']:.3f} to {row['high']:.3f} MAE"
    row = between(panel, "constant", "mult", "complete", metrics=["acc7"]).rows.iloc[0]
    assert row["verdict"] == (
        f"mult is better than constant by {-100 * row['high']:.2f} to {-100 * row['low']:.2f} points of Acc-7"
    )


def test_two_trainings_of_one_model_do_not_differ_significantly(panel: Panel) -> None:
    rows = (panel.cells["model"] == "lnln").to_numpy()
    rng = np.random.default_rng(5)
    again = dataclasses.replace(
        panel,
        cells=panel.cells.assign(model=panel.cells["model"].where(~rows, "twin")),
        predictions=panel.predictions + 0.01 * rng.normal(size=panel.predictions.shape),
    )
    found = compare_models(pair(panel, "lnln", again, "twin"), ["inter-drop"], draws=DRAWS)
    assert not found.rows["winner"].any()
    assert all("do not differ significantly" in text for text in found.rows["verdict"])


def test_claims_and_intervals_are_corrected_alike_over_the_rows_shown(panel: Panel) -> None:
    asked = {"metrics": ["mae", "corr", "acc7"]}
    found = between(panel, "senti-ifusion", "mult", **asked)
    assert len(found.rows) == 3 * 3
    assert np.allclose(found.rows["p_corrected"], np.minimum(1, 9 * found.rows["p"]))
    alone = between(panel, "senti-ifusion", "mult", "complete", metrics=["mae"])
    assert alone.rows["p_corrected"].iloc[0] == alone.rows["p"].iloc[0]
    row = found.rows.iloc[0]
    one = alone.rows.iloc[0]
    assert row["difference"] == one["difference"]
    assert row["low"] < one["low"] < one["high"] < row["high"]  # the same question beside eight others
    at_once = between(panel, "senti-ifusion", "mult", "complete", metrics=["mae"], level=1 - 0.05 / 9).rows.iloc[0]
    assert (row["low"], row["high"]) == pytest.approx((at_once["low"], at_once["high"]))
    assert "corrected for the 9 rows" in found.table().caption
    assert "nothing to correct" in alone.table().caption


@pytest.mark.parametrize("factor", [0.5, 1.01, 8.9, 9.1])
def test_a_verdict_and_the_interval_beside_it_never_disagree(panel: Panel, factor: float) -> None:
    asked = {"metrics": ["mae", "corr", "acc7"]}
    alpha = factor * float(between(panel, "senti-ifusion", "mult", **asked).rows["p"].median())
    rows = between(panel, "senti-ifusion", "mult", **asked, level=1 - alpha).rows
    outside = (rows["low"] > 0) | (rows["high"] < 0)
    assert ((rows["winner"] != "") == outside).all()
    assert ((rows["p_corrected"] <= alpha) == outside).all()
    for row in rows.to_dict("records"):
        if row["winner"]:
            assert row["verdict"].endswith("(corrected for 9 questions)")
        assert ("once corrected for 9 questions" in row["verdict"]) == (row["p"] <= alpha < row["p_corrected"])


def test_failed_seeds_are_said_with_the_verdict(panel: Panel) -> None:
    gap = Gap("mult", 3, "", "failed (loss is nan)", ("complete",), "sentibench run s.yaml")
    found = between(dataclasses.replace(panel, missing=(gap,)), "lnln", "mult", "complete")
    assert found.cautions == ("mult: 1 of 4 seeds failed; judged and ranked by the other 3",)
    assert found.cautions[0] in found.table().markdown()


def test_scenarios_one_by_one_average_to_the_protocol(panel: Panel) -> None:
    whole = between(panel, "lnln", "mult", "inter-drop", metrics=["mae"]).rows.iloc[0]
    found = between(panel, "lnln", "mult", "inter-drop", by_scenario=True)
    assert found.rows["scenario"].tolist() == [f"drop(rate={0.1 * i:.1g})" for i in range(10)]
    assert found.rows["difference"].mean() == pytest.approx(whole["difference"], abs=1e-12)
    assert [row.cells[0].text for row in found.table().rows][:2] == ["0.0", "0.1"]
    assert len(between(panel, "lnln", "mult", by_scenario=True).rows) == 1 + 10 + 10


def test_fewer_than_three_seeds_say_nothing_about_another_training(panel: Panel) -> None:
    says = "fewer than three seeds: nothing is said about another training"
    assert between(panel, "constant", "mult").cautions == ()
    two = without(panel, model="mult", seed=2)
    found = between(two, "constant", "mult", "complete", metrics=["mae"])
    assert found.cautions == (says,)
    assert found.seeds == (3, 2)
    assert found.rows["verdict"].iloc[0].endswith("on these trainings")
    assert says in found.table().markdown()
    one = fake_panel(("lnln", "mult"), seeds=1, videos=1, samples=60)
    row = between(one, "lnln", "mult", "complete", metrics=["mae"]).rows.iloc[0]
    assert row["winner"] == ""
    assert "cannot be tested" in row["verdict"]


def test_a_run_is_found_by_the_start_of_its_id(panel: Panel) -> None:
    ids = {
        (m, s): f"{i:04x}{'ab' * 6}" for i, (m, s) in enumerate(panel.runs[["model", "seed"]].itertuples(index=False))
    }
    named = dataclasses.replace(
        panel,
        runs=panel.runs.assign(runs=[ids[m, s] for m, s in panel.runs[["model", "seed"]].itertuples(index=False)]),
    )
    found = between(named, ids["lnln", 1][:6], "mult", "complete", metrics=["mae"])
    assert found.a == "lnln (seed 1)"
    assert found.seeds == (1, 3)
    rows = (panel.cells["model"] == "lnln") & (panel.cells["seed"] == 1) & (panel.cells["scenario"] == "complete")
    mae = float(np.abs(panel.predictions[rows.to_numpy()][0] - panel.label).mean())
    assert found.rows["value_a"].iloc[0] == pytest.approx(mae, abs=1e-12)
    everyone = dataclasses.replace(named, runs=named.runs.assign(runs="beef" + named.runs["runs"]))
    for given, says in (
        ("beef", "may be .* give more digits"),
        ("beef9", "unknown model"),
        ("lnlm", "did you mean lnln"),
    ):
        with pytest.raises(InputError, match=says):
            pair(everyone, given, everyone, "mult")
    with pytest.raises(InputError, match="share runs"):
        pair(named, "lnln", named, ids["lnln", 1])


def test_models_of_two_studies_are_compared_on_what_both_have(panel: Panel) -> None:
    other = fake_panel(("lnln", "mult"), samples=240, videos=12, protocols=("complete", "inter-subsets"))
    with pytest.raises(InputError, match="STUDY:MODEL"):
        pair(panel, "lnln", other, "lnln")
    both = pair(panel, "lnln", other, "lnln", ("first:lnln", "second:lnln"))
    found = compare_models(both, draws=DRAWS)
    assert (found.a, found.b) == ("first:lnln", "second:lnln")
    assert set(found.rows["protocol"]) == {"complete"}
    for change, says in (
        ({"label": panel.label + 0.2}, "different labels"),
        ({"video_ids": panel.video_ids[::-1]}, "different videos"),
        ({"sample_ids": panel.sample_ids[::-1]}, "different test samples"),
        ({"dataset": "mosi"}, "different data set and split: mosi/official"),
    ):
        with pytest.raises(InputError, match=says):
            pair(dataclasses.replace(panel, **change), "lnln", other, "mult")  # type: ignore[arg-type]
    apart = fake_panel(("mult",), samples=240, videos=12, protocols=("inter-subsets",))
    nothing = pair(panel, "lnln", apart, "mult")
    with pytest.raises(InputError, match="no protocol in common"):
        compare_models(nothing, draws=DRAWS)


def test_scenarios_missing_from_one_model_are_left_out_and_listed(panel: Panel) -> None:
    gap = Gap("mult", 1, "", "not evaluated", ("drop(rate=0.3)",), "sentibench run again.yaml")
    holed = dataclasses.replace(without(panel, model="mult", seed=1, scenario="drop(rate=0.3)"), missing=(gap,))
    found = between(holed, "lnln", "mult", metrics=["mae"])
    assert found.rows["protocol"].tolist() == ["complete", "intra-random"]
    (line,) = found.left_out
    assert line.startswith("inter-drop: mult: 1 cell missing, such as seed 1 under drop(rate=0.3)")
    assert "sentibench run again.yaml" in line
    assert len(between(holed, "lnln", "mult", "inter-drop", by_scenario=True).rows) == 9
    with pytest.raises(InputError, match="cannot be compared; inter-drop: mult: 1 cell missing"):
        between(holed, "lnln", "mult", "inter-drop")
    gone = without(panel, model="mult", scenario="complete")
    with pytest.raises(InputError, match="mult was not evaluated under it"):
        between(gone, "lnln", "mult", "complete")


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["compare", *arguments])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err  # type: ignore[return-value]


def test_the_command_compares_models_runs_and_studies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--study", str(DEMO), "--draws", "100"]
    code, out, err = call(capsys, "almt", "constant", *where, "--protocol", "complete", "--metric", "mae")
    assert code == 0, err
    assert "complete: almt is better than constant by" in out
    code, _, err = call(
        capsys, "almt", "constant", *where, "--protocol", "complete", "--dataset", "synthetic:max_length=16,size=demo"
    )
    assert code == 0, err  # the options of the generator in any order
    code, out, _ = call(capsys, "almt", "text-only", *where, "--by-scenario")
    assert code == 0
    assert "questions" in out
    code, out, _ = call(capsys, "almt", "constant", *where, "--metric", "all", "--protocol", "intra-random", "--json")
    found = json.loads(out)
    assert [row["metric"] for row in found["rows"]][:2] == ["mae", "corr"]
    assert found["rows"][0]["verdict"]
    runs = read_measured(DEMO).panels[0].runs.set_index(["model", "seed"])["runs"]
    code, out, _ = call(capsys, runs["almt", 0][:8], runs["text-only", 2][:8], *where, "--protocol", "complete")
    assert code == 0
    assert "nothing is said about another training" in out
    copy = shutil.copytree(DEMO, tmp_path / "copy")
    code, out, _ = call(capsys, f"{DEMO}:almt", f"{copy}:almt", "--protocol", "complete", "--draws", "100", "--json")
    assert code == 0
    assert all(row["difference"] == 0 and not row["winner"] for row in json.loads(out)["rows"])
    for arguments, says in (
        (["almt", "almz", *where], "did you mean almt"),
        (["almt", "almt", *where], "share runs"),
        (["almt", "mult", "--study", "nothing"], "unknown study"),
        (["almt", "constant", *where, "--metric", "f1"], "unknown metric"),
        (["almt", "constant", *where, "--protocol", "inter-dorp"], "did you mean inter-drop"),
        (["almt", "constant", *where, "--dataset", "mosi"], "unknown data set"),
        (["almt", "constant", *where, "--level", "95"], "level"),
    ):
        code, _, err = call(capsys, *arguments)
        assert code == 2, arguments
        assert says in err
        assert len(err.strip().splitlines()) == 1
