"""A metric of a plugin goes where the metrics of this project go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.evaluation import kinds
from benchmark.evaluation.metrics import METRICS, metric_names, register_metric, score, usual_metrics
from benchmark.evaluation.point_values import best_first, point_values
from benchmark.evaluation.statistics import confidence_intervals, resample
from benchmark.evaluation.statistics.intervals import metric_limits
from benchmark.site import make_bundle
from protocols import InputError
from protocols.registry import load_plugin
from tests.benchmark.fake_panel import fake_panel

PLUGIN = """
import numpy as np
from benchmark.evaluation.metrics import register_metric

@register_metric("{name}", title="RMSE", higher_is_better=False, perfect=0.0, definition="root mean squared error",
                 value=lambda sums: np.sqrt(sums["squared"] / sums["n"]))
def squared_errors(given):
    return {{"squared": (given.predicted - given.label) ** 2}}
"""


def forget(name: str) -> None:
    kinds._KINDS._items.pop(name, None)
    kinds._KINDS._origins.pop(name, None)


@pytest.fixture(scope="module")
def rmse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("plugin") / "rmse.py"
    path.write_text(PLUGIN.format(name="rmse"))
    assert load_plugin(path) == ["metric rmse"]
    yield "rmse"
    forget("rmse")


def test_it_is_computed_and_resampled_as_its_formula_says(rmse: str) -> None:
    rng = np.random.default_rng(0)
    label, said = rng.uniform(-3, 3, 40), rng.uniform(-3, 3, (2, 40))
    wanted = np.sqrt(((said - label) ** 2).mean(axis=1))
    assert score(label, said[0])[rmse] == pytest.approx(wanted[0], rel=1e-14)
    cells = pd.DataFrame({"model": "m", "seed": [0, 1], "scenario": "complete"})
    own = resample(label, np.arange(40).astype(str), cells, said, draws=4000)["m"]
    assert own.curve(rmse, ["complete"]) == pytest.approx([wanted.mean()], rel=1e-14)
    squared = (said - label) ** 2  # the delta method, video by video
    effect = ((squared - wanted[:, None] ** 2) / (2 * wanted[:, None])).mean(axis=0)
    assert own.drawn_curve(rmse, ["complete"]).std() == pytest.approx(effect.std(ddof=1) / np.sqrt(40), rel=0.1)
    row = confidence_intervals({"m": own}).set_index("metric").loc[rmse]
    assert 0 <= row["low"] < row["value"] < row["high"]


def test_page_and_figures_show_it(rmse: str) -> None:
    panel = fake_panel(("constant", "lnln"), samples=40, videos=8, protocols=("inter-drop",))
    bundle = make_bundle("mine", [panel], draws=20)
    assert bundle["metrics"][rmse]["title"] == "RMSE"
    (shown,) = bundle["tables"][0]["protocols"]
    errors = np.sqrt(((panel.predictions - panel.label) ** 2).mean(axis=1))
    means = pd.Series(errors).groupby(panel.cells["model"].to_numpy()).mean()
    names = [bundle["models"][i]["name"] for i in shown["models"]]
    assert shown["means"][rmse]["value"] == pytest.approx([means[name] for name in names], rel=1e-5)
    data = point_values(panel, "inter-drop", [rmse], draws=20)
    assert data.groupby("model")["mean"].mean().to_dict() == pytest.approx(means.to_dict())
    assert list(best_first(data, rmse)) == list(means.sort_values().index)


def test_a_metric_that_was_registered_after_a_panel_was_resampled_is_known_to_it() -> None:
    panel = fake_panel(("constant",), samples=20, videos=4, protocols=("complete",))
    panel.estimates(["complete"], draws=10)
    try:
        register_metric(
            "late", title="Late", higher_is_better=True, perfect=1.0, definition="constant", usual=False,
            label_ranges=[(-3.0, 3.0)], value=lambda sums: sums["one"] / sums["n"],
        )(lambda given: {"one": np.ones(given.predicted.shape)})  # fmt: skip
        assert panel.estimates(["complete"], ["late"], draws=10)["constant"].values.tolist() == [[[1.0]]] * 3
        assert "late" in metric_names()
        assert "late" not in usual_metrics()
        assert "late" not in metric_names((-1.0, 1.0))
        assert metric_limits("late") == (-np.inf, 1.0)
    finally:
        forget("late")


@pytest.mark.parametrize(
    ("per_sample", "value", "says"),
    [
        (lambda given: {"a": given.label[0]}, lambda sums: sums["a"], r"metric 'odd': 'a' has shape \(4,\), expected"),
        (
            lambda given: {"a": given.predicted},
            lambda sums: sums["a"].sum(),
            r"metric 'odd': its values have shape \(\)",
        ),
    ],
)
def test_values_of_another_shape_are_refused(per_sample: kinds.PerSample, value: kinds.FromSums, says: str) -> None:
    try:
        register_metric(
            "odd", title="Odd", higher_is_better=True, perfect=1.0, definition="of another shape", value=value
        )(per_sample)
        with pytest.raises(InputError, match=says):
            score(np.arange(4.0) / 2, np.zeros(4))
    finally:
        forget("odd")


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    assert METRICS["mae"].title == "MAE"
    path = tmp_path / "mae.py"
    path.write_text(PLUGIN.format(name="mae"))
    with pytest.raises(InputError, match=r"metric 'mae' is already registered by benchmark\.evaluation\.definitions"):
        load_plugin(path)
