"""Integrity estimation of version 11, which sees one position at a time."""

from __future__ import annotations

import torch
from torch import nn

from baselines import Batch, InputSpec
from baselines.layers.transformer import feed_forward
from protocols import MODALITIES
from senti_ifusion.encoders import ModalityEncoders
from senti_ifusion.integrity import EDGE, Estimate
from senti_ifusion.light.config import LightConfig


class PointwiseEstimator(nn.Module):
    """Estimator of the presence of each position, from its features, and of the integrity of each modality.

    Our reading. A position gets two numbers: the log odds that it was observed, and its weight in the integrity
    (`[CLS]` and `[SEP]` are always present and carry no information about completeness). I is the mean presence by
    these weights. Positions judged absent have almost no weight in the encoders, which mitigates noise. A position of
    zeros starts with lower odds; how much lower is learned.
    """

    def __init__(self, spec: InputSpec, config: LightConfig) -> None:
        super().__init__()
        self.judges = nn.ModuleDict(
            {m: feed_forward(spec.width(m), config.integrity_hidden, output=2) for m in MODALITIES}
        )
        self.emptiness = nn.Parameter(torch.tensor([2.0 if m == "text" else 4.0 for m in MODALITIES]))

    def forward(self, batch: Batch, encoders: ModalityEncoders) -> Estimate:
        """Estimate I and every position's log odds from the encoders' normalised features, without training these."""
        shares, logits = [], {}
        for m, emptiness in zip(MODALITIES, self.emptiness, strict=True):
            there, counts = self.judges[m](encoders.features(batch, m).detach()).unbind(dim=-1)
            full = (batch[m].values != 0).any(dim=-1).to(there.dtype)
            there = (there + emptiness * (2 * full - 1)).clamp(-EDGE, EDGE)
            weight = (counts.sigmoid() + 1e-3).masked_fill(batch[m].padding, 0.0)
            shares.append((weight * there.sigmoid()).sum(dim=1) / weight.sum(dim=1))
            logits[m] = there
        return Estimate(torch.stack(shares, dim=1), logits)
