"""Scaling of values: a transform, then standardisation by statistics of the observed training positions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.data.config import Scaling
from benchmark.data.erasing import erase
from benchmark.data.samples import BoolArray

#: Bound of scaled values, so that a single frame far outside the training range does not decide a prediction.
_LIMIT = 10.0


@dataclass(frozen=True, eq=False)
class Scaler:
    """Column statistics of the observed training positions.

    Attributes:
        scaling: See `benchmark.data.config.Scaling`.
        mean: `(D,)` of the transformed values.
        deviation: `(D,)`, over all positions (not corrected); 1 for columns that never change.
    """

    scaling: Scaling
    mean: Tensor
    deviation: Tensor

    @classmethod
    def fit(cls, blocks: Iterable[Tensor], width: int, scaling: Scaling) -> Scaler:
        """Compute statistics of blocks of observed positions `(Q, D)`, in float64.

        Blocks are merged as in Chan, Golub and LeVeque, "Algorithms for computing the sample variance" (1983), so that
        a stream of any size is read once and never held in memory.
        """
        count, mean = 0, torch.zeros(width, dtype=torch.float64)
        squares = torch.zeros(width, dtype=torch.float64)
        for block in blocks if scaling != "none" else ():
            if len(block) == 0:
                continue
            variance, centre = torch.var_mean(transform(block, scaling).double(), dim=0, correction=0)
            total, step = count + len(block), centre - mean
            squares += variance * len(block) + step.square() * (count * len(block) / total)
            mean += step * (len(block) / total)
            count = total
        if count == 0:
            return cls(scaling, torch.zeros(width), torch.ones(width))
        deviation = (squares / count).sqrt()
        # A constant column of the training part has deviation 0: scaled by 1 it is zero there.
        deviation = torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation))
        return cls(scaling, mean.float(), deviation.float())

    def apply(self, values: Tensor, observed: BoolArray) -> Tensor:
        """Scale values `(Q, D)`, +0.0 where not observed `(Q,)`; elementwise, so equal in any grouping."""
        scaled = transform(values, self.scaling).sub_(self.mean).div_(self.deviation)
        if self.scaling != "none":
            scaled = scaled.clamp_(-_LIMIT, _LIMIT)
        return erase(scaled, torch.from_numpy(observed))


def transform(values: Tensor, scaling: Scaling) -> Tensor:
    """Return sign(x) log(1 + |x|) for `log`, else the values; a new tensor."""
    return values.abs().log1p_().copysign_(values) if scaling == "log" else values.clone()
