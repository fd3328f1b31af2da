from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error

from benchmark.evaluation import metrics
from benchmark.evaluation.metrics import (
    METRICS,
    class_counts,
    f1_is_possible,
    integrity_scores,
    metric_names,
    score,
    score_cells,
    usual_metrics,
)
from protocols import InputError

few = settings(deadline=None, max_examples=60)
labels = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=st.integers(-15, 15).map(lambda v: v / 5)),
        arrays(np.float64, n, elements=st.floats(-5, 5, allow_nan=False)),
    )
)


def rounded(values: np.ndarray, limit: int) -> np.ndarray:
    return np.array([round(max(-limit, min(limit, float(v)))) for v in values])  # Python rounds half to even


def oracle(truth: np.ndarray, said: np.ndarray) -> dict[str, float]:
    kept = truth != 0
    values = {
        "mae": mean_absolute_error(truth, said),
        "acc2_has0": accuracy_score(truth >= 0, said >= 0),
        "f1_has0": f1_score(truth >= 0, said >= 0, average="weighted"),
        "acc2_non0": accuracy_score(truth[kept] > 0, said[kept] > 0) if kept.any() else np.nan,
        "f1_non0": f1_score(truth[kept] > 0, said[kept] > 0, average="weighted") if kept.any() else np.nan,
    }
    values["macro_f1"] = f1_score(rounded(truth, 1), rounded(said, 1), average="macro")
    return values | {f"acc{2 * k + 1}": accuracy_score(rounded(truth, k), rounded(said, k)) for k in (1, 2, 3)}


@few
@example((np.zeros(9), np.full(9, 2.2e-309)))  # numpy 1.26 divides by it with an overflow
@given(labels)
def test_agrees_with_scikit_learn(pair: tuple[np.ndarray, np.ndarray]) -> None:
    truth, said = pair
    ours = score(truth, said)
    for name, value in oracle(truth, said).items():
        assert ours[name] == pytest.approx(value, nan_ok=True, abs=1e-12), name


@few
@given(labels)
def test_metrics_stay_within_their_bounds_and_accuracy_f1_pairs_are_possible(pair: tuple) -> None:
    truth, said = pair
    ours = score(truth, said)
    assert ours["mae"] >= 0
    assert -1 <= ours["corr"] <= 1
    for kind in ("has0", "non0"):
        acc, f1 = ours[f"acc2_{kind}"], ours[f"f1_{kind}"]
        if np.isnan(acc):
            assert kind == "non0"
            assert not truth.any()
            continue
        assert 0 <= acc <= 1
        assert 0 <= f1 <= 1
        counts = class_counts(truth, f"f1_{kind}")
        assert f1_is_possible(acc, f1, counts, 0.0, averaged=False)
        assert f1_is_possible(acc, f1, counts, 0.0)


def test_correlation_agrees_with_scipy_at_any_scale_and_offset() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(-15, 16, 200) / 5
    for factor, offset in itertools.product((1e-4, 1.0, 1e6), (0.0, 50.0)):
        said = factor * (truth + rng.normal(size=200) + offset)
        assert score(truth, said)["corr"] == pytest.approx(pearsonr(truth, said).statistic, abs=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 1e6])
def test_constant_predictions_have_correlation_0_and_a_flag(value: float) -> None:
    truth = np.array([-2.0, -1.0, 0.0, 1.0, 2.5])
    jitter = value * (1 + 1e-7 * np.array([1, -1, 0, 1, -1]))  # what float32 leaves of a constant
    table = score_cells(truth, np.stack([np.full(5, value), jitter, truth]))
    assert table["corr"].tolist() == [0.0, 0.0, pytest.approx(1.0)]
    assert table["constant"].tolist() == [True, True, False]


def test_another_constant_in_every_split_is_constant() -> None:
    truth = np.array([-2.0, -1.0, 0.5, 1.0, 2.0, 3.0])
    medians = np.array([-0.5, -0.5, 0.5, 0.5, 0.5, 0.5])
    splits = np.array(["a", "a", "b", "b", "b", "c"], dtype=object)  # one sample of c: nothing to vary
    said = np.stack([medians, truth, np.where(splits == "b", truth, medians)])
    table = score_cells(truth, said, split_of=splits)
    assert table["constant"].tolist() == [True, False, False]
    assert table["corr"].tolist() == [0.0, pytest.approx(1.0), pytest.approx(pearsonr(truth, said[2]).statistic)]
    assert table["mae"].tolist() == score_cells(truth, said)["mae"].tolist()
    alone = score_cells(truth, said, split_of=np.array(list("abcdef"), dtype=object))  # one sample a split
    pd.testing.assert_frame_equal(alone, score_cells(truth, said))


def test_constant_labels_and_a_single_sample_have_correlation_0() -> None:
    assert score([1.0, 1.0, 1.0], [0.3, 0.9, 0.5])["corr"] == 0.0
    assert score([1.0], [0.4])["corr"] == 0.0


def test_rounding_is_half_to_even_after_clipping() -> None:
    # 0.5 -> 0, 1.5 -> 2, 2.5 -> 2: rounding halves up would give 1, 2, 3
    assert score([0.0, 2.0, 2.0], [0.5, 1.5, 2.5])["acc7"] == 1.0
    assert score([3.0, -3.0], [9.0, -2.6])["acc7"] == 1.0
    assert score([3.0, 2.0], [2.0, 3.0])["acc5"] == 1.0
    assert score([3.0, 0.5], [1.0, 0.4])["acc3"] == 1.0


def test_zero_is_not_negative_and_left_out_of_non0() -> None:
    ours = score([0.0, -1.0, 1.0], [0.0, -0.5, 0.0])
    assert ours["acc2_has0"] == 1.0  # 0 counts as non-negative on both sides
    assert ours["acc2_non0"] == 0.5  # the label 0 is out; a prediction of 0 is not positive


def test_f1_weighs_by_true_not_by_predicted_counts() -> None:
    truth, said = np.array([1.0, 1, 1, -1, -1]), np.array([1.0, 1, 1, 1, -1])
    ours, swapped = (f1_score(a > 0, b > 0, average="weighted") for a, b in ((truth, said), (said, truth)))
    assert ours != pytest.approx(swapped)
    assert score(truth, said)["f1_non0"] == pytest.approx(ours)


def test_only_neutral_labels_leave_no_non0_metric() -> None:
    ours = score([0.0, 0.0], [1.0, -1.0])
    assert np.isnan(ours["acc2_non0"])
    assert np.isnan(ours["f1_non0"])
    assert ours["acc2_has0"] == 0.5
    assert METRICS["f1_non0"].format(ours["f1_non0"]) == "n/a"


def test_sims_bins_include_their_right_edge() -> None:
    values = np.array([-1.0, -0.8, -0.7, -0.4, -0.1, 0.0, 0.1, 0.2, 0.7, 0.8, 1.0])
    three = np.digitize(values, [-0.1, 0.1], right=True)
    five = np.digitize(values, [-0.7, -0.1, 0.1, 0.7], right=True)
    for a, b in itertools.product(range(len(values)), repeat=2):
        ours = score([values[a]], [values[b]], (-1.0, 1.0))
        assert ours["acc3_sims"] == float(three[a] == three[b])
        assert ours["acc5_sims"] == float(five[a] == five[b])
        assert ours["acc2_sims"] == float((values[a] > 0) == (values[b] > 0))
    assert set(ours) == set(metric_names((-1.0, 1.0)))


@few
@given(labels)
def test_ch_sims_has_the_numbers_of_clipped_predictions_too(pair: tuple[np.ndarray, np.ndarray]) -> None:
    truth, said = pair[0] / 3, pair[1]
    ours, inside = score(truth, said, (-1.0, 1.0)), np.clip(said, -1, 1)
    assert ours["mae"] == pytest.approx(mean_absolute_error(truth, said))
    assert ours["mae_clipped"] == pytest.approx(mean_absolute_error(truth, inside))
    clipped = score(truth, inside, (-1.0, 1.0))
    assert ours["corr_clipped"] == clipped["corr"] == clipped["corr_clipped"]
    bins = [np.digitize(v.astype(np.float32), np.float32([-0.1, 0.1]), right=True) for v in (truth, said)]
    assert ours["macro_f1_sims"] == pytest.approx(f1_score(*bins, average="macro"))


def test_predictions_beyond_ch_sims_labels_cost_nothing_when_clipped() -> None:
    truth, said = np.array([-1.0, -0.5, 0.5, 1.0]), np.array([-4.0, -0.5, 0.5, 2.0])
    ours = score(truth, said, (-1.0, 1.0))
    assert (ours["mae"], ours["mae_clipped"]) == (1.0, 0.0)
    assert ours["corr"] < ours["corr_clipped"] == pytest.approx(1.0)
    assert score(truth, np.array([-4.0, -2.0, -1.5, -3.0]), (-1.0, 1.0))["corr_clipped"] == 0.0  # constant once clipped


def test_macro_f1_is_of_the_classes_that_occur() -> None:
    assert score([-2.0, 2.0], [-1.0, 1.0])["macro_f1"] == 1.0  # no sample is neutral, or said to be
    assert score([-2.0, 2.0], [-1.0, 0.0])["macro_f1"] == pytest.approx(1 / 3)
    assert score([0.0, 2.0], [0.0, 0.4])["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)


@pytest.mark.parametrize("limits", [(1.0, 5.0), (0.0, 1.0), (1.0, 9.0), (-2.0, 2.0)])
def test_any_range_has_mae_and_corr_and_nothing_that_needs_classes(limits: tuple[float, float]) -> None:
    rng = np.random.default_rng(4)
    truth, said = rng.uniform(*limits, 40), rng.normal(size=40)
    ours = score(truth, said, limits)
    assert ours == {
        "mae": pytest.approx(mean_absolute_error(truth, said)),
        "corr": pytest.approx(pearsonr(truth, said).statistic),
    }
    assert tuple(ours) == metric_names(limits) == usual_metrics(limits)


def test_a_perfect_prediction_is_perfect_whether_stored_as_float32_or_float64() -> None:
    exact = np.array([-1.0, -0.7, -0.1, 0.0, 0.1, 0.7, 1.0])
    stored = exact.astype(np.float32).astype(np.float64)  # what a file of labels keeps: 0.1 is a little more than 0.1
    for truth, said in itertools.product((exact, stored), repeat=2):
        ours = score(truth, said, (-1.0, 1.0))
        assert all(ours[name] == 1.0 for name in ours if name.startswith(("acc", "f1"))), (truth, said)
    far = np.where(exact > 0.7, 1e300, np.where(exact <= -0.7, -1e300, exact))  # beyond float32
    assert score(exact, far, (-1.0, 1.0))["acc5_sims"] == 1.0


def test_many_cells_score_as_one_by_one() -> None:
    rng = np.random.default_rng(1)
    truth, said = rng.integers(-15, 16, 60) / 5, rng.normal(size=(7, 60))
    table = score_cells(truth, said)
    for i, row in enumerate(said):
        assert table.loc[i, list(metric_names())].to_dict() == pytest.approx(score(truth, row), abs=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_prediction_that_is_not_finite_is_named(bad: float) -> None:
    with pytest.raises(InputError, match="prediction of sample 1 in cell 0") as caught:
        score([1.0, 2.0], [0.0, bad])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("label", "said", "limits"),
    [
        ([1.0, 2.0], [0.0], (-3.0, 3.0)),
        ([], [], (-3.0, 3.0)),
        ([1.0], [1.0], (5.0, 5.0)),
        ([1.0], [1.0], (0.0, np.nan)),
    ],
)
def test_input_that_does_not_fit_is_refused(label: list, said: list, limits: tuple[float, float]) -> None:
    with pytest.raises(InputError):
        score(label, said, limits)


@few
@given(st.integers(0, 9), st.integers(0, 9))
def test_the_f1_bounds_are_the_smallest_and_largest_of_all_confusion_matrices(positive: int, negative: int) -> None:
    n = positive + negative
    if n == 0:
        with pytest.raises(InputError):
            f1_is_possible(0.5, 0.5, (0, 0))
        return
    smallest, largest = np.ones(n + 1), np.zeros(n + 1)
    truth = np.r_[np.ones(positive), np.zeros(negative)]
    for tp, tn in itertools.product(range(positive + 1), range(negative + 1)):
        said = np.r_[np.arange(positive) < tp, np.arange(negative) >= tn].astype(float)
        f1 = f1_score(truth, said, average="weighted", zero_division=0.0)
        smallest[tp + tn], largest[tp + tn] = min(smallest[tp + tn], f1), max(largest[tp + tn], f1)
    for correct in range(n + 1):
        counts, acc = (positive, negative), correct / n
        assert f1_is_possible(acc, largest[correct], counts, 0.0, averaged=False)
        assert not f1_is_possible(acc, largest[correct] + 1e-4, counts, 0.0, averaged=False)
        assert f1_is_possible(acc, smallest[correct], counts, 0.0, averaged=False)
        assert not f1_is_possible(acc, smallest[correct] - 1e-4, counts, 0.0, averaged=False)
        for other in range(correct + 1):  # a mean of two runs at the end of their range is possible, and inside it
            mean = (acc + other / n) / 2
            for ends in (smallest, largest):
                assert f1_is_possible(mean, (ends[correct] + ends[other]) / 2, counts, 0.0)
    # the least of all mixtures of two, at every accuracy: where a mean over runs ends
    share = np.arange(n + 1) / n
    for acc in np.linspace(0, 1, 2 * n + 1):
        lowest = min(
            np.interp(acc, share[[a, b]], smallest[[a, b]])
            for a, b in itertools.combinations(range(n + 1), 2)
            if share[a] <= acc <= share[b]
        )
        assert f1_is_possible(acc, lowest, counts, 0.0)
        assert not f1_is_possible(acc, lowest - 1e-4, counts, 0.0)


def test_published_pairs_that_cannot_be() -> None:
    counts = (277, 379)  # the size of MOSI's test part without neutral samples
    assert f1_is_possible(0.8430, 0.8425, counts)
    assert not f1_is_possible(0.8430, 0.8630, counts)
    assert not f1_is_possible(1.2, 0.8, counts)
    assert not f1_is_possible(0.84305, 0.8425, counts, 1e-6, averaged=False)  # no whole number of samples
    for acc, f1 in ((1.0, 0.5), (0.99, 0.1), (0.8, 0.3), (0.75, 0.0)):  # an F1 this far below its accuracy
        assert not f1_is_possible(acc, f1, counts)
        assert not f1_is_possible(acc, f1, counts, averaged=False)
    wide = f1_is_possible(0.7310, 0.7349, counts, 5e-3)
    assert wide
    assert not f1_is_possible(0.7310, 0.7449, counts, 5e-5)


def test_means_over_seeds_of_possible_pairs_are_possible() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(-15, 16, 80) / 5
    table = score_cells(truth, truth * rng.uniform(0, 1, (20, 1)) + rng.normal(0, 2, (20, 80)))
    mean = table.mean()
    assert f1_is_possible(mean["acc2_non0"], mean["f1_non0"], class_counts(truth, "f1_non0"), 0.0)


def test_integrity_scores_give_tied_values_their_mean_rank() -> None:
    rng = np.random.default_rng(3)
    true = rng.integers(0, 5, (50, 3)) / 4
    said = np.round(np.clip(true + rng.normal(0, 0.3, true.shape), 0, 1), 1)
    said[:, 2] = 0.5
    table = integrity_scores(true, said)
    by_hand = pd.DataFrame(true).rank().corrwith(pd.DataFrame(said).rank())  # Pearson's correlation of mean ranks
    for i, modality in enumerate(("text", "audio")):
        assert table.loc[modality, "spearman"] == pytest.approx(by_hand[i])
        assert table.loc[modality, "mae"] == pytest.approx(np.abs(true - said)[:, i].mean())
    assert table.loc["vision", "spearman"] == 0.0
    assert table["constant"].tolist() == [False, False, True]
    with pytest.raises(InputError):
        integrity_scores(true[:, :2], said[:, :2])


def test_formats_are_those_of_the_field() -> None:
    assert METRICS["mae"].format(0.70449) == "0.704"
    assert METRICS["acc7"].format(0.35137) == "35.14"
    assert METRICS["acc7"].format(0.35137, 1) == "35.1"
    assert METRICS["corr"].format(-0.0004) == "0.000"  # what rounds to 0 has no sign
    assert METRICS["corr"].format(-0.0006) == "-0.001"
    assert METRICS["acc7"].format(-0.00004) == "0.00"
    assert {METRICS["acc7"].format(x, 1) for x in (0.2125, np.nextafter(0.2125, 1), np.nextafter(0.2125, 0))} == {
        "21.2"
    }
    assert METRICS["mae"].heading.endswith("↓")
    assert all(METRICS[n].arrow == "↑" for n in METRICS if not n.startswith("mae"))
    assert metrics.METRICS["corr"].perfect == 1.0
