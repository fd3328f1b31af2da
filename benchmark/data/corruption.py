"""Corrupted values: noise, token errors, shifted streams and filled gaps applied to the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmark.data.ragged import HostRagged, spread
from benchmark.data.samples import BoolArray, IntArray
from protocols import Modality, Noise, Substitution
from protocols.corruption import Filling, Shift
from protocols.layout import segment_sums


@dataclass(frozen=True, eq=False)
class Substitutes:
    """Content of the training part that stands in for other content: wrong words, and content of filled gaps.

    Attributes:
        tokens: `(P,)` content tokens; None where text is word vectors.
        values: By modality: scaled values; without text where that is tokens.
        observed: `(P,)` recorded positions of the text.
    """

    tokens: IntArray | None
    values: Mapping[Modality, HostRagged]
    observed: BoolArray

    def wrong_tokens(self, ids: IntArray, errors: Substitution) -> IntArray:
        """Return token ids `(P,)` with errors; apply masks after this, so that natural gaps stay `[UNK]`."""
        if self.tokens is None or not self.observed.any():
            return ids
        wrong = ids.copy()
        wrong[errors.where] = self.tokens[errors.choose(np.flatnonzero(self.observed))]
        return wrong

    def wrong_vectors(self, values: Tensor, start: Tensor, length: Tensor, errors: Substitution) -> Tensor:
        """Return padded word vectors `(B, T, D)` with errors; samples have positions `start` to `start + length`."""
        if "text" not in self.values or not self.observed.any():
            return values
        index, valid = spread(start.cpu(), length.cpu())
        hit = torch.from_numpy(errors.where)[index] & valid
        keys = errors.keys[index[hit].numpy()]
        chosen = Substitution(np.ones(len(keys), dtype=np.bool_), keys).choose(np.flatnonzero(self.observed))
        values[hit.to(values.device)] = self.values["text"].at(chosen).to(values.device)
        return values

    def fill_tokens(self, ids: IntArray, filling: Filling) -> IntArray:
        """Return token ids `(P,)` with the words of other texts in filled gaps."""
        if self.tokens is None:
            return ids
        filled = ids.copy()
        others = filling.donor >= 0
        filled[others] = self.tokens[filling.donor[others]]
        return filled

    def fill_gaps(self, values: Tensor, start: Tensor, length: Tensor, modality: Modality, filling: Filling) -> Tensor:
        """Fill gaps of padded values `(B, T, D)`, in place; samples have positions `start` to `start + length`."""
        start, length = start.cpu(), length.cpu()
        index, valid = spread(start, length)
        own = torch.from_numpy(filling.own)[index]
        held = valid & (own >= 0)
        row = torch.arange(len(start))[:, None].expand(index.shape)[held]
        values[held.to(values.device)] = values[row.to(values.device), (own - start[:, None])[held].to(values.device)]
        donor = torch.from_numpy(filling.donor)[index]
        others = valid & (donor >= 0)
        if others.any():
            values[others.to(values.device)] = self.values[modality].at(donor[others].numpy()).to(values.device)
        return values


def move(values: Tensor, start: Tensor, length: Tensor, shift: Shift) -> Tensor:
    """Return padded values `(B, T, D)` of samples at `start` to `start + length` with their content moved."""
    start = start.cpu()
    index, _ = spread(start, length.cpu())
    source = torch.from_numpy(shift.source)[index] - start[:, None]
    return values.gather(1, source.to(values.device)[:, :, None].expand(values.shape))


class AddedNoise:
    """Noise of a scenario on one modality of a part.

    Args:
        noise: Amplitudes and keys of every position.
        offsets: `(n + 1,)`.
        observed: `(P,)` observed positions: they get the noise, and the signal's power is their mean square.
    """

    def __init__(self, noise: Noise, offsets: IntArray, observed: BoolArray) -> None:
        self._noise = noise
        self._observed = observed
        self._offsets = offsets
        self._left = segment_sums(observed, offsets)

    def add(self, values: Tensor, rows: IntArray) -> Tensor:
        """Add noise, in place, to padded values `(B, T, D)` of samples `rows`, which are zero where not observed."""
        start = torch.from_numpy(self._offsets[rows])
        length = torch.from_numpy(self._offsets[rows + 1]) - start
        index, valid = spread(start, length)
        valid &= torch.from_numpy(self._observed)[index]
        count = torch.from_numpy(self._left[rows]).to(values.device).clamp(min=1) * values.shape[2]
        power = values.double().square().sum(dim=(1, 2)) / count
        drawn = torch.from_numpy(self._noise.values(values.shape[2], index[valid].numpy())).to(values.device)
        sample = torch.arange(len(rows), device=values.device)[:, None].expand(index.shape)[valid.to(values.device)]
        values[valid.to(values.device)] += drawn * power.sqrt().to(values.dtype)[sample, None]
        return values
