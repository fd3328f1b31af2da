"""Candidates: the epochs of one run, and the best of them by a metric on the test part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchmark.evaluation.metrics import METRICS, score
from benchmark.results.candidates import Candidates
from protocols import InputError

LABEL = np.round(np.linspace(-3, 3, 20), 1)


def candidates(predictions: np.ndarray[Any, Any], selected: int) -> Candidates:
    epochs = tuple(range(1, len(predictions) + 1))
    scenarios = tuple(f"s{j}" for j in range(predictions.shape[1]))
    return Candidates(epochs, selected, scenarios, predictions, LABEL)


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_no_epoch_beats_the_one_chosen(data: st.DataObject) -> None:
    shape = (data.draw(st.integers(1, 5)), data.draw(st.integers(1, 3)), len(LABEL))
    predictions = data.draw(hnp.arrays(np.float64, shape, elements=st.floats(-4, 4, width=16)))
    selected = data.draw(st.integers(1, shape[0]))
    metric = data.draw(st.sampled_from(["mae", "corr", "acc7", "f1_non0"]))
    found = candidates(predictions, selected)
    sign = 1 if METRICS[metric].higher_is_better else -1
    means = [sign * np.mean([score(LABEL, row)[metric] for row in epoch]) for epoch in predictions]
    best = found.best(metric)
    assert means[best - 1] >= max(means) - 1e-12
    if best != selected:
        assert means[best - 1] > means[selected - 1]


def test_equal_epochs_leave_the_choice_of_validation_and_broken_ones_are_never_chosen() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(1, 2, len(LABEL)))
    equal = candidates(np.repeat(one, 4, axis=0), 3)
    assert {equal.best(metric) for metric in ("mae", "corr", "acc7", "f1_has0")} == {3}
    broken = np.stack([one[0], np.tile(LABEL, (2, 1))])
    assert candidates(broken, 1).best("mae") == 2
    broken[1, 0, 0] = np.nan
    assert candidates(broken, 1).best("mae") == 1


def test_rows_of_epochs_come_in_any_order_and_none_may_be_absent() -> None:
    rng = np.random.default_rng(1)
    samples = pd.DataFrame({"sample_id": [f"x{i}" for i in range(20)], "label": LABEL})
    index = pd.MultiIndex.from_product([[1, 2], ["a", "b"], samples["sample_id"]])
    table = pd.DataFrame({"prediction": rng.normal(size=len(index))}, index=index).reset_index(
        names=["epoch", "scenario", "sample_id"]
    )
    whole = Candidates.of(table, samples, 1, ["a", "b"])
    mixed = Candidates.of(table.sample(frac=1, random_state=0), samples, 1, ["a", "b"])
    assert np.array_equal(whole.predictions, mixed.predictions)
    assert np.array_equal(whole.predictions[1, 0], table["prediction"][40:60])
    for wrong in (table[1:], pd.concat([table, table[:1]]), table[table["epoch"] == 2]):
        with pytest.raises(InputError, match="run the study again"):
            Candidates.of(wrong, samples, 1, ["a", "b"])
