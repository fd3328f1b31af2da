"""Layout of samples: their ids and positions, which are all that masks depend on.

>>> layout = Layout.of_lengths("toy", ["a", "b"], text=[3, 5], audio=[4, 4], vision=[1, 2])
>>> len(layout), layout.lengths("text").tolist()
(2, [3, 5])
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from protocols.errors import InputError

Modality: TypeAlias = Literal["text", "audio", "vision"]
MODALITIES: tuple[Modality, ...] = ("text", "audio", "vision")

BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]
KeyArray: TypeAlias = npt.NDArray[np.uint64]
FloatArray: TypeAlias = npt.NDArray[np.float64]

S = TypeVar("S", bound=np.generic)

#: Number of random values kept for the next scenario; enough for the test sets of the field.
_REMEMBERED_BYTES = 256 << 20


@dataclass(frozen=True, eq=False)
class Layout:
    """The valid positions of `n` samples, back to back, by modality.

    Attributes:
        fingerprint: Identity of the data set; the masks of two data sets are unrelated.
        sample_ids: One id a sample, unique within the data set.
        offsets: By modality `(n + 1,)`: sample i has positions `offsets[i]:offsets[i + 1]`.
        observed: By modality `(P,)`: False where the data set itself has a gap.
        salience: Function of a modality, returns the salience of each position, `(P,)`, from the data alone; None if
            the layout has lengths only.
        steps: By modality: padded length in the source file, if known (0 or absent: unknown).
        text_is_framed: True if `[CLS]` and `[SEP]` surround the text's positions; False for word vectors.
        video_ids: Video of each sample; empty where unknown, and every sample is then a separate video.
        times: Function of a modality, returns the seconds of each position from the start of its sample, `(P,)`, or
            None if they are unknown; None if those of all modalities are.
        donors: Function that returns the layout of the training part, whose content may fill gaps; None if there is no
            training part.
    """

    fingerprint: str
    sample_ids: tuple[str, ...]
    offsets: Mapping[Modality, IntArray]
    observed: Mapping[Modality, BoolArray]
    salience: Callable[[Modality], FloatArray] | None = None
    steps: Mapping[Modality, int] = field(default_factory=dict)
    text_is_framed: bool = True
    video_ids: tuple[str, ...] = ()
    donors: Callable[[], Layout] | None = None
    times: Callable[[Modality], FloatArray | None] | None = None

    def __post_init__(self) -> None:
        for modality in MODALITIES:
            offsets, observed = self.offsets[modality], self.observed[modality]
            if len(offsets) != len(self.sample_ids) + 1:
                raise InputError(
                    f"layout: {modality} has {len(offsets) - 1} samples, expected {len(self.sample_ids)} (one an id)"
                )
            if offsets[0] != 0 or offsets[-1] != len(observed) or np.any(np.diff(offsets) < 0):
                raise InputError(f"layout: {modality} offsets must rise from 0 to {len(observed)}, its positions")

    def __len__(self) -> int:
        return len(self.sample_ids)

    @classmethod
    def of_lengths(cls, fingerprint: str, sample_ids: Sequence[str], **lengths: Sequence[int]) -> Layout:
        """Make a layout without natural gaps from the number of positions of each sample, by modality."""
        offsets: dict[Modality, IntArray] = {
            m: np.concatenate([[0], np.cumsum(np.asarray(lengths[m], dtype=np.int64))]).astype(np.int64)
            for m in MODALITIES
        }
        observed: dict[Modality, BoolArray] = {m: np.ones(int(offsets[m][-1]), dtype=np.bool_) for m in MODALITIES}
        return cls(fingerprint, tuple(sample_ids), offsets, observed)

    def lengths(self, modality: Modality) -> IntArray:
        """Valid positions of each sample, `(n,)`."""
        return np.diff(self.offsets[modality])

    @cached_property
    def present(self) -> BoolArray:
        """`(n, 3)`: True where the sample has an observed position in text, audio, vision."""
        return np.stack([segment_any(self.observed[m], self.offsets[m]) for m in MODALITIES], axis=1)

    @cached_property
    def sample_keys(self) -> KeyArray:
        """`(n,)`: 64-bit hash of (data set, sample), used in every draw."""
        prefix = hashlib.blake2b(self.fingerprint.encode(), digest_size=32).digest()
        digests = (hashlib.blake2b(s.encode(), digest_size=8, key=prefix).digest() for s in self.sample_ids)
        return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)

    def sample_of_position(self, modality: Modality) -> IntArray:
        """`(P,)`: index of the sample that each position belongs to."""
        return self._owners[modality]

    def position_in_sample(self, modality: Modality) -> IntArray:
        """`(P,)`: 0 for the first position of a sample, 1 for the second, and so on."""
        return self._positions[modality]

    def salience_rank(self, modality: Modality) -> IntArray:
        """`(P,)`: rank of each position within its sample by salience, 0 for the least salient.

        Ties are broken by a hash of the position, so that no position is favoured.

        Raises:
            InputError: If the layout has no salience.
        """
        if self.salience is None:
            raise InputError("missing not at random needs the data, but this layout has lengths only; load a data set")
        if modality not in self._ranks:
            salience = np.asarray(self.salience(modality), dtype=np.float64)
            if salience.shape != (self.offsets[modality][-1],) or not np.isfinite(salience).all():
                raise InputError(f"salience of {modality}: expected {self.offsets[modality][-1]} finite numbers")
            rank = _rank_within(salience, self.offsets[modality], self.sample_keys)
            self._ranks[modality] = rank
        return self._ranks[modality]

    def remember(self, key: Hashable, draw: Callable[[], npt.NDArray[S]]) -> npt.NDArray[S]:
        """Return the draw kept under `key`, or draw and keep it: the points of a curve over a rate share one draw.

        The array is shared and read-only.
        """
        if key not in self._drawn:
            made = draw()
            made.flags.writeable = False
            while self._drawn and sum(a.nbytes for a in self._drawn.values()) + made.nbytes > _REMEMBERED_BYTES:
                del self._drawn[next(iter(self._drawn))]
            self._drawn[key] = made
        return self._drawn[key]

    @cached_property
    def _drawn(self) -> dict[Hashable, npt.NDArray[Any]]:
        return {}

    @cached_property
    def _ranks(self) -> dict[Modality, IntArray]:
        return {}

    @cached_property
    def _owners(self) -> dict[Modality, IntArray]:
        return {m: np.repeat(np.arange(len(self), dtype=np.int64), self.lengths(m)) for m in MODALITIES}

    @cached_property
    def _positions(self) -> dict[Modality, IntArray]:
        return {
            m: np.arange(self.offsets[m][-1], dtype=np.int64) - np.repeat(self.offsets[m][:-1], self.lengths(m))
            for m in MODALITIES
        }


class HasLayout(Protocol):
    """Anything with a layout for each part, such as a loaded data set."""

    def layout(self, split: str) -> Layout:
        """The layout of one part: train, valid or test."""
        ...


def segment_any(flags: BoolArray, offsets: IntArray) -> BoolArray:
    """`(n,)`: True where any flag of the segment `offsets[i]:offsets[i + 1]` is set."""
    filled = np.diff(offsets) > 0
    result = np.zeros(len(filled), dtype=np.bool_)
    if filled.any():
        result[filled] = np.logical_or.reduceat(flags, offsets[:-1][filled])
    return result


def segment_sums(flags: npt.NDArray[np.generic], offsets: IntArray) -> IntArray:
    """`(n,)`: sum of each segment `offsets[i]:offsets[i + 1]` of `flags`; 0 for an empty segment."""
    running = np.concatenate([[0], np.cumsum(flags, dtype=np.int64)])
    sums: IntArray = running[offsets[1:]] - running[offsets[:-1]]
    return sums


def _rank_within(values: FloatArray, offsets: IntArray, keys: KeyArray) -> IntArray:
    """Rank of each value in its segment; ties by a hash of the segment's key and the position."""
    rank = np.empty(len(values), dtype=np.int64)
    lengths = np.diff(offsets)
    for steps in np.unique(lengths[lengths > 0]):
        rows = np.flatnonzero(lengths == steps)
        index = offsets[rows][:, None] + np.arange(steps)[None, :]
        # breaking a tie needs no strong generator, only one that does not prefer early positions
        tie = (np.arange(1, steps + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))[None, :] ^ keys[rows][:, None]
        first = np.argsort(tie * np.uint64(0xBF58476D1CE4E5B9), axis=1)
        second = np.argsort(np.take_along_axis(values[index], first, axis=1), axis=1, kind="stable")
        order = np.take_along_axis(first, second, axis=1)
        ranks = np.empty_like(order)
        np.put_along_axis(ranks, order, np.broadcast_to(np.arange(steps), order.shape), axis=1)
        rank[index] = ranks
    return rank
