"""Part 4: dual-depth validation, and the losses of integrity and disentanglement. Used in training only.

Known: completed features are validated at feature level and at semantic level. The formulas are our reading. Targets
never carry a gradient. Distances are in units of the target, so that shrinking the features lowers no loss, and where
the target cannot be known, the likeliest value has the lowest loss.
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
    """Mean of `(B, 3)` values by `(B, 3)` weights; 0 if all weights are 0."""
    return (values * weight).sum() / weight.sum().clamp(min=EPSILON)


def integrity_loss(estimated: Tensor, true: Tensor) -> Tensor:
    """`sum over m of (I_m - rho_m)^2`, mean over the batch; both `(B, 3)`."""
    return (estimated - true).square().sum(dim=1).mean()


def presence_loss(logits: Mapping[Modality, Tensor], batch: TrainBatch) -> Tensor:
    """Cross-entropy of each position's log odds `(B, T)` against its observed flag, mean over modalities."""
    terms = []
    for modality, odds in logits.items():
        valid = batch.input[modality].places()
        terms.append(F.binary_cross_entropy_with_logits(odds[valid], batch.observed[modality][valid].to(odds.dtype)))
    return torch.stack(terms).mean()


def distance(tokens: Tensor, target: Tensor) -> Tensor:
    """Mean smooth L1, `(B, 3)`, of tokens `(B, 3, K, d)`, in standard deviations of the target token's values."""
    target = target.detach()
    unit = target.std(dim=-1, keepdim=True).clamp(min=1e-4)
    return F.smooth_l1_loss(tokens / unit, target / unit, reduction="none").mean(dim=(2, 3))


def feature_loss(completed: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Feature level: distance of C to H*, token by token, over modalities that the complete view has (`weight`)."""
    return weighted_mean(distance(completed, target), weight)


class SemanticValidation(nn.Module):
    """Semantic level: cosine of the pooled vectors, and agreement of one sentiment head on both."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.head = nn.Linear(width, 1)

    def score(self, tokens: Tensor) -> Tensor:
        """Sentiment that the shared head predicts from each modality's tokens separately, `(B, 3)`."""
        score: Tensor = self.head(self.norm(tokens.mean(dim=2))).squeeze(-1)
        return score

    def alone(self, tokens: Tensor, label: Tensor, integrity: Tensor) -> Tensor:
        """Error of each modality's own tokens `(B, 3, K, d)` on the label `(B,)`, weighted by integrity `(B, 3)`.

        Without this loss, audio and vision are hardly trained where language leads, and predict little without it.
        """
        score = self.score(tokens)
        apart = F.l1_loss(score, label[:, None].expand_as(score), reduction="none")
        return weighted_mean(apart, integrity)

    def forward(self, completed: Tensor, target: Tensor, label: Tensor, weight: Tensor) -> Tensor:
        """Loss of C `(B, 3, K, d)` against H* `(B, 3, K, d)`, labels `(B,)`, weights `(B, 3)`.

        The head learns the label from H*, which has no gradient, and C is trained to give the head's prediction for H*.
        """
        target = target.detach()
        apart = 1 - F.cosine_similarity(completed.mean(dim=2), target.mean(dim=2), dim=-1)
        reference = self.score(target)
        disagreement = F.smooth_l1_loss(self.score(completed), reference.detach(), reduction="none")
        learned = F.smooth_l1_loss(reference, label[:, None].expand_as(reference), reduction="none")
        return weighted_mean(apart + disagreement + learned, weight)


def consistency_loss(shared: Tensor, weight: Tensor, temperature: float) -> Tensor:
    """Contrastive loss (InfoNCE) between the shared parts of each two modalities of a sample.

    It is low if they are more similar than those of different samples; similarity alone would be reached by a constant.

    Args:
        shared: S of complete inputs, `(B, 3, K, d)`.
        weight: Integrity of the complete view, `(B, 3)`; a pair is weighted by the lower of its two.
        temperature: Temperature of the softmax over the batch.
    """
    pooled = F.normalize(shared.mean(dim=2), dim=-1)
    same_sample = torch.arange(len(shared), device=shared.device)
    total = shared.new_zeros(())
    for first, second in itertools.combinations(range(len(MODALITIES)), 2):
        pair = torch.minimum(weight[:, first], weight[:, second])
        likeness = pooled[:, first] @ pooled[:, second].T / temperature
        forward = F.cross_entropy(likeness, same_sample, reduction="none")
        both = forward + F.cross_entropy(likeness.T, same_sample, reduction="none")
        total = total + (0.5 * both * pair).sum() / pair.sum().clamp(min=EPSILON)
    return total / len(MODALITIES)


def private_loss(shared: Tensor, private: Tensor, tokens: Tensor, weight: Tensor) -> Tensor:
    """Loss of private parts P: orthogonal to the shared parts S, with S + P equal to the modality (H, no gradient)."""
    angle = F.cosine_similarity(shared, private, dim=-1).square().mean(dim=2)
    lost = distance(shared + private, tokens)
    return weighted_mean(angle + lost, weight)
