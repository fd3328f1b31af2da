"""Labels: a function of the sum of the text's sentiment, the tones of voice and face, and an unobservable part.

The function is monotone and chosen so that labels are distributed as in CMU-MOSI.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from benchmark.data.synthetic.composition import TEXT_GRID
from protocols.layout import FloatArray, IntArray

#: The possible labels: CMU-MOSI's mean of five raters, -3 to 3 in steps of 0.2.
LABELS: FloatArray = np.arange(-15, 16) / 5.0

# Shares of the labels in thousandths: CMU-MOSI's histogram, smoothed on either side of zero, with the class shares of
# its test part (55 % negative, 4 % zero, 41 % positive).
_NEGATIVE = (9, 15, 19, 24, 37, 47, 48, 48, 46, 47, 50, 43, 37, 40, 38)
_ZERO = (42,)
_POSITIVE = (28, 28, 28, 27, 26, 29, 34, 36, 39, 41, 35, 24, 16, 11, 6)

#: Probability of each label.
LABEL_PROBABILITY: FloatArray = np.array(_NEGATIVE + _ZERO + _POSITIVE) / sum(_NEGATIVE + _ZERO + _POSITIVE)

# Tone of voice and tone of face are sums of fair coins, of which they share some: their correlation is 1/3.
_SHARED_COINS, _OWN_COINS = 2, 4
_COINS = _SHARED_COINS + _OWN_COINS

#: The possible tones of voice, in the units of the text's sentiment; only audio shows them.
VOICE_GRID: FloatArray = 0.65 * (np.arange(_COINS + 1, dtype=np.float64) - _COINS / 2)
#: The possible tones of face; only vision shows them.
FACE_GRID: FloatArray = 0.55 * (np.arange(_COINS + 1, dtype=np.float64) - _COINS / 2)

#: Standard deviations of the unobservable part: shared by the utterances of a video, and for each utterance.
VIDEO_SPREAD, UTTERANCE_SPREAD = 0.33, 0.28
_SPREAD = math.hypot(VIDEO_SPREAD, UTTERANCE_SPREAD)


#: Thresholds of the sum between neighbouring labels, by bisection on its distribution, which a test repeats.
THRESHOLDS: FloatArray = np.array([
    -4.7667487821512005, -4.192821147423036, -3.781102079688228, -3.417846385061214, -2.998343959015454,
    -2.5769883665457947, -2.209275937068387, -1.87452085173744, -1.5702112299024868, -1.2672346251321365,
    -0.9473302910646488, -0.6707410386707444, -0.4301989287712935, -0.16683483219618367, 0.08666687045228727,
    0.37039127884191814, 0.5615211691072126, 0.7543252650052388, 0.9490946299813636, 1.1392991740967027,
    1.325451189003406, 1.5378806117157744, 1.7962067010609708, 2.0862192890556095, 2.4312555498342725,
    2.855517498770592, 3.319537206312827, 3.765992382274188, 4.22450235142183, 4.817554111642419,
])  # fmt: skip


@cache
def tone_probability() -> FloatArray:
    """`(7, 7)`: probability of each tone of voice and of face; independent of the words."""
    joint = np.zeros((_COINS + 1, _COINS + 1))
    separate = _binomial(_OWN_COINS)
    for shared, p in enumerate(_binomial(_SHARED_COINS)):
        joint[shared : shared + _OWN_COINS + 1, shared : shared + _OWN_COINS + 1] += p * np.outer(separate, separate)
    return joint


def draw_tones(n: int, random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Draw tones of voice and of face, both `(n,)`."""
    shared = random.integers(0, 2, (n, _SHARED_COINS)).sum(axis=1)
    voice, face = (shared + random.integers(0, 2, (n, _OWN_COINS)).sum(axis=1) for _ in range(2))
    return VOICE_GRID[voice], FACE_GRID[face]


@cache
def label_given_meaning() -> FloatArray:
    """`(25, 7, 7, 31)`: probability of each label given text, voice and face, summed over the unobservable part."""
    centres, inverse = np.unique(_meaning().round(9), return_inverse=True)
    passed = _normal_cdf((THRESHOLDS - centres[:, None]) / _SPREAD)
    ends = np.zeros((len(centres), 1))
    table = np.diff(np.concatenate([ends, passed, ends + 1.0], axis=1), axis=1)
    return table[inverse.ravel()].reshape(*_meaning().shape, len(LABELS))


def label_index(meaning: FloatArray) -> IntArray:
    """`(n,)` index into `LABELS` of each sum of text, tone and the unobservable."""
    return np.searchsorted(THRESHOLDS, meaning).astype(np.int64)


def _meaning() -> FloatArray:
    """`(25, 7, 7)`: sum of the sentiment of the text and of the tones."""
    return TEXT_GRID[:, None, None] + VOICE_GRID[:, None] + FACE_GRID


def _binomial(trials: int) -> FloatArray:
    return np.array([math.comb(trials, k) for k in range(trials + 1)]) / 2.0**trials


def _normal_cdf(x: FloatArray) -> FloatArray:
    root = math.sqrt(2.0)
    return np.array([0.5 * math.erfc(-value / root) for value in x.ravel().tolist()]).reshape(x.shape)
