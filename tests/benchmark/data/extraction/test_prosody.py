"""Audio features against their definitions, and against librosa where it is installed."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from benchmark.data.extraction.prosody import mel_bank, pitch, spectral
from tests.clips import tone


def noise(n: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=[4, 2])).normal(size=n) * 0.1


def test_the_spectrum_is_that_of_its_definition() -> None:
    """One window, computed term by term."""
    x = noise(400)
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / 400) for n in range(400)]
    power = [
        abs(sum(x[n] * hann[n] * complex(math.cos(w := 2 * math.pi * k * n / 512), -math.sin(w)) for n in range(400)))
        ** 2
        for k in range(257)
    ]
    top = 2595 * math.log10(1 + 8000 / 700)
    low = 2595 * math.log10(1 + 20 / 700)
    edges = [700 * (10 ** ((low + (top - low) * i / 41) / 2595) - 1) for i in range(42)]

    def triangle(hertz: float, a: float, b: float, c: float) -> float:
        return max(0.0, (hertz - a) / (b - a) if hertz <= b else (c - hertz) / (c - b))

    expected = [
        math.log(sum(p * triangle(k * 31.25, *edges[m : m + 3]) for k, p in enumerate(power)) + 1e-8) for m in range(40)
    ]
    (found,) = spectral(x[None])
    np.testing.assert_allclose(found[:40], expected, rtol=1e-9)
    assert found[40] == pytest.approx(math.log(sum(v * v for v in x) / 400 + 1e-10))
    signs = sum((a < 0) != (b < 0) for a, b in itertools.pairwise(x))
    assert found[41] == pytest.approx(signs / 399)


@pytest.mark.parametrize("hertz", [70.0, 95.5, 120.0, 213.3, 390.0])
def test_the_pitch_of_a_tone(hertz: float) -> None:
    sound = tone(0.2, hertz).astype(np.float64)
    found = pitch(np.stack([sound[:1024], sound[900:1924], sound[:1024] + 0.05 * noise(1024)]))
    np.testing.assert_allclose(found[:, 0], hertz, rtol=0.01)
    assert (found[:, 1] > 0.9).all()


def test_noise_and_silence_have_no_pitch() -> None:
    found = pitch(np.stack([noise(1024), np.zeros(1024)]))
    assert found[:, 0].tolist() == [0, 0]
    assert (found[:, 1] < 0.45).all()


def test_librosa_has_the_same_mel_spectrum_and_pitch() -> None:
    librosa = pytest.importorskip("librosa", reason="librosa, the second opinion, is not installed")
    np.testing.assert_allclose(
        mel_bank(), librosa.filters.mel(sr=16_000, n_fft=512, n_mels=40, fmin=20, htk=True, norm=None), atol=1e-5
    )
    sound = (tone(0.5, 180) + noise(8000) * 0.2).astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(sound, 400)[::160]
    power = librosa.feature.melspectrogram(
        y=np.pad(sound, (56, 56)), sr=16_000, n_fft=512, win_length=400, hop_length=160, center=False,
        n_mels=40, fmin=20, htk=True, norm=None,
    )  # fmt: skip
    count = min(len(windows), power.shape[1])
    np.testing.assert_allclose(spectral(windows)[:count, :40], np.log(power.T[:count] + 1e-8), atol=1e-3)
    theirs = librosa.yin(sound, fmin=65, fmax=400, sr=16_000)
    ours = pitch(np.lib.stride_tricks.sliding_window_view(sound, 1024)[::800])
    assert np.median(ours[:, 0]) == pytest.approx(float(np.median(theirs)), rel=0.01)
