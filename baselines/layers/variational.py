"""Variational autoencoders of token sequences (Kingma and Welling, ICLR 2014, arXiv 1312.6114)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from baselines.layers.transformer import TransformerEncoder, learned_tokens

#: Bounds of the logarithm of a variance: beyond them its exponential over- or underflows in float32.
LOG_VARIANCE = (-10.0, 10.0)


class VariationalAutoencoder(nn.Module):
    """Autoencoder of K tokens of width d into K Gaussians: linear, ReLU, Transformer, linear, both ways."""

    def __init__(
        self, width: int, tokens: int, layers: int, heads: int, *, head_width: int, dropout: float = 0.0
    ) -> None:
        super().__init__()

        def transformer() -> TransformerEncoder:
            return TransformerEncoder(width, layers, heads, head_width=head_width, hidden=width, dropout=dropout)

        self.enter = nn.Linear(width, width)
        self.positions = learned_tokens(tokens, width)
        self.encoder = transformer()
        self.mean = nn.Linear(width, width)
        self.log_variance = nn.Linear(width, width)
        self.return_ = nn.Linear(width, width)
        self.decoder_positions = learned_tokens(tokens, width)
        self.decoder = transformer()
        self.leave = nn.Linear(width, width)

    def encode(self, tokens: Tensor) -> Normal:
        """Encode tokens `(B, K, d)` as independent Gaussians `(B, K, d)`."""
        states = self.encoder(torch.relu(self.enter(tokens)) + self.positions)
        deviation = (0.5 * self.log_variance(states).clamp(*LOG_VARIANCE)).exp()
        return Normal(self.mean(states), deviation, validate_args=False)

    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes `(B, K, d)` into tokens `(B, K, d)`."""
        tokens: Tensor = self.leave(self.decoder(torch.relu(self.return_(codes)) + self.decoder_positions))
        return tokens


def divergence(first: Normal, second: Normal) -> Tensor:
    """Kullback-Leibler divergence of `first` from `second`, mean over samples and dimensions: a scalar, at least 0."""
    return kl_divergence(first, second).mean()


def divergence_from_standard(gaussian: Normal) -> Tensor:
    """Kullback-Leibler divergence from the Gaussian of mean 0 and variance 1, mean over samples and dimensions."""
    zero = torch.zeros_like(gaussian.loc)
    return divergence(gaussian, Normal(zero, torch.ones_like(zero), validate_args=False))
