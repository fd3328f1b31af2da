"""Audio and vision: content of frames, places of events, lengths of streams.

A frame has hidden coordinates that a fixed rotation and scale turn into features. Coordinate 0 marks events;
coordinate 1 carries, within events, a weighted sum of the text's sentiment (redundant with the text) and of the tone
(of voice in audio, of the face in vision); both have white noise of variance 1. The other coordinates describe the
speaker and drift slowly; they carry no information about the sentiment.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

import numpy as np

from benchmark.data.synthetic.labels import FACE_GRID, VOICE_GRID
from protocols.layout import BoolArray, FloatArray, IntArray

Sensor: TypeAlias = Literal["audio", "vision"]

#: Height of the signature in the frames of an event: onset, apex (which may last), offset.
HEIGHTS = (0.6, 1.0, 0.6)
#: Probability that the apex lasts one more frame.
APEX_STAYS = 0.65
#: Step of stored features, so that they are equal on every platform.
STEP = 1.0 / 1024.0
_DRIFT = 0.8  # correlation of neighbouring frames in the speaker's coordinates
_DRIFT_SPREAD = 0.6
#: Standard deviation of a speaker's coordinates around those of all.
SPEAKER_SPREAD = 0.5


@dataclass(frozen=True)
class Signature:
    """Signature of the sentiment in one sensor.

    Attributes:
        sensor: Audio or vision.
        width: Number of features of a frame.
        marker: Height of the mark of an event, in standard deviations of the noise.
        text_gain: Height in coordinate 1 for a text sentiment of 1.
        tone_gain: Height in coordinate 1 for a tone of 1.
        events: Mean number of events in a stream.
        frames_per_word: Median frames for each word.
        length_spread: Standard deviation of the log of the frames per word.
        shortest: Least frames of a stream.
        longest: Most frames of a stream.
        gap_share: Share of the streams that have gaps.
        absent_share: Share of the streams that were never recorded (all gap).
    """

    sensor: Sensor
    width: int
    marker: float
    text_gain: float
    tone_gain: float
    events: float
    frames_per_word: float
    length_spread: float
    shortest: int
    longest: int
    gap_share: float = 0.0
    absent_share: float = 0.0

    @property
    def tone_grid(self) -> FloatArray:
        """`(7,)` the possible tones that this sensor shows."""
        return VOICE_GRID if self.sensor == "audio" else FACE_GRID

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(f"{self.sensor}_{i}" for i in range(self.width))

    def event_rate(self, frames: IntArray) -> FloatArray:
        """Probability that an event starts at a background frame, by the number of frames of the stream."""
        return np.minimum(self.events / frames, 0.25)

    def signature_coordinates(self, values: FloatArray) -> FloatArray:
        """`(P, 2)`: coordinates of `(P, D)` features with the signature."""
        return (values / _scale(self.width)) @ _rotation(self.width)[:, :2]

    def features(self, coordinates: FloatArray) -> FloatArray:
        """`(P, D)` features of `(P, D)` hidden coordinates, in steps of `STEP`."""
        features = (coordinates @ _rotation(self.width).T) * _scale(self.width)
        return np.round(features / STEP) * STEP


AUDIO = Signature("audio", 5, 2.0, 0.15, 0.72, 5.0, 3.6, 0.45, 6, 200)
VISION = Signature("vision", 20, 2.0, 0.11, 0.56, 6.0, 4.6, 0.5, 6, 250, gap_share=0.25, absent_share=0.01)
SIGNATURES: tuple[Signature, Signature] = (AUDIO, VISION)


@cache
def _rotation(width: int) -> FloatArray:
    """`(D, D)` fixed orthogonal matrix that spreads every hidden coordinate over all features: two reflections."""
    random = np.random.Generator(np.random.PCG64(width))
    rotation = np.eye(width)
    for _ in range(2):
        normal = random.uniform(0.5, 1.5, width) * np.where(random.random(width) < 0.5, -1.0, 1.0)
        rotation -= 2.0 * np.outer(rotation @ normal, normal) / (normal @ normal)
    return rotation


@cache
def _scale(width: int) -> FloatArray:
    """`(D,)` fixed units of the features."""
    return np.linspace(0.5, 2.0, width)


def draw_lengths(signature: Signature, words: IntArray, random: np.random.Generator) -> IntArray:
    """`(n,)` frames of each stream: longer for longer sentences, heavy-tailed."""
    pace = np.exp(signature.length_spread * random.standard_normal(len(words)))
    frames = np.round(signature.frames_per_word * (words + 0.5) * pace)
    return np.clip(frames, signature.shortest, signature.longest).astype(np.int64)


def draw_heights(signature: Signature, lengths: IntArray, random: np.random.Generator) -> FloatArray:
    """`(P,)`: height of the signature in every frame, 0 in the background. Streams start in the background."""
    rates = signature.event_rate(lengths)
    chances = random.random(int(lengths.sum())).tolist()
    heights: list[float] = []
    for frames, rate in zip(lengths.tolist(), rates.tolist(), strict=True):
        state = 0  # background, onset, apex, offset
        for _ in range(frames):
            chance = chances[len(heights)]
            if state == 0:
                state = 1 if chance < rate else 0
            elif state == 2:
                state = 2 if chance < APEX_STAYS else 3
            else:
                state = (state + 1) % 4
            heights.append(0.0 if state == 0 else HEIGHTS[state - 1])
    return np.array(heights)


def draw_features(
    signature: Signature,
    lengths: IntArray,
    text: FloatArray,
    tone: FloatArray,
    video: IntArray,
    random: np.random.Generator,
    heights: FloatArray | None = None,
    speakers: FloatArray | None = None,
) -> FloatArray:
    """`(P, D)` features of all streams, back to back.

    Args:
        signature: The sensor.
        lengths: `(n,)` frames of each stream.
        text: `(n,)` sentiment of the words.
        tone: `(n,)` tone of voice or of face.
        video: `(n,)` number of the video, whose speaker shifts the uninformative coordinates.
        random: Source of random numbers; advances.
        heights: `(P,)` height of the signature in every frame; drawn if it is None.
        speakers: `(videos, D - 2)` coordinates of the speakers; drawn if it is None.
    """
    owner = np.repeat(np.arange(len(lengths)), lengths)
    if heights is None:
        heights = draw_heights(signature, lengths, random)
    coordinates = random.standard_normal((len(owner), signature.width))
    _let_drift(coordinates[:, 2:], lengths)
    if speakers is None:
        speakers = SPEAKER_SPREAD * random.standard_normal((int(video.max()) + 1, signature.width - 2))
    coordinates[:, 2:] = _DRIFT_SPREAD * coordinates[:, 2:] + speakers[video[owner]]
    evidence = signature.text_gain * text + signature.tone_gain * tone
    coordinates[:, 0] += heights * signature.marker
    coordinates[:, 1] += heights * evidence[owner]
    return signature.features(coordinates)


def draw_observed(signature: Signature, lengths: IntArray, random: np.random.Generator) -> BoolArray:
    """`(P,)`: False in natural gaps (such as an undetected face): one to three runs, or the whole stream."""
    observed = np.ones(int(lengths.sum()), dtype=np.bool_)
    start = 0
    for frames in lengths.tolist():
        kind = random.random()
        if kind < signature.absent_share:
            observed[start : start + frames] = False
        elif kind < signature.absent_share + signature.gap_share:
            for _ in range(int(random.integers(1, 4))):
                gap = max(1, int(frames * random.uniform(0.05, 0.3)))
                begin = start + int(random.integers(frames - gap + 1))
                observed[begin : begin + gap] = False
        start += frames
    return observed


def _let_drift(noise: FloatArray, lengths: IntArray) -> None:
    """Turn white noise into an autoregression of the same variance within each stream, in place."""
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    order = np.argsort(-lengths, kind="stable")
    starts, sorted_lengths = starts[order], lengths[order]
    for k in range(1, int(sorted_lengths[0])):
        here = starts[: int(np.searchsorted(-sorted_lengths, -k, side="left"))] + k
        noise[here] = _DRIFT * noise[here - 1] + np.sqrt(1.0 - _DRIFT**2) * noise[here]
