"""Part 2: Integrity Estimation (IE). Known: it predicts completeness and mitigates the noise of incomplete data."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from baselines import Batch, InputSpec, Modality
from baselines.layers.transformer import feed_forward
from protocols import MODALITIES
from senti_ifusion.config import SentiIFusionConfig
from senti_ifusion.encoders import ModalityEncoders

#: Bound of the logits: float32 rounds the sigmoid of 17 to 1, and I must stay inside (0, 1).
_EDGE = 12.0


class Estimate(NamedTuple):
    """Estimated integrity and presence of a batch.

    Attributes:
        integrity: Integrity I, `(B, 3)` in (0, 1).
        logits: By modality `(B, T)`: log odds that a position was observed.
    """

    integrity: Tensor
    logits: dict[Modality, Tensor]

    @property
    def presence(self) -> dict[Modality, Tensor]:
        """By modality `(B, T)`: probability that a position was observed, without gradient."""
        return {m: logits.detach().sigmoid() for m, logits in self.logits.items()}


class IntegrityEstimator(nn.Module):
    """Estimator of the presence of each position, from its features, and of the integrity of each modality.

    Our reading. A position gets two numbers: the log odds that it was observed, and its weight in the integrity
    (`[CLS]` and `[SEP]` are always present and carry no information about completeness). I is the mean presence by
    these weights. Positions judged absent have almost no weight in the encoders, which mitigates noise. A position of
    zeros starts with lower odds; how much lower is learned.
    """

    def __init__(self, spec: InputSpec, config: SentiIFusionConfig) -> None:
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
            there = (there + emptiness * (2 * full - 1)).clamp(-_EDGE, _EDGE)
            weight = (counts.sigmoid() + 1e-3).masked_fill(batch[m].padding, 0.0)
            shares.append((weight * there.sigmoid()).sum(dim=1) / weight.sum(dim=1))
            logits[m] = there
        return Estimate(torch.stack(shares, dim=1), logits)


class Trust(nn.Module):
    """Weight of a modality's own tokens against the proxy, by its integrity: `I (1 + h) / (I + h)`.

    0 at I = 0, 1 at I = 1, about a half at I = h. The encoders skip gaps, so the remaining positions are good evidence
    and the initial h is small; h is learned for every token (our reading).
    """

    #: Factor on the learned logarithm of h, so that h can change by its own size within an epoch.
    RATE = 8.0

    def __init__(self, config: SentiIFusionConfig) -> None:
        super().__init__()
        self.start = config.trust_half
        self.growth = nn.Parameter(torch.zeros(len(MODALITIES), config.tokens))

    def forward(self, integrity: Tensor) -> Tensor:
        """Return weights `(B, 3, K)` in [0, 1] from I `(B, 3)`."""
        half = self.start * (self.RATE * self.growth).exp()
        integrity = integrity.unsqueeze(-1)
        return integrity * (1 + half) / (integrity + half)


def blend(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Return `share * first + (1 - share) * second` of tokens `(B, 3, K, d)`; shares `(B, 3, K)`."""
    share = share.unsqueeze(-1)
    return share * first + (1 - share) * second
