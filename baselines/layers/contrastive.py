"""Lower bounds of the mutual information of representations: contrastive prediction and the Barber-Agakov bound.

Contrastive predictive coding (CPC): van den Oord et al., 2018, arXiv 1807.03748. The lower bound
`I(x; y) >= E log q(y | x) + H(y)`: Barber and Agakov, NeurIPS 2003.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ContrastivePrediction(nn.Module):
    """InfoNCE: identify the target of a context among all targets of a batch.

    Scores are cosines of the targets with a linear map of the context.
    """

    def __init__(self, context_width: int, target_width: int) -> None:
        super().__init__()
        self.predict = nn.Linear(context_width, target_width)

    def forward(self, context: Tensor, target: Tensor) -> Tensor:
        """Return the loss, a scalar, of contexts `(B, c)` and their targets `(B, d)`; 0 for a single sample."""
        return info_nce(self.predict(context), target)


def info_nce(vectors: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of identifying the target of each vector, both `(B, d)`, by cosine; 0 for a single sample."""
    scores = F.normalize(vectors, dim=-1, eps=1e-6) @ F.normalize(targets, dim=-1, eps=1e-6).T
    return F.cross_entropy(scores, torch.arange(len(scores), device=scores.device))


class ConditionalGaussian(nn.Module):
    """`q(y | x) = N(y; mu(x), diag exp(s(x)))`, mean and log-variance each by a network of one hidden layer.

    Args:
        input_width: Width of x.
        output_width: Width of y and of the hidden layers.
    """

    def __init__(self, input_width: int, output_width: int) -> None:
        super().__init__()

        def network() -> nn.Sequential:
            return nn.Sequential(nn.Linear(input_width, output_width), nn.ReLU(), nn.Linear(output_width, output_width))

        self.mean, self.log_variance = network(), network()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean over samples of `log q(y | x)`, a scalar, from `(B, input_width)` and `(B, output_width)`.

        The log-variance is bounded to -1 .. 1 by a tanh, so that the likelihood of a sample is bounded.
        """
        variance = torch.tanh(self.log_variance(x)).exp()
        return -F.gaussian_nll_loss(self.mean(x), y, variance, full=True, reduction="none").sum(dim=-1).mean()


def gaussian_entropy(samples: Tensor, ridge: float = 1e-4) -> Tensor:
    """Differential entropy in nats of a Gaussian with the covariance of the samples, `1/2 log det(2 pi e S)`.

    Args:
        samples: `(N, d)`, N at least 1.
        ridge: Number added to the variances, so that few or equal samples have a finite entropy.
    """
    centred = samples - samples.mean(dim=0)
    width = samples.shape[1]
    covariance = centred.T @ centred / len(samples) + ridge * torch.eye(width, device=samples.device)
    entropy: Tensor = 0.5 * (torch.linalg.slogdet(covariance).logabsdet + width * math.log(2 * math.pi * math.e))
    return entropy
