"""From masks to batches: a part under one draw of masks, gathered into padded tensors.

Nothing is padded until a batch is made, and a batch is as long as its longest sample. Batches hold samples of similar
length, so that little of them is padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from baselines import Batch, Sequences
from benchmark.data.dataset import Part
from benchmark.data.encoding import TextEncoder
from benchmark.data.samples import IntArray
from benchmark.data.states import StateCache
from protocols import MODALITIES, Masks, Modality


@dataclass(frozen=True, eq=False)
class _Ragged:
    """Sequences of n samples in one tensor `(P, D)`: sample i is rows `start[i] : start[i] + length[i]`."""

    values: Tensor
    start: Tensor
    length: Tensor

    def pad(self, rows: Tensor, keep: Tensor | None) -> Sequences:
        """Samples `rows` as padded sequences; positions where `keep` `(P,)` is False become zero vectors."""
        index, valid = _index(self.start[rows], self.length[rows])
        if keep is not None:
            valid = valid & keep[index]
        return Sequences(self.values[index] * valid[:, :, None], self.length[rows])


def _index(start: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """`(B, T)` positions and whether they are inside the sample; those outside repeat the first position."""
    steps = torch.arange(int(length.max()), device=start.device)
    valid = steps[None, :] < length[:, None]
    return torch.where(valid, start[:, None] + steps[None, :], start[:, None]), valid


class MaskedPart:
    """A part as one draw of masks left it.

    Args:
        part: The samples.
        masks: What is observed; None for the samples as they are (natural gaps remain).
        text: Where token text is encoded: a cache of states (frozen encoder), or the encoder itself (fine-tuned; then
            batches carry gradients into it). Not needed where text is values.
        device: Where batches are made.
    """

    def __init__(
        self, part: Part, masks: Masks | None, text: StateCache | TextEncoder | None, device: torch.device
    ) -> None:
        self.part = part
        self.device = device
        self.text = text
        self.observed = masks.observed if masks is not None else part.layout.observed
        self.integrity = torch.from_numpy(
            (masks or Masks(part.layout, part.layout.observed)).integrity().astype(np.float32)
        ).to(device)
        self._keep: dict[Modality, Tensor] = {m: torch.from_numpy(self.observed[m]).to(device) for m in MODALITIES}
        self._streams: dict[Modality, _Ragged] = {}
        for modality, values in part.values.items():
            start, length = _bounds(part.layout.offsets[modality])
            self._streams[modality] = _Ragged(values.to(device), start.to(device), length.to(device))
        self._ids: IntArray | None = None
        if part.token_ids is not None:
            self._prepare_tokens(part.token_ids)

    def __len__(self) -> int:
        return len(self.part)

    def batch(self, rows: Tensor) -> Batch:
        """The samples `rows` `(B,)` as a padded batch."""
        rows = rows.to(self.device)
        return Batch(self._text_sequences(rows), *(self._padded(m, rows) for m in MODALITIES[1:]))

    def observed_positions(self, rows: Tensor) -> Mapping[Modality, Tensor]:
        """By modality `(B, T)`: which positions of `batch(rows)` are observed; `[CLS]` and `[SEP]` always are."""
        rows = rows.to(self.device)
        result: dict[Modality, Tensor] = {}
        for modality in MODALITIES:
            start, length = (t.to(self.device) for t in _bounds(self.part.layout.offsets[modality]))
            start, length = start[rows], length[rows]
            index, valid = _index(start, length)
            flags = self._keep[modality][index] & valid
            if modality == "text" and self._ids is not None:
                framed = torch.zeros(len(rows), flags.shape[1] + 2, dtype=torch.bool, device=self.device)
                framed[:, 1:-1] = flags
                framed[:, 0] = True
                framed.scatter_(1, (length + 1)[:, None], True)
                flags = framed
            result[modality] = flags
        return result

    def _padded(self, modality: Modality, rows: Tensor) -> Sequences:
        return self._streams[modality].pad(rows, self._keep[modality])

    def _prepare_tokens(self, ids: IntArray) -> None:
        encoder = self.text.encoder if isinstance(self.text, StateCache) else self.text
        if encoder is None:
            raise ValueError("token text needs an encoder")
        self._ids = np.where(self.observed["text"], ids, encoder.special.unk)
        if isinstance(self.text, StateCache):
            self._streams["text"] = _encoded(self._ids, ids, self.part.layout.offsets["text"], self.text, self.device)

    def _text_sequences(self, rows: Tensor) -> Sequences:
        if self._ids is None:
            return self._padded("text", rows)
        if isinstance(self.text, TextEncoder):
            padded, length = self.text.pad(self._ids, self.part.layout.offsets["text"], rows.cpu().numpy())
            padded, length = padded.to(self.device), length.to(self.device)
            return Sequences(self.text(padded, length), length)
        return self._streams["text"].pad(rows, None)


def _bounds(offsets: IntArray) -> tuple[Tensor, Tensor]:
    both = torch.from_numpy(offsets)
    return both[:-1], both[1:] - both[:-1]


def _encoded(ids: IntArray, clean: IntArray, offsets: IntArray, cache: StateCache, device: torch.device) -> _Ragged:
    """States of texts under erasure: whole texts come from the clean states, equal ones are encoded once."""
    lengths = np.diff(offsets)
    clean_states = cache.states(clean, offsets)
    clean_start = np.concatenate([[0], np.cumsum(lengths + 2)])[:-1]
    changed = np.flatnonzero(np.add.reduceat(ids != clean, offsets[:-1]) > 0) if len(ids) else np.empty(0, np.int64)
    if len(changed) == 0:
        return _ragged(clean_states, clean_start, lengths + 2, device)
    first: dict[bytes, int] = {}
    slot = np.empty(len(changed), dtype=np.int64)
    for k, sample in enumerate(changed):
        slot[k] = first.setdefault(ids[offsets[sample] : offsets[sample + 1]].tobytes(), len(first))
    unique = [np.frombuffer(text, dtype=np.int64) for text in first]
    unique_lengths = np.array([len(text) for text in unique])
    unique_offsets = np.concatenate([[0], np.cumsum(unique_lengths)]).astype(np.int64)
    states = cache.states(np.concatenate(unique), unique_offsets)
    start = clean_start.copy()
    unique_start = np.concatenate([[0], np.cumsum(unique_lengths + 2)])[:-1]
    start[changed] = len(clean_states) + unique_start[slot]
    return _ragged(torch.cat([clean_states, states]), start, lengths + 2, device)


def _ragged(values: Tensor, start: IntArray, length: IntArray, device: torch.device) -> _Ragged:
    return _Ragged(values.to(device), torch.from_numpy(start).to(device), torch.from_numpy(length).to(device))


def batches_by_length(part: Part, batch_size: int, shuffle: np.random.Generator | None = None) -> Iterator[Tensor]:
    """Rows `(B,)` of every batch of a part: samples of similar length together.

    Args:
        part: The samples.
        batch_size: B; the last batch may be smaller.
        shuffle: Draws the batches of an epoch; None goes from short to long, for evaluation.
    """
    cost = np.sum([part.layout.lengths(m) for m in MODALITIES], axis=0)
    if shuffle is None:
        order = np.argsort(cost, kind="stable")
        for first in range(0, len(order), batch_size):
            yield torch.from_numpy(order[first : first + batch_size])
        return
    order = shuffle.permutation(len(cost))
    pool = 8 * batch_size  # sorted within pools, so that batches are random yet hold similar lengths
    pieces = []
    for first in range(0, len(order), pool):
        rows = order[first : first + pool]
        rows = rows[np.argsort(cost[rows], kind="stable")]
        pieces += [rows[k : k + batch_size] for k in range(0, len(rows), batch_size)]
    for k in shuffle.permutation(len(pieces)):
        yield torch.from_numpy(pieces[k])
