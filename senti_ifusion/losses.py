"""Part 4: dual-depth validation, and the losses of integrity and disentanglement. Used in training only.

Known: completed features are validated at feature level and at semantic level. The formulas are our reading. Targets
never carry a gradient. Distances are in units of the target, so that no loss is lowered by shrinking features, and what
cannot be known is best met by what is likely.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import Modality, TrainBatch
from protocols import MODALITIES
from senti_ifusion.completion import EPSILON


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of `(B, 3)` values by `(B, 3)` weights; 0 where all weights are."""
    return (values * weight).sum() / weight.sum().clamp(min=EPSILON)


def integrity_loss(estimated: Tensor, true: Tensor) -> Tensor:
    """`sum over m of (I_m - rho_m)^2`, mean over the batch; both `(B, 3)`."""
    return (estimated - true).square().sum(dim=1).mean()


def presence_loss(logits: Mapping[Modality, Tensor], batch: TrainBatch) -> Tensor:
    """Cross-entropy of each position's log odds `(B, T)` against whether it was observed, mean over modalities."""
    terms = []
    for modality, odds in logits.items():
        valid = ~batch.input[modality].padding
        terms.append(F.binary_cross_entropy_with_logits(odds[valid], batch.observed[modality][valid].to(odds.dtype)))
    return torch.stack(terms).mean()


def distance(tokens: Tensor, target: Tensor) -> Tensor:
    """`(B, 3)`: mean smooth L1 between tokens `(B, 3, K, d)`, in standard deviations of the target token's values."""
    target = target.detach()
    unit = target.std(dim=-1, keepdim=True).clamp(min=1e-4)
    return F.smooth_l1_loss(tokens / unit, target / unit, reduction="none").mean(dim=(2, 3))


def feature_loss(completed: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Feature level: distance of C to H*, token by token, over modalities that the complete view has (`weight`)."""
    return weighted_mean(distance(completed, target), weight)


class SemanticValidation(nn.Module):
    """Semantic level: the pooled vectors point the same way, and one sentiment head says the same of both."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.head = nn.Linear(width, 1)

    def score(self, tokens: Tensor) -> Tensor:
        """`(B, 3)`: the sentiment that the shared head reads in each modality's tokens alone."""
        score: Tensor = self.head(self.norm(tokens.mean(dim=2))).squeeze(-1)
        return score

    def alone(self, tokens: Tensor, label: Tensor, integrity: Tensor) -> Tensor:
        """How far each modality's own tokens `(B, 3, K, d)` are from saying the label `(B,)`, by integrity `(B, 3)`.

        Where language leads, audio and vision are otherwise hardly asked, and know little when they stand alone.
        """
        score = self.score(tokens)
        apart = F.l1_loss(score, label[:, None].expand_as(score), reduction="none")
        return weighted_mean(apart, integrity)

    def forward(self, completed: Tensor, target: Tensor, label: Tensor, weight: Tensor) -> Tensor:
        """Loss of C `(B, 3, K, d)` against H* `(B, 3, K, d)`, labels `(B,)`, weights `(B, 3)`.

        The head learns the label from H*, which has no gradient, and C is drawn to what it says there.
        """
        target = target.detach()
        apart = 1 - F.cosine_similarity(completed.mean(dim=2), target.mean(dim=2), dim=-1)
        reference = self.score(target)
        disagreement = F.smooth_l1_loss(self.score(completed), reference.detach(), reduction="none")
        learned = F.smooth_l1_loss(reference, label[:, None].expand_as(reference), reduction="none")
        return weighted_mean(apart + disagreement + learned, weight)


def consistency_loss(shared: Tensor, weight: Tensor, temperature: float) -> Tensor:
    """Shared parts of one sample's modalities resemble one another more than those of other samples.

    A contrastive loss (InfoNCE) between each two modalities: drawing together alone would be met by a constant.

    Args:
        shared: S of complete inputs, `(B, 3, K, d)`.
        weight: `(B, 3)`: what the complete view has of each modality; a pair counts by the lower of the two.
        temperature: Of the softmax over the batch.
    """
    pooled = F.normalize(shared.mean(dim=2), dim=-1)
    own = torch.arange(len(shared), device=shared.device)
    total = shared.new_zeros(())
    for first, second in itertools.combinations(range(len(MODALITIES)), 2):
        pair = torch.minimum(weight[:, first], weight[:, second])
        likeness = pooled[:, first] @ pooled[:, second].T / temperature
        both = F.cross_entropy(likeness, own, reduction="none") + F.cross_entropy(likeness.T, own, reduction="none")
        total = total + (0.5 * both * pair).sum() / pair.sum().clamp(min=EPSILON)
    return total / len(MODALITIES)


def private_loss(shared: Tensor, private: Tensor, tokens: Tensor, weight: Tensor) -> Tensor:
    """Private parts P stand at right angles to shared ones S, and S + P make up the modality (H, no gradient)."""
    angle = F.cosine_similarity(shared, private, dim=-1).square().mean(dim=2)
    lost = distance(shared + private, tokens)
    return weighted_mean(angle + lost, weight)
