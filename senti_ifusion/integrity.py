"""Part 2: Integrity Estimation (IE). Known: it predicts completeness and mitigates the noise of incomplete data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import Batch, InputSpec, Modality, Sequences
from baselines.layers.transformer import feed_forward
from protocols import MODALITIES
from senti_ifusion.config import PartsConfig, SentiIFusionConfig
from senti_ifusion.encoders import ModalityEncoders

#: Bound of the logits: float32 rounds the sigmoid of 17 to 1, and I must stay inside (0, 1).
EDGE = 12.0


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


class PositionFeatures(NamedTuple):
    """Features of the positions of a modality.

    Attributes:
        own: Features of each position alone, `(B, T, h)`.
        near: Features of its neighbourhood, `(B, T, h)`.
        mapped: Mapped positions, for products with each other and with those of other modalities, `(B, T, fit)`.
    """

    own: Tensor
    near: Tensor
    mapped: Tensor


class Surroundings(nn.Module):
    """Comparison of each position of a modality with its neighbours, the sample's mean and all positions of the sample.

    Foreign content is recognised by its surroundings: it does not fit its neighbours, and few positions of the sample
    are similar to it. A frame that stands still differs too little.
    """

    #: Width in which a position is multiplied with its neighbours, and how far away these are at most.
    FIT, _REACH = 32, 3
    #: Kernels of likeness, each in a learned space of `_SPACE` dimensions.
    _KERNELS, _SPACE = 2, 8
    #: Widest features that are compared as they are; wider ones are mapped to this width first.
    _WIDEST = 48

    def __init__(self, input_width: int, config: SentiIFusionConfig) -> None:
        super().__init__()
        width = min(input_width, self._WIDEST)
        hidden = config.integrity_hidden
        self.narrow = nn.Linear(input_width, width) if input_width > width else nn.Identity()
        self.space = nn.Linear(width, self._KERNELS * self._SPACE)
        self.fit = nn.Linear(input_width, self.FIT)
        read = 4 * width + 6 * self._KERNELS + (1 + 2 * self._REACH) * self.FIT + 1
        self.embed = feed_forward(read, 64, output=hidden)
        self.near = nn.Conv1d(hidden, hidden, config.window, padding=config.window // 2)

    def forward(self, features: Tensor, padding: Tensor, full: Tensor) -> PositionFeatures:
        """Return the features of each position; zeros on padding.

        Args:
            features: `(B, T, D)`.
            padding: `(B, T)` bool.
            full: `(B, T)` bool: not a vector of zeros. Only these are compared.
        """
        values = self.narrow(features)
        mapped = self._without(self.fit(features).tanh(), padding)
        compared = self._differences(values, full), self._likeness(values, full), self._fitting(mapped)
        read = torch.cat([*compared, full.unsqueeze(-1)], dim=-1)
        own = self._without(F.gelu(self.embed(read)), padding)
        near = F.gelu(self.near(own.transpose(1, 2)).transpose(1, 2))
        return PositionFeatures(own, self._without(near, padding), mapped)

    def _differences(self, values: Tensor, full: Tensor) -> Tensor:
        """Values, and distances to the position before, the one after and the mean, `(B, T, 4 D)`."""
        seen = full.unsqueeze(-1).to(values.dtype)
        mean = (values * seen).sum(dim=1, keepdim=True) / seen.sum(dim=1, keepdim=True).clamp(min=1)
        step = (values[:, 1:] - values[:, :-1]).abs() * seen[:, 1:] * seen[:, :-1]
        before, after = F.pad(step, (0, 0, 1, 0)), F.pad(step, (0, 0, 0, 1))
        return torch.cat([values, before, after, (values - mean).abs() * seen], dim=-1)

    def _likeness(self, values: Tensor, full: Tensor) -> Tensor:
        """Six measures per kernel of the number of similar positions in the sample, `(B, T, 6 kernels)`."""
        points = self.space(values).unflatten(-1, (self._KERNELS, self._SPACE)).transpose(1, 2)
        size = points.square().sum(dim=-1)
        apart = (size.unsqueeze(-1) + size.unsqueeze(-2) - 2 * points @ points.transpose(-1, -2)).clamp(min=0)
        both = full[:, None, None, :] & full[:, None, :, None]
        like = torch.exp(-0.5 * apart / self._SPACE**0.5) * both
        count = full.sum(dim=1).clamp(min=1)[:, None, None]
        usual, next_to = like.sum(dim=-1) / count, like.diagonal(1, -2, -1)
        mean = usual.sum(dim=-1, keepdim=True) / count
        share = usual / usual.amax(dim=-1, keepdim=True).clamp(min=1e-6)
        told = [usual, F.pad(next_to, (0, 1)), F.pad(next_to, (1, 0)), usual - mean, share, mean.expand_as(usual)]
        return torch.cat(told, dim=1).transpose(1, 2)

    def _fitting(self, mapped: Tensor) -> Tensor:
        """Map of each position, and its products with those of its neighbours, `(B, T, (1 + 2 reach) fit)`."""
        told = [mapped]
        for apart in range(1, self._REACH + 1):
            product = mapped[:, apart:] * mapped[:, :-apart]
            missing = min(apart, mapped.shape[1])
            told += [F.pad(product, (0, 0, missing, 0)), F.pad(product, (0, 0, 0, missing))]
        return torch.cat(told, dim=-1)

    @staticmethod
    def _without(values: Tensor, padding: Tensor) -> Tensor:
        return values.masked_fill(padding.unsqueeze(-1), 0.0)


class IntegrityEstimator(nn.Module):
    """Estimator of the presence of each position, from its surroundings and the other modalities.

    Our reading. A position gets two numbers: the log odds that it was observed, and its weight in the integrity
    (`[CLS]` and `[SEP]` are always present and carry no information about completeness). I is the mean presence by
    these weights. Positions judged absent have almost no weight in the encoders, which mitigates noise. A position of
    zeros starts with lower odds; how much lower is learned. It sees the other modalities at the same relative
    instant, and their mean.
    """

    def __init__(self, spec: InputSpec, config: SentiIFusionConfig) -> None:
        super().__init__()
        hidden = config.integrity_hidden
        self.around = nn.ModuleDict({m: Surroundings(spec.width(m), config) for m in MODALITIES})
        read = (1 + 2 * len(MODALITIES)) * hidden + 2 * (len(MODALITIES) - 1) * Surroundings.FIT
        self.judges = nn.ModuleDict({m: feed_forward(read, hidden, 0.1, output=2) for m in MODALITIES})
        self.emptiness = nn.Parameter(torch.tensor([2.0 if m == "text" else 4.0 for m in MODALITIES]))

    def forward(self, batch: Batch, encoders: ModalityEncoders) -> Estimate:
        """Estimate I and every position's log odds from the encoders' normalised features, without training these."""
        full = {m: (batch[m].values != 0).any(dim=-1) for m in MODALITIES}
        told = {m: self.around[m](encoders.features(batch, m).detach(), batch[m].padding, full[m]) for m in MODALITIES}
        shares, logits = [], {}
        for m, emptiness in zip(MODALITIES, self.emptiness, strict=True):
            there, counts = self.judges[m](self._seen(m, told, batch)).unbind(dim=-1)
            there = (there + emptiness * (2 * full[m] - 1)).clamp(-EDGE, EDGE)
            weight = (counts.sigmoid() + 1e-3).masked_fill(batch[m].padding, 0.0)
            shares.append((weight * there.sigmoid()).sum(dim=1) / weight.sum(dim=1))
            logits[m] = there
        return Estimate(torch.stack(shares, dim=1), logits)

    @staticmethod
    def _seen(modality: Modality, features: Mapping[Modality, PositionFeatures], batch: Batch) -> Tensor:
        """Input of the judge of a modality, `(B, T, read)`: surroundings of each position, and the other modalities."""
        own, near, mapped = features[modality]
        seen = [own, near, _mean(near, batch[modality]).expand_as(near)]
        for other in MODALITIES:
            if other != modality:
                shown = torch.cat([features[other].near, features[other].mapped], dim=-1)
                for view in (at_same_time(shown, batch[other], batch[modality]), _mean(shown, batch[other])):
                    at_all = view.expand(-1, own.shape[1], -1)
                    seen += [at_all[..., : -Surroundings.FIT], mapped * at_all[..., -Surroundings.FIT :]]
        return torch.cat(seen, dim=-1)


def _mean(values: Tensor, of: Sequences) -> Tensor:
    """`(B, 1, h)`: mean of values `(B, T, h)`, which are zeros on padding."""
    return values.sum(dim=1, keepdim=True) / of.length[:, None, None]


def at_same_time(values: Tensor, of: Sequences, to: Sequences) -> Tensor:
    """`(B, T', h)`: values `(B, T, h)` of one modality at the relative instants of the positions of another."""
    steps = torch.arange(to.values.shape[1], device=values.device)
    there = (2 * steps + 1) * of.length.unsqueeze(-1) // (2 * to.length.unsqueeze(-1))
    there = there.minimum(of.length.unsqueeze(-1) - 1)
    return values.gather(1, there.unsqueeze(-1).expand(-1, -1, values.shape[-1]))


class Trust(nn.Module):
    """Weight of a modality's own tokens against the proxy, by its integrity: `I (1 + h) / (I + h)`.

    0 at I = 0, 1 at I = 1, about a half at I = h. The encoders skip gaps, so the remaining positions are good evidence
    and the initial h is small; h is learned for every token (our reading).
    """

    #: Factor on the learned logarithm of h, so that h can change by its own size within an epoch.
    RATE = 8.0

    def __init__(self, config: PartsConfig) -> None:
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
