"""The probe of each modality: exact, honest about noise, and alarmed by features that were made with labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data.description import describe
from benchmark.data.description.bag_of_words import bag_of_words
from benchmark.data.description.ridge import PENALTIES, fit_ridge
from benchmark.data.samples import ModalityStream, Samples
from benchmark.data.synthetic import SyntheticConfig, generate
from tests.samples import make_samples

ALARM = ("alone reaches", "predicts better than the words", "knows the labels")


def alarms(samples: Samples) -> list[str]:
    return [line for line in describe(samples).warnings if any(words in line for words in ALARM)]


def leaky(
    samples: Samples, modality: str, parts: tuple[int, ...], *, apart: bool = False, noise: float = 0.6
) -> Samples:
    """Features of some parts with a trace of the label, as an extractor leaves that was trained on the labels there."""
    rng = np.random.Generator(np.random.PCG64(3))
    stream = samples.streams[modality]  # type: ignore[index]
    owner = np.repeat(np.arange(len(samples)), np.diff(stream.offsets))
    trace = (samples.label + rng.normal(0, noise, len(samples)))[owner]
    values = stream.values.astype(np.float64)  # type: ignore[union-attr]
    common = rng.normal(size=stream.width)
    for part in parts:
        here = samples.splits["official"][owner] == part
        values[here] += 0.5 * trace[here, None] * (rng.normal(size=stream.width) if apart else common)
    values *= stream.observed[:, None]
    new = replace(stream, values=values.astype(np.float32))
    return replace(samples, streams={**samples.streams, modality: new})


@pytest.fixture(scope="module")
def clean() -> Samples:
    return generate(SyntheticConfig(seed=2, size="small"))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(6, 25), st.integers(2, 6))
def test_left_out_predictions_are_those_of_fits_without_the_group(seed: int, width: int, n: int, videos: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    x, groups = rng.normal(size=(n, width)), rng.integers(0, videos, n)
    y = x[:, 0] + rng.normal(size=n)
    if len(np.unique(groups)) == 1:
        groups = np.arange(n)
    fit = fit_ridge(x, y, groups)
    centred = x - x.mean(axis=0)
    scatter = centred.T @ centred
    penalty = fit.penalty * np.trace(scatter) / min(width, n)
    assert fit.penalty in PENALTIES
    for group in np.unique(groups):
        rest = groups != group
        a = x[rest] - x[rest].mean(axis=0)
        weights = np.linalg.solve(a.T @ a + penalty * np.eye(width), a.T @ (y[rest] - y[rest].mean()))
        expected = y[rest].mean() + (x[~rest] - x[rest].mean(axis=0)) @ weights
        np.testing.assert_allclose(fit.left_out[~rest], expected, rtol=1e-5, atol=1e-6)
    weights = np.linalg.solve(scatter + penalty * np.eye(width), centred.T @ (y - y.mean()))
    np.testing.assert_allclose(fit.predict(x), y.mean() + centred @ weights, rtol=1e-5, atol=1e-6)


def test_the_penalty_is_strong_for_noise_and_weak_for_signal() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    x, groups = rng.normal(size=(200, 20)), np.arange(200) // 5
    signal = fit_ridge(x, x @ rng.normal(size=20), groups)
    noise = fit_ridge(x, rng.normal(size=200), groups)
    assert signal.penalty < 0.01 < 1 < noise.penalty
    assert np.abs(noise.weights).max() < 0.1


def test_leaving_out_videos_is_not_fooled_by_what_a_video_shares() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    video = np.repeat(np.arange(40), 8)
    speaker, mood = rng.normal(size=(40, 30)), rng.normal(size=40)
    x, y = speaker[video] + 0.01 * rng.normal(size=(320, 30)), mood[video] + 0.01 * rng.normal(size=320)
    by_video, by_sample = fit_ridge(x, y, video), fit_ridge(x, y, np.arange(320))
    assert np.corrcoef(by_sample.left_out, y)[0, 1] > 0.7
    assert np.corrcoef(by_video.left_out, y)[0, 1] < 0.4


def test_bag_of_words_reads_no_erased_token_and_learns_its_columns_from_train() -> None:
    tokens = np.array([5, 6, 5, 6, 7, 7, 9, 9, 5, 8])
    offsets = np.array([0, 2, 4, 6, 8, 10])
    observed = np.ones(10, dtype=bool)
    observed[9] = False
    train = np.array([True, True, False, False, False])
    stream = ModalityStream(offsets, observed, token_ids=tokens)
    table = bag_of_words(stream, train)
    assert table.shape == (5, 3)  # 5, 6 and the pair 5 6: what two training samples have
    np.testing.assert_allclose((table**2).sum(axis=1), [1, 1, 0, 0, 1])
    changed = replace(stream, token_ids=np.where(observed, tokens, 6))
    np.testing.assert_array_equal(bag_of_words(changed, train), table)


def test_each_modality_is_asked_by_itself() -> None:
    probes = {p.modality: p for p in describe(generate(SyntheticConfig())).probes}
    assert probes["text"].mae < probes["audio"].mae < probes["vision"].mae < probes["constant"].mae
    assert probes["text"].corr > probes["audio"].corr > probes["vision"].corr > 0.2
    for probe in (probes["text"], probes["audio"], probes["vision"]):
        assert probe.low <= probe.accuracy <= probe.high
        assert 0.5 <= probe.majority < 1
    samples = make_samples(n=120)
    assert describe(samples).probes == describe(samples).probes


def test_the_test_labels_do_not_touch_the_fit() -> None:
    samples = make_samples(n=300)
    test = samples.splits["official"] == 3
    turned = replace(samples, label=np.where(test, -samples.label, samples.label).astype(np.float32))
    first, second = (describe(s).probes[1] for s in (samples, turned))
    assert first.corr == pytest.approx(-second.corr)
    assert (first.columns, first.train_corr) == (second.columns, second.train_corr)


def test_noise_is_no_better_than_the_constant(clean: Samples) -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    audio = clean.streams["audio"]
    noise = replace(audio, values=rng.normal(size=audio.values.shape).astype(np.float32))  # type: ignore[union-attr]
    probes = {p.modality: p for p in describe(replace(clean, streams={**clean.streams, "audio": noise})).probes}
    assert probes["audio"].mae == pytest.approx(probes["constant"].mae, rel=0.03)
    assert probes["audio"].train_corr < 0.15


def test_clean_features_raise_no_alarm(clean: Samples) -> None:
    assert alarms(clean) == []
    assert alarms(generate(SyntheticConfig(seed=3, size="tiny"))) == []


def test_an_extractor_that_saw_all_labels_is_found(clean: Samples) -> None:
    found = alarms(leaky(clean, "vision", (1, 2, 3)))
    assert any("vision alone reaches a test Acc-2" in line for line in found)
    assert any("vision alone" in line and "better than the words" in line for line in found)
    assert all(line.startswith("vision") for line in found)
    assert any("alone reaches" in line for line in alarms(make_samples(n=120)))  # made of labels and noise


def test_an_extractor_that_saw_the_test_labels_is_found(clean: Samples) -> None:
    found = alarms(leaky(clean, "audio", (3,)))
    assert any("audio knows the labels of test" in line and "saw no test labels" in line for line in found)
    assert not any(line.startswith("vision") for line in found)


def test_an_extractor_that_learnt_the_training_labels_is_found(clean: Samples) -> None:
    found = alarms(leaky(clean, "vision", (1,)))
    assert [line for line in found if "seems to have learnt the labels of train" in line]
    assert not any("saw no test labels" in line for line in found)


def test_extractors_of_each_part_apart_are_found(clean: Samples) -> None:
    """A fit on train fails on test then, and only the parts by themselves betray it."""
    found = alarms(leaky(clean, "vision", (1, 3), apart=True))
    assert any("not trained on the labels of each part" in line for line in found)


def test_few_samples_give_a_reason_and_no_figures() -> None:
    probe = describe(make_samples(n=18)).probes[1]
    assert "samples of" in probe.reason
    assert probe.mae is None
