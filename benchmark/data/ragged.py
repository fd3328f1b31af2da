"""Sequences of n samples, back to back, from which padded batches are read.

The values of a small data set are in memory; those of a large one stay in its mapped file, and a batch reads the
stretches that it needs. Batches are equal bit for bit in both cases.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from baselines import Sequences
from benchmark.data.erasing import erase
from benchmark.data.pages import mapping_of, release_mapping
from benchmark.data.samples import BoolArray, FloatArray, IntArray
from benchmark.data.scaling import Scaler

#: Largest size of a data set's values (and of states of texts, on an accelerator) that is kept in memory.
RESIDENT_BYTES = 256 << 20
#: Number of bytes read after which pages of mapped files are released, which bounds the memory of a process.
_RELEASE_BYTES = 64 << 20
#: Bytes that reading one page may map: Linux maps a whole folio of its cache, of up to 2 MB.
_FOLIO_BYTES = 2 << 20
#: Number of positions processed at a time when a whole stream is read.
_BLOCK = 1 << 14


@dataclass(frozen=True, eq=False)
class Rows:
    """Samples of a batch, `(B,)`, on the processor and on the device of the batch.

    The latter may be a part of all rows of an epoch, so that no batch copies anything to the device.
    """

    known: IntArray
    there: Tensor

    @classmethod
    def of(cls, rows: Tensor | Rows, device: torch.device) -> Rows:
        """Return rows on both sides; the processor waits for rows that only the device has."""
        if isinstance(rows, Rows):
            return rows
        return cls((rows if rows.device.type == "cpu" else rows.cpu()).numpy(), rows.to(device))


class Ragged(ABC):
    """Sequences of n samples on a device."""

    @abstractmethod
    def padded(self, rows: Tensor | Rows) -> Sequences:
        """Return samples `rows` `(B,)` as `(B, T, D)` float32 on the device, T the longest; +0.0 beyond their ends.

        The tensor is new: the caller may change it.
        """

    @abstractmethod
    def on(self, device: torch.device) -> Ragged:
        """Return the same sequences for batches on a device; small ones are copied there."""


class HostRagged(Ragged):
    """Sequences in memory or in mapped files, read on request.

    Args:
        sources: Arrays `(P, D)` float32, such as `np.memmap`; they are never written to.
        start: `(n,)` first row of each sample in its source.
        length: `(n,)` rows of each sample, at least 1.
        source_of: `(n,)` index of each sample's source; None for a single source.
        scaler: Scaler of the values read; None for values that are scaled.
        observed: `(P,)` flags for a single source: positions that are False become zero vectors when scaled.
        device: Device of batches.
    """

    def __init__(
        self,
        sources: Sequence[FloatArray],
        start: IntArray,
        length: IntArray,
        *,
        source_of: IntArray | None = None,
        scaler: Scaler | None = None,
        observed: BoolArray | None = None,
        device: torch.device | None = None,
    ) -> None:
        self._maps = [m for m in map(mapping_of, sources) if m is not None and len(m) > _RELEASE_BYTES]
        self._sources = [np.asarray(source) for source in sources]
        self._start, self._length, self._source_of = start, length, source_of
        self._scaler, self._observed = scaler, observed
        self._device = device or torch.device("cpu")
        self._unreleased = 0
        self._copies: dict[torch.device, DeviceRagged] = {}

    @property
    def width(self) -> int:
        """D."""
        return int(self._sources[0].shape[1])

    def padded(self, rows: Tensor | Rows) -> Sequences:
        """Return samples `rows` as a padded batch; see `Ragged`."""
        chosen = Rows.of(rows, self._device).known
        length = self._length[chosen]
        values = torch.zeros(len(chosen), int(length.max(initial=0)), self.width)
        target = values.numpy()
        if self._scaler is None:
            for k, piece in enumerate(self._pieces(chosen)):
                target[k, : length[k]] = piece
        else:
            ready, ends = self.read(chosen).numpy(), np.cumsum(length)
            for k, end in enumerate(ends):
                target[k, : length[k]] = ready[end - length[k] : end]
        known = torch.from_numpy(length)
        return Sequences(values.to(self._device), known.to(self._device), known)

    def read(self, chosen: IntArray) -> Tensor:
        """Read samples `chosen` back to back, `(Q, D)`, scaled; a new tensor."""
        values = torch.empty(int(self._length[chosen].sum()), self.width)
        target, first = values.numpy(), 0
        for piece in self._pieces(chosen):
            target[first : first + len(piece)] = piece
            first += len(piece)
        return values if self._scaler is None else self._scaler.apply(values, self.observed(chosen))

    def at(self, positions: IntArray) -> Tensor:
        """Read single positions of the samples back to back, `(Q, D)`, scaled; a new tensor. For a single source."""
        ends = np.cumsum(self._length)
        sample = np.searchsorted(ends, positions, side="right")
        rows = self._start[sample] + positions - (ends - self._length)[sample]
        values = torch.from_numpy(np.array(self._sources[0][rows]))
        if self._scaler is None:
            return values
        seen = np.ones(len(rows), dtype=np.bool_) if self._observed is None else self._observed[rows]
        return self._scaler.apply(values, seen)

    def observed(self, chosen: IntArray) -> BoolArray:
        """Return observed flags `(Q,)` of samples `chosen`, in the order of `read`."""
        flags, spans = self._observed, zip(self._start[chosen], self._length[chosen], strict=True)
        if flags is None:
            return np.ones(int(self._length[chosen].sum()), dtype=np.bool_)
        return np.concatenate([flags[a : a + n] for a, n in spans])

    def blocks(self) -> Iterator[IntArray]:
        """Yield all samples in order, in groups of some ten thousand positions."""
        group = np.cumsum(self._length) // _BLOCK
        yield from np.split(np.arange(len(group)), np.flatnonzero(np.diff(group)) + 1)

    def resident(self) -> HostRagged:
        """Return the same sequences, scaled and copied into memory."""
        ends = np.cumsum(self._length)
        values = np.empty((int(ends[-1]), self.width), dtype=np.float32)
        first = 0
        for rows in self.blocks():
            block = self.read(rows).numpy()
            values[first : first + len(block)] = block
            first += len(block)
        return HostRagged([values], ends - self._length, self._length)

    def on(self, device: torch.device) -> Ragged:
        """Return the same sequences for batches on a device; see `Ragged`."""
        if device.type == "cpu":
            return self
        if sum(source.nbytes for source in self._sources) > RESIDENT_BYTES:
            return HostRagged(
                self._sources,
                self._start,
                self._length,
                source_of=self._source_of,
                scaler=self._scaler,
                observed=self._observed,
                device=device,
            )
        if device not in self._copies:
            self._copies[device] = self._on_device(device)
        return self._copies[device]

    def _on_device(self, device: torch.device) -> DeviceRagged:
        ready = self if self._scaler is None else self.resident()
        firsts = np.cumsum([0, *(len(source) for source in ready._sources)])
        start = ready._start if ready._source_of is None else ready._start + firsts[ready._source_of]
        # a copy, as torch warns of read-only arrays
        values = torch.cat([torch.from_numpy(np.array(source)).to(device) for source in ready._sources])
        return DeviceRagged(values, torch.from_numpy(start).to(device), torch.from_numpy(ready._length).to(device))

    def _pieces(self, chosen: IntArray) -> Iterator[FloatArray]:
        """Yield the rows of each sample, as views into the source."""
        source_of = np.zeros(len(chosen), dtype=np.int64) if self._source_of is None else self._source_of[chosen]
        for k, first, count in zip(
            source_of.tolist(), self._start[chosen].tolist(), self._length[chosen].tolist(), strict=True
        ):
            yield self._sources[k][first : first + count]
            self._note(4 * count * self.width)

    def _note(self, read: int) -> None:
        if not self._maps:
            return
        self._unreleased += read + _FOLIO_BYTES
        if self._unreleased > _RELEASE_BYTES:
            self._unreleased = 0
            for mapping in self._maps:
                release_mapping(mapping)


class DeviceRagged(Ragged):
    """Sequences held completely on one device.

    Arguments are those of `HostRagged`.
    """

    def __init__(self, values: Tensor, start: Tensor, length: Tensor) -> None:
        self._values, self._start, self._length = values, start, length
        self._known = length.cpu().numpy()  # so that no batch waits for the device

    def padded(self, rows: Tensor | Rows) -> Sequences:
        """Return samples `rows` as a padded batch; see `Ragged`."""
        rows = Rows.of(rows, self._values.device)
        known, length = self._known[rows.known], self._length[rows.there]
        index, valid = spread(self._start[rows.there], length, int(known.max()))
        return Sequences(erase(self._values[index], valid), length, torch.from_numpy(known))

    def on(self, device: torch.device) -> Ragged:
        """Return the same sequences on a device."""
        return DeviceRagged(self._values.to(device), self._start.to(device), self._length.to(device))


def spread(start: Tensor, length: Tensor, longest: int | None = None) -> tuple[Tensor, Tensor]:
    """Return positions `(B, T)` and flags of those inside the sample; positions outside repeat the first one.

    T is `longest`, the largest length; None reads it from `length`, for which the processor waits for the device.
    """
    steps = torch.arange(int(length.max()) if longest is None else longest, device=start.device)
    valid = steps[None, :] < length[:, None]
    return torch.where(valid, start[:, None] + steps[None, :], start[:, None]), valid
