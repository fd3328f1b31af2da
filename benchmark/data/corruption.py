"""Values that are there and wrong: what scenarios of noise and of token errors make of the data."""

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
    """What stands in for words: those of the training part, each as likely as it is frequent there.

    Attributes:
        tokens: `(P,)` content tokens of the training part; None where text is word vectors.
        vectors: The training part's word vectors; None where text is tokens.
        observed: `(P,)` positions of the training part at which something was recorded.
    """

    tokens: IntArray | None
    vectors: HostRagged | None
    observed: BoolArray

    def wrong_tokens(self, ids: IntArray, errors: Substitution) -> IntArray:
        """Token ids `(P,)` with errors; what the data set lacks stays `[UNK]` when masks are applied after this."""
        if self.tokens is None or not self.observed.any():
            return ids
        wrong = ids.copy()
        wrong[errors.where] = self.tokens[errors.choose(np.flatnonzero(self.observed))]
        return wrong

    def wrong_vectors(self, values: Tensor, start: Tensor, length: Tensor, errors: Substitution) -> Tensor:
        """Padded word vectors `(B, T, D)` with errors; `start` and `length` `(B,)` say where the samples lie."""
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
        observed: `(P,)` positions that are left: they get the noise, and over them the signal's power is taken.
    """

    def __init__(self, noise: Noise, offsets: IntArray, observed: BoolArray) -> None:
        self._noise = noise
        self._observed = observed
        self._offsets = offsets
        self._left = segment_sums(observed, offsets)

    def add(self, values: Tensor, rows: Tensor) -> Tensor:
        """Padded values `(B, T, D)` of samples `rows`, zeros where nothing is left, with noise; changed in place."""
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
