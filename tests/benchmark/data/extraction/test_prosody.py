"""Audio features against their definitions, and against librosa where it is installed."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from benchmark.data.extraction.clip import Clip
from benchmark.data.extraction.prosody import mel_bank, pitch, prosody, spectral
from tests.clips import tone, write_clip


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


def test_librosa_has_the_same_features(tmp_path: Path) -> None:
    """All 44 columns of the extractor, 20 frames a second."""
    librosa = pytest.importorskip("librosa", reason="librosa, the second opinion, is not installed")
    pytest.importorskip("av", reason="the extra 'features' is not installed")
    np.testing.assert_allclose(
        mel_bank(), librosa.filters.mel(sr=16_000, n_fft=512, n_mels=40, fmin=20, htk=True, norm=None), atol=1e-5
    )
    said = np.concatenate([tone(1.0, 180) + noise(16_000) * 0.1, noise(16_000)]).astype(np.float32)
    clip = Clip(write_clip(tmp_path / "a.wav", said))
    _, ours, observed = prosody(clip)
    assert observed.all()
    inner = slice(1, 38)
    sound = np.concatenate([part for _, part in clip.sound(16_000)]).astype(np.float64)

    def means(columns: np.ndarray) -> np.ndarray:
        return columns.T[:200].reshape(40, 5, -1).mean(axis=1)[inner]

    # its frames are centred on multiples of the hop, ours on the middles of 10 ms
    later, hop = sound[80:], {"hop_length": 160}
    power = librosa.feature.melspectrogram(
        y=later, sr=16_000, n_fft=512, win_length=400, n_mels=40, fmin=20, htk=True, norm=None, **hop
    )
    np.testing.assert_allclose(ours[inner, :40], means(np.log(power + 1e-8)), atol=1e-3)
    rms = librosa.feature.rms(y=later, frame_length=400, **hop)
    np.testing.assert_allclose(ours[inner, 40:41], means(2 * np.log(rms)), atol=1e-3)
    crossings = librosa.feature.zero_crossing_rate(later, frame_length=400, **hop)
    np.testing.assert_allclose(ours[inner, 41:42], means(crossings), atol=1 / 400)
    middle = np.r_[2:18, 22:38]
    hertz = librosa.yin(sound[400:], fmin=65, fmax=400, sr=16_000, frame_length=1024, hop_length=800)
    np.testing.assert_allclose(ours[2:18, 42], hertz[2:18], rtol=0.01)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(sound, 112), 1024)[::800][middle]
    hann = librosa.filters.get_window("hann", 1024)
    theirs = librosa.autocorrelate((windows - windows.mean(axis=1, keepdims=True)) * hann, max_size=247)
    ratio = theirs / theirs[:, :1] / (librosa.autocorrelate(hann, max_size=247) / np.square(hann).sum())
    # the costs of octaves can prefer a lower peak
    np.testing.assert_allclose(ours[middle, 43], ratio[:, 40:].max(axis=1), atol=0.03)
    assert ours[2:18, 43].min() > 0.8 > 0.45 > ours[22:38, 43].max()
