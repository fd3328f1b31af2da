"""The results of a study as one object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import benchmark.evaluation.panel
import benchmark.study.plan
from benchmark.cli.main import main
from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.statistics import resample
from benchmark.results.study_results import COLUMNS, PREDICTION_COLUMNS, StudyResults
from benchmark.runs.store import RunStore
from protocols import InputError
from tests.benchmark.fake_panel import fake_panel

MODELS = ("constant", "lnln", "mult")


@pytest.fixture(scope="module")
def panel() -> Panel:
    return fake_panel(MODELS, samples=60, videos=6)


@pytest.fixture(scope="module")
def results(panel: Panel) -> StudyResults:
    return StudyResults("mine", (panel,))


def test_every_value_of_the_frame_is_the_metric_of_its_predictions(results: StudyResults, panel: Panel) -> None:
    frame = results.to_frame(draws=20)
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == len(panel.points) * len(MODELS) * 3 * len(frame["metric"].unique())
    assert not frame.duplicated(["model", "seed", "protocol", "scenario", "metric"]).any()
    drawn = frame[(frame["model"] == "lnln") & (frame["seed"] == 1) & (frame["metric"] == "mae")]
    for row in drawn.to_dict("records"):
        cells = panel.cells
        at = (cells["model"] == "lnln") & (cells["seed"] == 1) & (cells["scenario"] == row["scenario"])
        predictions = panel.predictions[np.flatnonzero(at)[0]]
        assert row["value"] == pytest.approx(np.abs(predictions - panel.label).mean(), abs=1e-12)
        assert row["low"] < row["value"] < row["high"]
        assert row["n"] == 60


def test_predictions_are_one_row_a_cell_and_sample(results: StudyResults, panel: Panel) -> None:
    table = results.predictions()
    assert tuple(table.columns) == PREDICTION_COLUMNS
    assert len(table) == panel.predictions.size
    row = table.iloc[60 * 4 + 7]  # sample 7 of cell 4
    assert row["prediction"] == panel.predictions[4, 7]
    assert (row["model"], row["seed"], row["scenario"]) == tuple(panel.cells.iloc[4][["model", "seed", "scenario"]])
    assert (row["sample_id"], row["video_id"], row["label"]) == (
        panel.sample_ids[7], panel.video_ids[7], panel.label[7],
    )  # fmt: skip


def test_seeds_are_averaged_where_asked_for(results: StudyResults) -> None:
    by_seed = results.to_frame(["mae"], draws=20).groupby(["model", "protocol", "scenario"])["value"].mean()
    whole = results.to_frame(["mae"], by_seed=False, draws=20)
    assert whole["seed"].isna().all()
    joined = whole.set_index(["model", "protocol", "scenario"])["value"]
    pd.testing.assert_series_equal(joined.sort_index(), by_seed.sort_index(), rtol=1e-12)


def test_a_selection_is_a_part_of_the_whole(results: StudyResults) -> None:
    chosen = results.select(models=["lnln"], protocols=["inter-drop"], datasets=["synthetic"])
    assert (chosen.models, chosen.protocols) == (("lnln",), ("inter-drop",))
    whole = results.to_frame(["mae"], draws=20)
    part = whole[(whole["model"] == "lnln") & (whole["protocol"] == "inter-drop")].reset_index(drop=True)
    pd.testing.assert_frame_equal(chosen.to_frame(["mae"], draws=20), part)
    for wrong in ({"models": ["lnnl"]}, {"protocols": ["intra-drop"]}, {"datasets": ["mosi"]}):
        with pytest.raises(InputError, match="unknown"):
            results.select(**wrong)
    with pytest.raises(InputError, match="metric of labels in"):
        results.to_frame(["acc9"], draws=20)


def test_a_short_description(results: StudyResults) -> None:
    assert repr(results) == "<results of study 'mine': 3 models under 3 protocols on synthetic/official>"


def test_a_part_of_the_draws_equals_draws_of_the_part(panel: Panel) -> None:
    scenarios = [str(s) for s in panel.points.loc[panel.points["protocol"] == "intra-random", "scenario"]][1:3]
    rows = panel.cells["scenario"].isin(scenarios).to_numpy()
    alone = resample(panel.label, panel.video_ids, panel.cells[rows], panel.predictions[rows], draws=30)
    for model, own in panel.estimates(scenarios, draws=30).items():
        assert own.scenarios == alone[model].scenarios
        np.testing.assert_array_equal(own.draws, alone[model].draws)
        np.testing.assert_array_equal(own.values, alone[model].values)
    kept = panel.estimates(scenarios, ["corr"], draws=30)["lnln"]
    assert kept.metrics == ("corr",)
    np.testing.assert_array_equal(kept.drawn_curve("corr", scenarios), alone["lnln"].drawn_curve("corr", scenarios))


def test_a_run_plans_reads_and_resamples_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: Counter[str] = Counter()

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            counts[name] += 1
            return function(*args, **options)

        return call

    monkeypatch.setattr(benchmark.evaluation.panel, "resample", counted("resampled", resample))
    monkeypatch.setattr(benchmark.study.plan, "plan", counted("planned", benchmark.study.plan.plan))
    read = RunStore.wide_predictions
    monkeypatch.setattr(RunStore, "wide_predictions", lambda self, spec, *a: counted(spec.id, read)(self, spec, *a))
    arguments = "run --dataset synthetic:size=tiny,max_length=12 --models constant --protocols complete,inter-drop"
    with pytest.raises(SystemExit) as ended:
        main([*arguments.split(), "--seeds", "2", "--executor", "inline", "--out", str(tmp_path)])
    assert not ended.value.code
    assert counts.pop("planned") == 1
    assert counts.pop("resampled") == 1
    assert list(counts.values()) == [1] * len(list(tmp_path.glob("*/*/*/run.json")))


def test_metrics_of_the_frame_are_the_registered_ones(results: StudyResults) -> None:
    assert set(results.to_frame(draws=20)["metric"]) <= set(METRICS)
