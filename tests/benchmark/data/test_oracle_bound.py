"""No model beats the oracle beyond noise, and it is as wrong as it says it is, under every kind of mask."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmark.data.description.ridge import fit_ridge
from benchmark.data.samples import Samples
from benchmark.data.synthetic import OraclePrediction, SyntheticConfig, generate, oracle
from protocols import MODALITIES, Layout, Masks, parse
from protocols.layout import FloatArray
from tests.benchmark.data.test_oracle import expected_error

CONFIG = SyntheticConfig(seed=21, samples=(700, 1, 500))
SCENARIOS = (
    "complete",
    "subset(available=(text,))",
    "subset(available=(audio,vision,))",
    "drop(rate=0.5)",
    "random_positions(rate=0.3)",
    "random_positions(rate=0.7)",
    "drop(rate=0.3) + random_positions(rate=0.3)",
)


@pytest.fixture(scope="module")
def samples() -> Samples:
    return generate(CONFIG)


@pytest.fixture(scope="module")
def layout(samples: Samples) -> Layout:
    streams = samples.streams
    offsets, observed = ({m: getattr(streams[m], what) for m in MODALITIES} for what in ("offsets", "observed"))
    return Layout("synthetic", tuple(samples.ids), offsets, observed)


_ANSWERS: dict[str, tuple[Masks, OraclePrediction]] = {}


def ask(scenario: str, samples: Samples, layout: Layout) -> tuple[Masks, OraclePrediction]:
    if scenario not in _ANSWERS:
        masks = parse(scenario).masks(layout)
        _ANSWERS[scenario] = masks, oracle(samples, masks, CONFIG)
    return _ANSWERS[scenario]


def features(samples: Samples, masks: Masks) -> FloatArray:
    """Features of a careful linear model: present words, and means, deviations and extremes of frames."""
    columns: list[FloatArray] = []
    for modality in MODALITIES:
        stream = samples.streams[modality]
        seen = masks.observed[modality] & stream.observed
        owner = np.repeat(np.arange(len(samples)), np.diff(stream.offsets))
        if stream.token_ids is not None:
            known, code = np.unique(stream.token_ids, return_inverse=True)
            bag = np.zeros((len(samples), len(known)))
            np.add.at(bag, (owner[seen], code[seen]), 1.0)
            columns.append(np.minimum(bag, 1.0))
            continue
        values = np.where(seen[:, None], stream.values, 0.0).astype(np.float64)  # type: ignore[arg-type]
        count = np.maximum(np.bincount(owner[seen], minlength=len(samples)), 1)[:, None]
        mean = np.add.reduceat(values, stream.offsets[:-1], axis=0) / count
        square = np.add.reduceat(values**2, stream.offsets[:-1], axis=0) / count
        high, low = (f.reduceat(values, stream.offsets[:-1], axis=0) for f in (np.maximum, np.minimum))
        columns += [mean, np.sqrt(np.maximum(square - mean**2, 0.0)), high, low, (count <= 1).astype(np.float64)]
    return np.hstack(columns)


def rivals(samples: Samples, scenario: str, layout: Layout) -> dict[str, FloatArray]:
    """Predictions on test of models that were trained under the same scenario."""
    x = features(samples, ask(scenario, samples, layout)[0])
    codes, label = samples.splits["official"], samples.label.astype(np.float64)
    train, test = codes == 1, codes == 3
    spread = x[train].std(axis=0)
    x = (x[:, spread > 1e-9] - x[train][:, spread > 1e-9].mean(axis=0)) / spread[spread > 1e-9]
    _, videos = np.unique(samples.video_ids.astype(str), return_inverse=True)
    ridge = fit_ridge(x[train], label[train], videos[train]).predict(x[test])
    constant = np.full(int(test.sum()), np.median(label[train]))
    # a learner of the least absolute error is less bold than one of the least squared error: between the two
    return {"constant": constant, "ridge": np.clip(ridge, -3, 3), "cautious ridge": 0.85 * ridge + 0.15 * constant}


def beats(rival: FloatArray, best: FloatArray, label: FloatArray, videos: np.ndarray) -> bool:
    """Return True if the mean absolute error is lower by more than three standard errors, over videos."""
    gain = np.abs(best - label) - np.abs(rival - label)
    sums = np.bincount(videos, gain)
    return bool(sums.sum() > 3.0 * np.sqrt(np.square(sums).sum()))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_model_beats_the_oracle_beyond_noise(scenario: str, samples: Samples, layout: Layout) -> None:
    test = samples.splits["official"] == 3
    label = samples.label.astype(np.float64)[test]
    _, videos = np.unique(samples.video_ids[test].astype(str), return_inverse=True)
    answer = ask(scenario, samples, layout)[1]
    best = answer.median[test]
    for name, rival in rivals(samples, scenario, layout).items():
        assert not beats(rival, best, label, videos), (name, scenario)
        if name != "constant":  # a race against models that have learnt something
            assert np.abs(rival - label).mean() < 0.97 * np.abs(label - np.median(label)).mean(), (name, scenario)
    # the measure can fail: whoever has seen the labels beats the oracle
    peeked = best + 0.3 * (label - best)
    assert beats(peeked, best, label, videos)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_oracle_is_as_wrong_as_it_says(scenario: str, samples: Samples, layout: Layout) -> None:
    answer = ask(scenario, samples, layout)[1]
    label = samples.label.astype(np.float64)
    _, videos = np.unique(samples.video_ids.astype(str), return_inverse=True)
    variance = answer.probabilities @ answer.values**2 - answer.mean**2
    for found, stated in (
        (np.abs(answer.median - label), expected_error(answer)),
        (np.square(answer.mean - label), variance),
    ):
        sums = np.bincount(videos, found - stated)
        assert abs(sums.sum()) < 4.0 * np.sqrt(np.square(sums).sum())
        # and sample by sample: where it says that it is less sure, it is more wrong
        order = np.argsort(stated)
        half = len(order) // 2
        assert found[order[half:]].mean() > found[order[:half]].mean()


def test_each_modality_that_is_left_is_worth_what_it_should_be(samples: Samples, layout: Layout) -> None:
    """Text before audio before vision before nothing, all three clearly before text: by the stated errors, exactly."""
    stated = {
        kept: expected_error(ask(f"subset(available=({','.join(kept)},))", samples, layout)[1]).mean()
        for kept in (("text",), ("audio",), ("vision",), ("text", "audio"), ("text", "vision"), MODALITIES)
    }
    nothing = expected_error(ask("random_positions(rate=1.0)", samples, layout)[1]).mean()
    order = [MODALITIES, ("text", "audio"), ("text", "vision"), ("text",), ("audio",), ("vision",)]
    values = [*(stated[kept] for kept in order), nothing]
    assert values == sorted(values)
    assert min(b - a for a, b in itertools.pairwise(values)) > 0.04
    assert stated[MODALITIES] < 0.7 * stated[("text",)]
