"""Gaps that do not show: plausible content stands at erased positions, as when a frozen camera repeats its frame."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from protocols.corruption import Filling
from protocols.counter import Stream, uniform
from protocols.errors import InputError, unknown_name
from protocols.layout import MODALITIES, BoolArray, IntArray, Layout, Modality
from protocols.mechanisms.base import Mechanism, register_mechanism

#: Fewest training samples among which a donor is drawn.
_DONORS = 24
#: Most draws for a donor of another video.
_DRAWS = 64


@register_mechanism("unmarked")
@dataclass(frozen=True)
class Unmarked(Mechanism):
    """Everything that the scenario erased before is filled with plausible content; integrity stays as it was.

    `run`: consecutive recorded frames of one training sample of another video that is long enough (the longest ones
    follow each other where none is). `hold`: the last observed frame before the gap, or the first one after it where
    there is none before; a stream without any observed frame gets `run`. Text is filled with the words of a training
    sentence of another video, in their order, whatever the fill. Filled content is neither noisy nor misheard; a held
    frame is repeated as the model received it. The donor of a sample does not depend on any rate.
    """

    fill: str = "run"

    adds_noise = False
    kind = "value"
    known_from = "none of the peers; frozen cameras, foreign voices, wrong words of a recogniser"

    def __post_init__(self) -> None:
        if self.fill not in ("run", "hold"):
            raise unknown_name("fill of unmarked", str(self.fill), ("run", "hold"))

    def fillings(
        self, layout: Layout, observed: Mapping[Modality, BoolArray], stream: Stream
    ) -> Mapping[Modality, Filling]:
        """Choose the content of every gap."""
        filled: dict[Modality, Filling] = {}
        for m in MODALITIES:
            gone = layout.observed[m] & ~observed[m]
            if not gone.any():
                continue
            own = np.full(len(gone), -1, dtype=np.int64)
            if self.fill == "hold" and m != "text":
                own[gone] = _nearest(layout, m, observed[m])[gone]
            others = gone & (own < 0)
            donor, donors = np.full(len(gone), -1, dtype=np.int64), ""
            if others.any():
                training = _training(layout)
                donors = _identity(training, m)
                runs = stream.remember(("run", m, donors), partial(_runs, layout, training, m, stream))
                donor[others] = runs[others]
            filled[m] = Filling(own, donor, donors)
        return filled


def _training(layout: Layout) -> Layout:
    if layout.donors is None:
        raise InputError(
            "unmarked: gaps are filled from the training part, and these samples have none; load a data set"
        )
    return layout.donors()


def _identity(training: Layout, modality: Modality) -> str:
    digest = hashlib.sha256("\n".join(training.sample_ids).encode())
    digest.update(training.offsets[modality].astype("<i8").tobytes())
    return digest.hexdigest()


def _nearest(layout: Layout, modality: Modality, observed: BoolArray) -> IntArray:
    """`(P,)`: the last observed position up to each one in its sample, else the first one after it, else -1."""
    index, offsets = np.arange(len(observed)), layout.offsets[modality]
    owner = layout.sample_of_position(modality)
    before = np.maximum.accumulate(np.where(observed, index, -1))
    after = np.minimum.accumulate(np.where(observed, index, len(observed))[::-1])[::-1]
    nearest: IntArray = np.where(before >= offsets[:-1][owner], before, np.where(after < offsets[1:][owner], after, -1))
    return nearest


def _runs(layout: Layout, training: Layout, modality: Modality, stream: Stream) -> IntArray:
    """`(P,)`: a position of the training part for every position: a run of recorded frames a sample."""
    recorded = np.flatnonzero(training.observed[modality])
    first = np.searchsorted(recorded, training.offsets[modality])
    count = np.diff(first)
    order = np.lexsort((training.sample_keys, count))  # independent of the order of samples in a file
    order = order[count[order] > 0]
    if len(order) < _DONORS:
        raise InputError(
            f"unmarked: {len(order)} training samples have recorded {modality}; filling gaps needs {_DONORS} at least"
        )
    video, own_video = _video_codes(training, layout)
    length = layout.lengths(modality)
    source = np.full(int(length.sum()), -1, dtype=np.int64)
    done, turn = np.zeros(len(length), dtype=np.int64), 0
    while (rows := np.flatnonzero(done < length)).size:
        enough = np.searchsorted(count[order], (length - done)[rows])
        start = np.minimum(enough, len(order) - _DONORS)
        chosen = _draw(order, start, video, own_video[rows], stream, modality, f"run {turn}", rows)
        taken = np.minimum(count[chosen], (length - done)[rows])
        chance = uniform(stream.samples(f"begin {turn}", modality))[rows]
        begin = first[chosen] + (chance * (count[chosen] - taken + 1)).astype(np.int64)
        step = np.arange(taken.sum()) - np.repeat(np.cumsum(taken) - taken, taken)
        place = np.repeat(layout.offsets[modality][rows] + done[rows], taken) + step
        source[place] = recorded[np.repeat(begin, taken) + step]
        done[rows] += taken
        turn += 1
    return source


def _draw(
    order: IntArray,
    start: IntArray,
    video: IntArray,
    own_video: IntArray,
    stream: Stream,
    modality: Modality,
    purpose: str,
    rows: IntArray,
) -> IntArray:
    """`(R,)`: for each of the samples `rows`, a donor among `order[start:]` that is of another video."""
    chosen = np.full(len(rows), -1, dtype=np.int64)
    for attempt in range(_DRAWS):
        open_rows = np.flatnonzero(chosen < 0)
        if not open_rows.size:
            return chosen
        chance = uniform(stream.samples(f"{purpose}, donor {attempt}", modality))[rows[open_rows]]
        low = start[open_rows]
        pick = order[low + (chance * (len(order) - low)).astype(np.int64)]
        other = video[pick] != own_video[open_rows]
        chosen[open_rows[other]] = pick[other]
    if (chosen < 0).any():
        raise InputError(
            f"unmarked: gaps are filled from other videos, and hardly any training sample with {modality} is of another"
        )
    return chosen


def _video_codes(training: Layout, layout: Layout) -> tuple[IntArray, IntArray]:
    """Videos of the training samples and of the samples as whole numbers."""
    names = np.array([*(training.video_ids or training.sample_ids), *(layout.video_ids or layout.sample_ids)])
    codes = np.unique(names, return_inverse=True)[1].astype(np.int64)
    return codes[: len(training)], codes[len(training) :]
