"""The oracle of the generated data: exact against brute force, calibrated, and beaten by nobody."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from benchmark.data.samples import ModalityStream, Samples
from benchmark.data.synthetic import OraclePrediction, SyntheticConfig, generate, oracle
from benchmark.data.synthetic.composition import TEXT_GRID, TEXT_MAX
from benchmark.data.synthetic.grammar import SENTIMENT
from benchmark.data.synthetic.labels import LABEL_PROBABILITY, LABELS
from benchmark.data.synthetic.oracle import ERROR
from benchmark.data.synthetic.sentences import Speaker
from benchmark.data.synthetic.stream_likelihood import stream_likelihood
from benchmark.data.synthetic.streams import APEX_STAYS, HEIGHTS, SIGNATURES, STEP, Signature
from benchmark.data.synthetic.text_likelihood import text_likelihood
from benchmark.data.synthetic.vocabulary import TOKEN_ID
from protocols import MODALITIES, InputError, Layout, Masks, Modality, parse

CONFIG = SyntheticConfig(seed=11, samples=(700, 200, 600))


@pytest.fixture(scope="module")
def samples() -> Samples:
    return generate(CONFIG)


def layout_of(samples: Samples, rows: Sequence[int] | np.ndarray | None = None) -> Layout:
    rows = np.arange(len(samples)) if rows is None else np.asarray(rows)
    offsets, observed = {}, {}
    for m in MODALITIES:
        stream = samples.streams[m]
        parts = [stream.observed[stream.offsets[i] : stream.offsets[i + 1]] for i in rows]
        offsets[m] = np.concatenate([[0], np.cumsum([len(p) for p in parts])]).astype(np.int64)
        observed[m] = np.concatenate(parts)
    return Layout("synthetic", tuple(samples.ids[rows]), offsets, observed)


_ANSWERS: dict[str, OraclePrediction] = {}


def ask(samples: Samples, scenario: str) -> OraclePrediction:
    """The oracle on all samples of the module's fixture, once a scenario."""
    if scenario not in _ANSWERS:
        _ANSWERS[scenario] = oracle(samples, parse(scenario).masks(layout_of(samples)), CONFIG)
    return _ANSWERS[scenario]


def expected_error(answer: OraclePrediction) -> np.ndarray:
    """`(n,)` absolute error that the oracle expects of its median."""
    return (answer.probabilities * np.abs(answer.values - answer.median[:, None])).sum(axis=1)


def only(*modalities: Modality) -> str:
    return f"subset(available=({','.join(modalities)},))"


def loss(samples: Samples, scenario: str) -> np.ndarray:
    return np.abs(ask(samples, scenario).median - samples.label)


def clearly_less(first: np.ndarray, second: np.ndarray) -> bool:
    """Paired over samples: less by more than three standard errors."""
    gap = second - first
    return bool(gap.mean() > 3.0 * gap.std() / np.sqrt(len(gap)))


def read(text: str) -> np.ndarray:
    """Posterior of the sentiment of one sentence; `_` is an erased word."""
    words = text.split()
    ids = np.array([TOKEN_ID.get(w, 0) for w in words], dtype=np.int64)
    likelihood = text_likelihood(ids, np.array([w != "_" for w in words]), np.array([0, len(words)]))[0]
    return likelihood / likelihood.sum()


def mean_of(text: str) -> float:
    return float(read(text) @ TEXT_GRID)


def test_a_whole_sentence_is_read_without_doubt(samples: Samples) -> None:
    assert mean_of("the film was amazing") == pytest.approx(2.5)
    assert mean_of("the film was not very good") == pytest.approx(-0.5)
    assert mean_of("um it was good but i hated the ending you know") == pytest.approx(
        np.round(4 * (0.25 * 2 - 0.75 * 2.5) - 0.01) / 4
    )


def test_erasing_a_word_changes_the_meaning_as_it_would() -> None:
    good, bad = mean_of("the film was very good"), mean_of("the film was not good")
    assert good > 1 > 0 > bad
    assert abs(mean_of("the film was very _")) < 1 < mean_of("the film was _ good") < good
    # without the word that may be a negation or an intensifier one is less sure than without a filler
    assert read("the film was _ good").max() < read("_ the film was very good").max() == pytest.approx(1)
    assert mean_of("it was terrible _ it was good") > mean_of("it was good _ it was terrible")
    assert mean_of("it was terrible but it was good") > mean_of("it was terrible and it was good")


def test_text_agrees_with_simulation() -> None:
    """Sentences that happen to match a pattern with gaps have the sentiments that the oracle expects."""
    random = np.random.Generator(np.random.PCG64(5))
    speaker = Speaker("film", 45, random)
    drawn = [speaker.sentence() for _ in range(25_000)]
    patterns = ("_ _ _ _", "it _ _", "_ _ _ _ _ not _", "i _ _ _", "the _ _ _ _", "_ _ _ _ but _ _ _ _")
    for pattern in patterns:
        wanted = pattern.split()
        hits = [
            s.value
            for s in drawn
            if len(s.words) == len(wanted) and all(w in ("_", x) for w, x in zip(wanted, s.words, strict=True))
        ]
        assert len(hits) > 25, pattern
        expected = read(pattern)
        found = np.bincount(np.array(hits) + TEXT_MAX, minlength=len(TEXT_GRID)) / len(hits)
        assert (found[expected < 1e-12] == 0).all(), pattern
        spread = np.sqrt(expected * (1 - expected) / len(hits))
        assert (np.abs(found - expected) <= 4.5 * spread + 1.0 / len(hits)).all(), pattern
        error = np.sqrt((expected @ TEXT_GRID**2 - (expected @ TEXT_GRID) ** 2) / len(hits))
        assert abs(found @ TEXT_GRID - expected @ TEXT_GRID) < 4 * error + 1e-9, pattern


def _brute_force(signature: Signature, frames: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Likelihood ratio to the background, by enumerating every path of the states."""
    rate = signature.event_rate(np.array([len(frames)]))[0]
    step = np.array(
        [[1 - rate, rate, 0, 0], [0, 0, 1, 0], [0, 0, APEX_STAYS, 1 - APEX_STAYS], [1.0, 0, 0, 0]], dtype=np.float64
    )
    height = np.array([0.0, *HEIGHTS])
    evidence = signature.text_gain * TEXT_GRID[:, None] + signature.tone_gain * signature.tone_grid
    total = np.zeros(evidence.shape)
    for path in itertools.product(range(4), repeat=len(frames)):
        chance = float(np.prod([step[a, b] for a, b in itertools.pairwise((0, *path))]))
        if chance == 0.0:
            continue
        ratio = np.full(evidence.shape, chance)
        for (mark, carried), state, seen in zip(frames, path, observed, strict=True):
            if seen:
                h = height[state]
                density = np.exp(-0.5 * (mark - h * signature.marker) ** 2 - 0.5 * (carried - h * evidence) ** 2)
                ratio = ratio * density / np.exp(-0.5 * mark**2 - 0.5 * carried**2)
        total += ratio
    return total / total.max()


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda s: s.sensor)
def test_streams_agree_with_brute_force(signature: Signature) -> None:
    random = np.random.Generator(np.random.PCG64(9))
    lengths = np.array([6, 1, 5, 6, 3])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    frames = random.normal(0.8, 1.3, (int(lengths.sum()), 2))
    observed = random.random(len(frames)) < 0.7
    observed[offsets[2] : offsets[3]] = False  # one stream has nothing
    frames[~observed] = np.nan  # and what is not observed is not read
    found = stream_likelihood(signature, frames, observed, offsets)
    for i in range(len(lengths)):
        here = slice(offsets[i], offsets[i + 1])
        np.testing.assert_allclose(found[i], _brute_force(signature, frames[here], observed[here]), rtol=1e-9)


def test_unimodal_skill_is_ordered_and_all_three_clearly_beat_text(samples: Samples) -> None:
    complete, text = loss(samples, "complete"), loss(samples, only("text"))
    audio, vision = loss(samples, only("audio")), loss(samples, only("vision"))
    nothing = loss(samples, "random_positions(rate=1)")
    for better, worse in itertools.pairwise((complete, text, audio, vision, nothing)):
        assert clearly_less(better, worse)
    assert complete.mean() < 0.75 * text.mean()
    assert clearly_less(complete, loss(samples, only("text", "audio")))  # each of the three adds something
    assert clearly_less(loss(samples, only("text", "audio")), loss(samples, only("text", "vision")))
    assert clearly_less(loss(samples, only("text", "vision")), text)


def test_skill_is_calibrated(samples: Samples) -> None:
    """The figures that the documentation states."""
    for scenario, expected in (
        ("complete", 0.44),
        (only("text"), 0.70),
        (only("audio"), 0.99),
        (only("vision"), 1.06),
        ("random_positions(rate=1)", 1.34),
    ):
        assert loss(samples, scenario).mean() == pytest.approx(expected, abs=0.06), scenario


def test_error_rises_with_the_missing_rate(samples: Samples) -> None:
    rates = (0.0, 0.25, 0.5, 0.75, 1.0)
    losses = [loss(samples, f"random_positions(rate={r})") for r in rates]
    for less, more in itertools.pairwise(losses):
        assert clearly_less(less, more)
    expected = [expected_error(ask(samples, f"random_positions(rate={r})")).mean() for r in rates]
    assert expected == sorted(expected)


def test_with_nothing_left_it_is_the_prior(samples: Samples) -> None:
    answer = ask(samples, "random_positions(rate=1)")
    prior = LABELS[np.searchsorted(np.cumsum(LABEL_PROBABILITY), 0.5)]
    usual = np.median(answer.median)
    assert abs(usual - prior) <= 0.2
    assert (np.abs(answer.median - prior) <= 0.4 + 1e-9).mean() > 0.95  # the number of words tells a little
    np.testing.assert_allclose(answer.probabilities.mean(axis=0), LABEL_PROBABILITY, atol=0.01)


@pytest.mark.parametrize("scenario", ["complete", only("text"), only("audio", "vision"), "random_positions(rate=0.5)"])
def test_posterior_is_calibrated(samples: Samples, scenario: str) -> None:
    answer = ask(samples, scenario)
    label = np.round(samples.label.astype(np.float64) * 5).astype(int) + 15
    rows = np.arange(len(samples))
    below = np.cumsum(answer.probabilities, axis=1)[rows, label]
    # labels are discrete: where in its step a label lies is drawn, which makes the rank uniform
    rank = below - np.random.Generator(np.random.PCG64(0)).random(len(rows)) * answer.probabilities[rows, label]
    assert 0.76 < ((rank > 0.1) & (rank < 0.9)).mean() < 0.84
    assert 0.46 < ((rank > 0.25) & (rank < 0.75)).mean() < 0.54
    assert rank.mean() == pytest.approx(0.5, abs=0.03)
    error = np.abs(answer.median - samples.label).mean()
    assert error == pytest.approx(expected_error(answer).mean(), abs=0.04)
    inside = (answer.quantile(0.1) <= samples.label + 1e-6) & (samples.label <= answer.quantile(0.9) + 1e-6)
    assert inside.mean() > 0.78


def test_median_and_mean_are_the_best_of_their_loss(samples: Samples) -> None:
    answer = ask(samples, "random_positions(rate=0.5)")
    for shift in (-0.4, -0.2, 0.2, 0.4):
        moved = (answer.probabilities * np.abs(LABELS - (answer.median + shift)[:, None])).sum(axis=1)
        assert (moved >= expected_error(answer) - 1e-9).all()
    assert np.square(answer.mean - samples.label).mean() < np.square(answer.median - samples.label).mean() + 0.01


def _bag_of_words(samples: Samples) -> np.ndarray:
    text = samples.streams["text"]
    known, column = np.unique(text.token_ids, return_inverse=True)
    bag = np.zeros((len(samples), len(known)))
    np.add.at(bag, (np.repeat(np.arange(len(samples)), np.diff(text.offsets)), column), 1)
    return bag


def _mean_frame(stream: ModalityStream) -> np.ndarray:
    total = np.add.reduceat(stream.values.astype(np.float64), stream.offsets[:-1], axis=0)
    seen = np.add.reduceat(stream.observed.astype(np.float64), stream.offsets[:-1])
    return total / np.maximum(seen, 1)[:, None]


def test_ridge_learns_every_modality_and_beats_the_oracle_in_none(samples: Samples) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    features = {
        "text": _bag_of_words(samples),
        "audio": _mean_frame(samples.streams["audio"]),
        "vision": _mean_frame(samples.streams["vision"]),
    }
    features["complete"] = np.hstack(list(features.values()))
    part = samples.splits["official"]
    test, label = part == 3, samples.label.astype(np.float64)
    constant = np.abs(label[test] - np.median(label[part < 3]))
    errors = {}
    for name, x in features.items():
        model = linear_model.RidgeCV(np.logspace(-1, 3, 9)).fit(x[part < 3], label[part < 3])
        errors[name] = np.abs(np.clip(model.predict(x[test]), -3, 3) - label[test])
        best = loss(samples, "complete" if name == "complete" else only(name))[test]
        assert clearly_less(best, errors[name]), name
        assert clearly_less(errors[name], constant), name
    assert clearly_less(errors["complete"], errors["text"])


def test_erasing_the_words_of_sentiment_hurts_more_than_erasing_others(samples: Samples) -> None:
    telling = {TOKEN_ID[w] for levels in SENTIMENT.values() for group in levels.values() for w in group}
    rows = np.arange(400)
    layout = layout_of(samples, rows)
    ids = samples.streams["text"].token_ids[: layout.offsets["text"][-1]]
    is_telling = np.isin(ids, sorted(telling))
    random = np.random.Generator(np.random.PCG64(2))
    others = np.zeros_like(is_telling)
    others[random.permutation(np.flatnonzero(~is_telling))[: is_telling.sum()]] = True
    without_audio_and_vision = {m: np.zeros_like(layout.observed[m]) for m in MODALITIES}
    errors = []
    for gone in (others, is_telling):
        masks = Masks(layout, {**without_audio_and_vision, "text": ~gone})
        errors.append(np.abs(oracle(samples, masks, CONFIG).median - samples.label[rows]))
    assert clearly_less(*errors)


def test_each_sample_is_answered_by_itself(samples: Samples) -> None:
    scenario = parse("random_positions(rate=0.5) + drop(rate=0.5)")
    rows = np.array([900, 3, 1400, 57, 4])
    some = oracle(samples, scenario.masks(layout_of(samples, rows)), CONFIG)
    one = oracle(samples, scenario.masks(layout_of(samples, rows[:1])), CONFIG)
    assert some.sample_ids == tuple(samples.ids[rows])
    assert some.probabilities.shape == (5, 31)
    all_of_them = ask(samples, str(scenario))
    np.testing.assert_allclose(some.probabilities, all_of_them.probabilities[rows], atol=1e-9)
    np.testing.assert_allclose(one.probabilities, some.probabilities[:1], atol=1e-9)


def test_erased_positions_are_not_read(samples: Samples) -> None:
    """Nor where the data set has a gap, whatever the masks claim."""
    layout = layout_of(samples)
    masks = parse("random_positions(rate=0.4)").masks(layout)
    streams = {}
    for m in MODALITIES:
        stream, gone = samples.streams[m], ~masks.observed[m]
        if stream.token_ids is not None:
            streams[m] = dataclasses.replace(stream, token_ids=np.where(gone, 100, stream.token_ids))
        else:
            streams[m] = dataclasses.replace(stream, values=np.where(gone[:, None], np.float32(7), stream.values))
    spoilt = dataclasses.replace(samples, streams=streams)
    answer = ask(samples, "random_positions(rate=0.4)")
    np.testing.assert_array_equal(oracle(spoilt, masks, CONFIG).probabilities, answer.probabilities)
    claims = Masks(layout, {m: np.ones_like(masks.observed[m]) for m in MODALITIES})
    np.testing.assert_array_equal(oracle(samples, claims, CONFIG).probabilities, ask(samples, "complete").probabilities)


def test_stated_error_covers_rounding(samples: Samples) -> None:
    random = np.random.Generator(np.random.PCG64(1))
    streams = dict(samples.streams)
    for signature in SIGNATURES:
        stream = streams[signature.sensor]
        noise = random.uniform(-STEP / 2, STEP / 2, stream.values.shape) * stream.observed[:, None]
        streams[signature.sensor] = dataclasses.replace(stream, values=(stream.values + noise).astype(np.float32))
    moved = oracle(dataclasses.replace(samples, streams=streams), parse("complete").masks(layout_of(samples)), CONFIG)
    shift = np.abs(moved.mean - ask(samples, "complete").mean)
    assert 0 < shift.max() < ERROR == moved.error


def test_wrong_questions_are_refused_in_one_line(samples: Samples) -> None:
    layout = layout_of(samples, [0, 1])
    masks = parse("complete").masks(layout)
    strange = dataclasses.replace(layout, sample_ids=("video000_0", "nobody"))
    cut = Layout.of_lengths("x", layout.sample_ids, text=[1, 1], audio=[1, 1], vision=[1, 1])
    text = samples.streams["text"]
    foreign = {**samples.streams, "text": dataclasses.replace(text, token_ids=np.full_like(text.token_ids, 2000))}
    for data, asked, config, named in (
        (samples, masks, SyntheticConfig(seed=12), "seed=12"),
        (samples, Masks(strange, masks.observed), CONFIG, "nobody"),
        (samples, parse("complete").masks(cut), CONFIG, "text"),
        (dataclasses.replace(samples, streams=foreign), masks, CONFIG, "grammar"),
    ):
        with pytest.raises(InputError) as caught:
            oracle(data, asked, config)
        assert named in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError):
        ask(samples, "complete").quantile(1.0)
