"""Version 2 of the generated data: voice and face stress the same words and belong to one person."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmark.data.samples import Samples
from benchmark.data.synthetic import SyntheticConfig, evidence, generate, oracle, parse_synthetic
from benchmark.data.synthetic.labels import LABELS
from benchmark.data.synthetic.streams import AUDIO, SIGNATURES, VISION, Signature
from benchmark.data.synthetic.stresses import (
    IDENTITY,
    STRESSED,
    StressEvidence,
    joint_likelihood,
    stressed_heights,
    word_of_frame,
)
from protocols import MODALITIES, InputError, Layout, Masks
from protocols.layout import FloatArray

CONFIG = SyntheticConfig(seed=11, samples=(400, 100, 300), max_length=20, version=2)
FINGERPRINT = "c619407419054bff"


@pytest.fixture(scope="module")
def samples() -> Samples:
    return generate(CONFIG)


def whole(samples: Samples) -> Masks:
    lengths = {m: np.diff(samples.streams[m].offsets) for m in MODALITIES}
    layout = Layout.of_lengths("synthetic", samples.ids.tolist(), **lengths)
    return Masks(layout, {m: samples.streams[m].observed for m in MODALITIES})


def test_the_samples_of_version_2_stay_what_they_are() -> None:
    config = parse_synthetic("synthetic:size=tiny,version=2")
    assert parse_synthetic(str(config)) == config
    assert generate(config).fingerprint().startswith(FINGERPRINT)


@pytest.mark.parametrize("version", [0, 3])
def test_other_versions_are_refused(version: int) -> None:
    with pytest.raises(InputError, match="version must be a whole number from 1 to 2"):
        parse_synthetic(f"synthetic:version={version}")


def test_every_frame_is_of_one_word_in_order() -> None:
    words, lengths = np.array([3, 1, 5]), np.array([7, 4, 3])
    word = word_of_frame(words, lengths)
    assert word.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 4, 5, 7]
    assert stressed_heights(word).tolist() == [0.6, 1.0, 0.6, 1, 1, 1, 1, 0.6, 1.0, 1.0, 0.6, 1, 1, 1]


def marks(samples: Samples, signature: Signature) -> FloatArray:
    """`(W,)`: mean mark of the frames of every word; NaN for words without an observed frame."""
    stream = samples.streams[signature.sensor]
    words = np.diff(samples.streams["text"].offsets)
    word = word_of_frame(words, np.diff(stream.offsets))
    mark = signature.signature_coordinates(stream.values.astype(np.float64))[:, 0]  # type: ignore[union-attr]
    seen = stream.observed
    total, count = (
        np.bincount(word[seen], weights=w, minlength=int(words.sum())) for w in (mark[seen], np.ones(seen.sum()))
    )
    return np.where(count > 0, total / np.where(count > 0, count, 1), np.nan)


def test_voice_and_face_stress_the_same_words(samples: Samples) -> None:
    voice, face = (marks(samples, signature) for signature in SIGNATURES)
    both = ~np.isnan(voice) & ~np.isnan(face)
    assert (voice[both] > 0.9).mean() == pytest.approx(STRESSED, abs=0.05)
    assert np.corrcoef(voice[both], face[both])[0, 1] > 0.5
    other = generate(SyntheticConfig(seed=11, samples=(400, 100, 300), max_length=20))
    voice, face = (marks(other, signature) for signature in SIGNATURES)
    both = ~np.isnan(voice) & ~np.isnan(face)
    assert abs(np.corrcoef(voice[both], face[both])[0, 1]) < 0.1  # version 1


def speakers(samples: Samples, signature: Signature) -> FloatArray:
    """`(videos, 3)`: three coordinates of the speaker of each video, the mean of its frames."""
    stream = samples.streams[signature.sensor]
    coordinates = np.linalg.solve(signature.features(np.eye(signature.width)).T, stream.values.T).T  # type: ignore[union-attr]
    _, video = np.unique(samples.video_ids.astype(str), return_inverse=True)
    owner = np.repeat(video, np.diff(stream.offsets))[stream.observed]
    kept = coordinates[stream.observed, 2:5]
    sums = np.stack([np.bincount(owner, weights=column) for column in kept.T], axis=1)
    return np.asarray(sums / np.bincount(owner)[:, None])


def test_voice_and_face_are_of_one_person() -> None:
    many = generate(SyntheticConfig(seed=3, samples=(1500, 10, 10), max_length=20, version=2))
    voice, face = speakers(many, AUDIO), speakers(many, VISION)
    found = np.mean([np.corrcoef(voice[:, k], face[:, k])[0, 1] for k in range(3)])
    assert found == pytest.approx(IDENTITY, abs=0.12)


def test_the_joint_likelihood_is_the_sum_over_all_stresses(samples: Samples) -> None:
    words = np.array([4])
    streams = []
    for signature in SIGNATURES:
        stream = samples.streams[signature.sensor]
        row = int(np.flatnonzero(np.diff(samples.streams["text"].offsets) == 4)[0])
        at = slice(int(stream.offsets[row]), int(stream.offsets[row + 1]))
        coordinates = signature.signature_coordinates(stream.values[at].astype(np.float64))  # type: ignore[index]
        streams.append((signature, coordinates, stream.observed[at]))
    given = [StressEvidence(s, c, o, np.array([len(o)]), words) for s, c, o in streams]
    found = joint_likelihood(*given)[0]
    expected = np.zeros_like(found)
    for stressed in itertools.product((0, 1), repeat=4):
        densities = []
        for signature, coordinates, observed in streams:
            word = word_of_frame(words, np.array([len(observed)]))
            height = (stressed_heights(word) * np.array(stressed)[word])[:, None, None]
            mark = height * signature.marker
            carried = height * (
                signature.text_gain * np.arange(-12, 13)[:, None] / 4 + signature.tone_gain * signature.tone_grid
            )
            log = -0.5 * ((coordinates[:, :1, None] - mark) ** 2 + (coordinates[:, 1:, None] - carried) ** 2)
            log += 0.5 * (coordinates**2).sum(axis=1)[:, None, None]
            densities.append(np.exp(log[observed].sum(axis=0)))
        chance = np.prod([STRESSED if s else 1 - STRESSED for s in stressed])
        expected += chance * densities[0][:, :, None] * densities[1][:, None, :]
    np.testing.assert_allclose(found, expected / expected.max(), rtol=1e-9)


def test_the_oracle_is_calibrated_and_gains_by_both_streams(samples: Samples) -> None:
    masks = whole(samples)
    answer = oracle(samples, masks, CONFIG)
    error = np.abs(answer.median - samples.label)
    expected = (answer.probabilities * np.abs(LABELS - answer.median[:, None])).sum(axis=1)
    gap = error - expected
    assert abs(gap.mean()) < 3 * gap.std() / np.sqrt(len(gap))
    silent = Masks(masks.layout, {**masks.observed, "vision": np.zeros_like(masks.observed["vision"])})
    less = np.abs(oracle(samples, silent, CONFIG).median - samples.label) - error
    assert less.mean() > 3 * less.std() / np.sqrt(len(less))


def test_the_evidence_of_a_frame_is_what_its_stream_loses_without_it() -> None:
    config = SyntheticConfig(seed=6, samples=(20, 5, 5), max_length=14, version=2)
    made = generate(config)
    told = evidence(config)
    for signature in SIGNATURES:
        stream = made.streams[signature.sensor]
        coordinates = signature.signature_coordinates(stream.values.astype(np.float64))  # type: ignore[union-attr]
        lengths, words = np.diff(stream.offsets), np.diff(made.streams["text"].offsets)
        given = StressEvidence(signature, coordinates, stream.observed, lengths, words)
        frames, owner, without = (np.concatenate(parts) for parts in zip(*given.without_each_frame(), strict=True))
        assert frames.tolist() == list(range(len(stream.observed)))
        np.testing.assert_array_equal(owner, np.repeat(np.arange(len(lengths)), lengths))
        for frame in (0, 17, 40):
            gone = stream.observed.copy()
            gone[frame] = False
            alone = StressEvidence(signature, coordinates, gone, lengths, words).likelihood()[owner[frame]]
            np.testing.assert_allclose(without[frame], alone, rtol=1e-9)
        assert (told[signature.sensor] >= 0).all()
        assert (told[signature.sensor][~stream.observed] == 0).all()
        assert told[signature.sensor].max() > 0.05
