"""Generation of a sequence from noise by a score network (Song et al., ICLR 2021, arXiv 2011.13456), from IMDer.

Noise of deviation `s(t)`, `s^2 = (sigma^(2 t) - 1) / (2 log sigma)`, is added to a sequence; a U-net that reads the
noisy sequence, t, and a condition predicts the score, the gradient of the noisy sequence's log-density.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from baselines.layers.cross_modal import CrossModalTransformer, fitting_heads

#: Base of the noise's growth, and the least time: no noise would have no score.
SIGMA, LEAST_TIME = 25.0, 1e-3
#: Deviation of the random frequencies that encode time.
_FREQUENCIES = 30.0


def noise_deviation(time: Tensor) -> Tensor:
    """Return the deviation s of the noise at times from 0 to 1, in the shape of `time`."""
    variance: Tensor = (SIGMA ** (2 * time) - 1) / (2 * math.log(SIGMA))
    return variance.sqrt()


class _Level(nn.Module):
    """Convolution of values and of the condition, attention on the condition, time, normalisation: one level."""

    def __init__(
        self, convolve: nn.Module, adapt: nn.Module | None, width: int, embedding: int, groups: int | None
    ) -> None:
        super().__init__()
        self.convolve, self.adapt = convolve, adapt
        self.attention = CrossModalTransformer(width, 2, fitting_heads(width, 8))
        self.time = nn.Linear(embedding, width) if groups else None
        self.norm = nn.GroupNorm(fitting_heads(width, groups), width) if groups else None

    def forward(self, values: Tensor, condition: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """Return values and condition of the level, `(B, c, T)`, from those before it."""
        values = self.convolve(values)
        condition = condition if self.adapt is None else self.adapt(condition)
        values = values + self.attention(values.transpose(1, 2), condition.transpose(1, 2)).transpose(1, 2)
        if self.time is not None and self.norm is not None:
            values = nn.functional.silu(self.norm(values + self.time(time)[..., None]))
        return values, condition


class ScoreNetwork(nn.Module):
    """U-net over sequences of a fixed number of steps, a multiple of 8, conditioned on another sequence.

    Args:
        width: Width d of the sequences; levels have d, 2 d, 4 d and 8 d channels.
        embedding: Width of the code of time.
    """

    frequencies: Tensor

    def __init__(self, width: int, embedding: int = 256) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.randn(embedding // 2) * _FREQUENCIES)
        self.time = nn.Sequential(nn.Linear(embedding, embedding), nn.SiLU())
        widths = [width, 2 * width, 4 * width, 8 * width]

        def down(source: int, target: int) -> nn.Module:
            return nn.Conv1d(source, target, 3, stride=2, padding=1, bias=False)

        def up(source: int, target: int) -> nn.Module:
            return nn.ConvTranspose1d(source, target, 3, stride=2, padding=1, output_padding=1, bias=False)

        first = _Level(nn.Conv1d(width, width, 3, padding=1, bias=False), None, width, embedding, 4)
        self.down = nn.ModuleList([first])
        for source, target in pairwise(widths):
            self.down.append(_Level(down(source, target), down(source, target), target, embedding, 32))
        self.up = nn.ModuleList()
        for number, (target, source) in enumerate(zip(widths[2::-1], widths[:0:-1], strict=True)):
            joined = source if number == 0 else 2 * source
            self.up.append(_Level(up(joined, target), up(source, target), target, embedding, 32))
        last = [nn.ConvTranspose1d(scale * width, width, 3, padding=1) for scale in (2, 1)]
        self.up.append(_Level(last[0], last[1], width, embedding, None))

    def forward(self, values: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """Return the score `(B, T, d)` of noisy values `(B, T, d)` at times `(B,)`, given a condition `(B, T, d)`."""
        angles = 2 * math.pi * time[:, None] * self.frequencies
        code = self.time(torch.cat([angles.sin(), angles.cos()], dim=-1))
        values, condition = values.transpose(1, 2), condition.transpose(1, 2)
        kept: list[Tensor] = []
        for level in self.down:
            values, condition = level(values, condition, code)
            kept.append(values)
        for number, level in enumerate(self.up):
            joined = values if number == 0 else torch.cat([values, kept[-1 - number]], dim=1)
            values, condition = level(joined, condition, code)
        score: Tensor = values.transpose(1, 2) / noise_deviation(time)[:, None, None]
        return score


def score_loss(network: ScoreNetwork, values: Tensor, condition: Tensor) -> Tensor:
    """Denoising score matching: the mean square of `s score + noise` at random times; values are `(B, T, d)`."""
    time = LEAST_TIME + (1 - LEAST_TIME) * torch.rand(len(values), device=values.device)
    deviation = noise_deviation(time)[:, None, None]
    noise = torch.randn_like(values)
    score = network(values + deviation * noise, time, condition)
    loss: Tensor = (deviation * score + noise).square().mean()
    return loss


@torch.no_grad()
def generate(network: ScoreNetwork, noise: Tensor, condition: Tensor, steps: int) -> Tensor:
    """Generate sequences from noise by the probability flow, without further random numbers.

    Args:
        network: The score network.
        noise: `(T, d)`, standard normal: the start of every sample.
        condition: `(B, T, d)`.
        steps: Number of evaluations of the network; the last one removes the remaining noise.
    """
    condition = condition.detach()
    times = torch.linspace(1.0, LEAST_TIME, steps + 1, device=noise.device)[:-1]
    deviations = [*noise_deviation(times), noise.new_zeros(())]
    values: Tensor = (deviations[0] * noise).expand(len(condition), -1, -1)
    for time, (now, then) in zip(times, pairwise(deviations), strict=True):
        score: Tensor = network(values, time.expand(len(condition)), condition)
        values = values + (now - then) * now * score
    return values
