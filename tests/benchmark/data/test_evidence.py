"""Information of positions of generated samples: exact, and where the generator put it."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.data.samples import Samples
from benchmark.data.synthetic import SyntheticConfig, evidence, generate, oracle
from benchmark.data.synthetic.grammar import NOUNS, SENTIMENT
from benchmark.data.synthetic.stream_likelihood import leave_one_out_likelihood, stream_likelihood
from benchmark.data.synthetic.streams import SIGNATURES, Signature
from protocols import MODALITIES, Layout, Masks, Modality
from protocols.layout import FloatArray

CONFIG = SyntheticConfig(seed=6, samples=(90, 10, 20))
TELLING = {w for levels in SENTIMENT.values() for group in levels.values() for w in group}


@pytest.fixture(scope="module")
def samples() -> Samples:
    return generate(CONFIG)


@pytest.fixture(scope="module")
def told() -> dict[Modality, FloatArray]:
    return evidence(CONFIG)


def test_it_is_aligned_with_the_streams(samples: Samples, told: dict[Modality, FloatArray]) -> None:
    assert set(told) == set(MODALITIES)
    for modality in MODALITIES:
        observed = samples.streams[modality].observed
        assert told[modality].shape == observed.shape
        assert np.isfinite(told[modality]).all()
        assert (told[modality] >= 0).all()
        assert (told[modality][~observed] == 0).all()
        assert told[modality].max() > 0.1


def test_words_of_sentiment_tell_and_nouns_do_not(samples: Samples, told: dict[Modality, FloatArray]) -> None:
    words = np.array(" ".join(samples.raw_text).split())
    telling = np.isin(words, sorted(TELLING))
    assert told["text"][telling].mean() > 20 * told["text"][~telling].mean()
    negation = (words == "not") & (np.roll(words, 1) != "did")  # after "did" the form of the verb gives it away
    assert told["text"][negation].mean() > 10 * told["text"][np.isin(words, ["the", "it", "um", "you"])].mean()
    # a noun tells no sentiment, only that a clause or a filler may stand around it
    assert told["text"][np.isin(words, sorted(NOUNS))].mean() < 0.01


def test_frames_of_events_tell(samples: Samples, told: dict[Modality, FloatArray]) -> None:
    for signature in SIGNATURES:
        stream = samples.streams[signature.sensor]
        mark = signature.signature_coordinates(stream.values.astype(np.float64))[:, 0]  # type: ignore[union-attr]
        high = stream.observed & (mark > 1.5)
        low = stream.observed & (mark < 0)
        assert told[signature.sensor][high].mean() > 10 * told[signature.sensor][low].mean()


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda s: s.sensor)
def test_leaving_a_frame_out_is_not_observing_it(signature: Signature, samples: Samples) -> None:
    stream = samples.streams[signature.sensor]
    end = int(stream.offsets[25])
    coordinates = signature.signature_coordinates(stream.values[:end].astype(np.float64))  # type: ignore[index]
    observed, offsets = stream.observed[:end], stream.offsets[:26]
    found = list(leave_one_out_likelihood(signature, coordinates, observed, offsets))
    frames = np.concatenate([f for f, _, _ in found])
    assert sorted(frames.tolist()) == list(range(end))
    owner = np.concatenate([o for _, o, _ in found])
    np.testing.assert_array_equal(owner, np.searchsorted(offsets, frames, side="right") - 1)
    without = np.concatenate([w for _, _, w in found])
    for i in np.random.Generator(np.random.PCG64(0)).permutation(end)[:15]:
        gone = observed.copy()
        gone[frames[i]] = False
        expected = stream_likelihood(signature, coordinates, gone, offsets)[owner[i]]
        np.testing.assert_allclose(without[i], expected, rtol=1e-8, atol=1e-12)


def test_it_is_what_the_oracle_loses(samples: Samples, told: dict[Modality, FloatArray]) -> None:
    """Against the oracle that is given the text alone."""
    rows = np.arange(40)
    lengths = {m: np.diff(samples.streams[m].offsets)[rows] for m in MODALITIES}
    layout = Layout.of_lengths("synthetic", samples.ids[rows].tolist(), **lengths)
    only_text = {m: np.full(int(lengths[m].sum()), m == "text") for m in MODALITIES}
    whole = oracle(samples, Masks(layout, only_text), CONFIG).probabilities
    starts = layout.offsets["text"]
    for k in range(0, int(starts[-1]), 9):
        row = int(np.searchsorted(starts, k, side="right")) - 1
        words = only_text["text"].copy()
        words[k] = False
        rest = oracle(samples, Masks(layout, {**only_text, "text": words}), CONFIG).probabilities
        kept = whole[row] > 0
        lost = float((whole[row][kept] * np.log(whole[row][kept] / rest[row][kept])).sum())
        assert told["text"][k] == pytest.approx(lost, abs=1e-9)


def test_erasing_what_tells_most_costs_more_than_erasing_what_tells_least(
    samples: Samples, told: dict[Modality, FloatArray]
) -> None:
    lengths = {m: np.diff(samples.streams[m].offsets) for m in MODALITIES}
    layout = Layout.of_lengths("synthetic", samples.ids.tolist(), **lengths)
    errors = []
    for sign in (1, -1):
        observed = {}
        for m in MODALITIES:
            # the third of each sample's positions with most, or with least, evidence goes
            order = np.lexsort((sign * told[m], layout.sample_of_position(m)))
            rank = np.empty(len(order), dtype=np.int64)
            rank[order] = layout.position_in_sample(m)
            observed[m] = rank < np.ceil(2 * np.repeat(lengths[m], lengths[m]) / 3)
        answer = oracle(samples, Masks(layout, observed), CONFIG)
        errors.append(np.abs(answer.median - samples.label))
    gap = errors[0] - errors[1]
    assert gap.mean() > 3 * gap.std() / np.sqrt(len(gap))
