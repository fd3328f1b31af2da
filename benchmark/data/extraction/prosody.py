"""Audio features without a model: mel spectrum, energy, zero crossings, pitch and voicing, 20 frames a second.

Sound is mono at 16 kHz. Spectrum, energy and zero crossings are means of five windows of 25 ms, 10 ms apart, around the
middle of a frame; the mel scale is that of O'Shaughnessy (1987), 40 triangles from 20 to 8000 Hz. Pitch is the highest
peak of the autocorrelation of 64 ms divided by that of the window, with costs of octaves (Boersma 1993). Samples that
are exactly 0 for a window (a muted track, padding) count as not recorded.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from benchmark.data.extraction.clip import Clip
from benchmark.data.extraction.registry import Frames, nothing, register_extractor
from benchmark.data.extraction.sound import sound_blocks
from benchmark.data.samples import BoolArray

RATE, FRAMES_A_SECOND, MELS = 16_000, 20, 40
WIDTH = MELS + 4
_STEP, _HOP, _WINDOW, _FFT = RATE // FRAMES_A_SECOND, 160, 400, 512
_PITCH_WINDOW, _LOWEST, _HIGHEST = 1024, 65.0, 400.0
#: Constants of Boersma (1993), section 5.
_VOICED, _OCTAVE_COST = 0.45, 0.01
#: Frames of a block, and samples beside it that its windows reach.
_BLOCK, _MARGIN = 200, 128

Array = npt.NDArray[np.float64]


@register_extractor("audio", "prosody", version=1, licence="MIT (part of sentibench)")
def prosody(clip: Clip) -> Frames:
    """Log mel energies (40), log energy, zero crossings, pitch (Hz, 0 if unvoiced) and voicing (0 to 1) at 20 Hz."""
    if not clip.has_sound:
        return nothing(WIDTH)
    times = clip.times(FRAMES_A_SECOND)
    values, observed = np.zeros((len(times), WIDTH), np.float32), np.zeros(len(times), np.bool_)
    for i, (sound, recorded) in enumerate(sound_blocks(clip, RATE, _BLOCK * _STEP, _MARGIN)):
        rows = slice(i * _BLOCK, min((i + 1) * _BLOCK, len(times)))
        count = rows.stop - rows.start
        if count > 0 and recorded.any():
            block, seen = block_features(sound.astype(np.float64), recorded)
            values[rows], observed[rows] = block[:count], seen[:count]
    return times, values, observed


def block_features(sound: Array, recorded: BoolArray) -> tuple[Array, BoolArray]:
    """Return the features of the frames of a block `(frames, 44)`, and the frames with a recorded window."""
    first = _MARGIN + _HOP // 2 - _WINDOW // 2
    windows = np.lib.stride_tricks.sliding_window_view(sound[first:], _WINDOW)[::_HOP][: _BLOCK * 5]
    gaps = np.concatenate([[0], np.cumsum(~recorded)])[first:]
    whole = (gaps[_WINDOW::_HOP][: len(windows)] == gaps[::_HOP][: len(windows)]) & windows.any(axis=1)
    rows = np.zeros((len(windows), MELS + 2))
    rows[whole] = spectral(windows[whole])
    counts = whole.reshape(_BLOCK, 5).sum(axis=1)
    means = rows.reshape(_BLOCK, 5, -1).sum(axis=1) / np.maximum(counts, 1)[:, None]
    around = _MARGIN + _STEP // 2 - _PITCH_WINDOW // 2
    long = np.lib.stride_tricks.sliding_window_view(sound[around:], _PITCH_WINDOW)[::_STEP][:_BLOCK]
    seen = counts > 0
    return np.column_stack([means, pitch(long)]) * seen[:, None], seen


def spectral(windows: Array) -> Array:
    """Return 40 log mel energies, log energy and the share of sign changes of windows `(n, 400)`, `(n, 42)`."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    power = np.abs(np.fft.rfft(windows * hann, _FFT)) ** 2
    crossings = np.diff(np.signbit(windows), axis=1).mean(axis=1)
    energy = np.log(np.square(windows).mean(axis=1) + 1e-10)
    return np.column_stack([np.log(power @ mel_bank().T + 1e-8), energy, crossings])


@lru_cache(maxsize=1)
def mel_bank() -> Array:
    """Return the triangles of the mel scale over the bins of the spectrum, `(40, 257)`, each with height 1."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (20, RATE / 2))
    edges = 700 * (10 ** (np.linspace(low, high, MELS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(_FFT, 1 / RATE)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.asarray(np.maximum(0, np.minimum(rising, falling)))


def pitch(windows: Array) -> Array:
    """Return pitch in Hz (0 if unvoiced) and voicing of windows `(n, 1024)`, `(n, 2)`."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_PITCH_WINDOW) / _PITCH_WINDOW)
    both = np.vstack([hann, (windows - windows.mean(axis=1, keepdims=True)) * hann])
    own = np.fft.irfft(np.abs(np.fft.rfft(both, 2 * _PITCH_WINDOW)) ** 2)
    own /= np.maximum(own[:, :1], 1e-12)
    first, last = int(RATE / _HIGHEST), int(RATE / _LOWEST)
    ratio = own[1:, first - 1 : last + 2] / own[0, first - 1 : last + 2]
    before, here, after = ratio[:, :-2], ratio[:, 1:-1], ratio[:, 2:]
    lags = np.arange(first, last + 1)
    peaks = (here >= before) & (here > after)
    scores = np.where(peaks, here - _OCTAVE_COST * np.log2(_LOWEST * lags / RATE), -np.inf)
    at = np.arange(len(ratio)), scores.argmax(axis=1)
    bend = before[at] - 2 * here[at] + after[at]
    lag = lags[at[1]] + 0.5 * (before[at] - after[at]) / np.where(bend < 0, bend, -1)
    voicing = np.where(peaks.any(axis=1), np.clip(here[at], 0, 1), 0)
    return np.column_stack([np.where(voicing > _VOICED, RATE / lag, 0), voicing])
