"""Corrupted values: noise and token errors applied to the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmark.data.ragged import HostRagged, spread
from benchmark.data.samples import BoolArray, IntArray
from protocols import Noise, Substitution
from protocols.layout import segment_sums


@dataclass(frozen=True, eq=False)
class Substitutes:
    """Substitutes of words: words of the training part, drawn by their frequency there.

    Attributes:
        tokens: `(P,)` content tokens of the training part; None where text is word vectors.
        vectors: The training part's word vectors; None where text is tokens.
        observed: `(P,)` recorded positions of the training part.
    """

    tokens: IntArray | None
    vectors: HostRagged | None
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
        if self.vectors is None or not self.observed.any():
            return values
        index, valid = spread(start.cpu(), length.cpu())
        hit = torch.from_numpy(errors.where)[index] & valid
        keys = errors.keys[index[hit].numpy()]
        chosen = Substitution(np.ones(len(keys), dtype=np.bool_), keys).choose(np.flatnonzero(self.observed))
        values[hit.to(values.device)] = self.vectors.at(chosen).to(values.device)
        return values


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

    def add(self, values: Tensor, rows: Tensor) -> Tensor:
        """Add noise, in place, to padded values `(B, T, D)` of samples `rows`, which are zero where not observed."""
        chosen = rows.cpu().numpy()
        start = torch.from_numpy(self._offsets[chosen])
        length = torch.from_numpy(self._offsets[chosen + 1]) - start
        index, valid = spread(start, length)
        valid &= torch.from_numpy(self._observed)[index]
        count = torch.from_numpy(self._left[chosen]).to(values.device).clamp(min=1) * values.shape[2]
        power = values.double().square().sum(dim=(1, 2)) / count
        drawn = torch.from_numpy(self._noise.values(values.shape[2], index[valid].numpy())).to(values.device)
        sample = torch.arange(len(chosen), device=values.device)[:, None].expand(index.shape)[valid.to(values.device)]
        values[valid.to(values.device)] += drawn * power.sqrt().to(values.dtype)[sample, None]
        return values
