"""Normalisation and projection of a modality's feature vectors to the width of a model."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import Sequences

#: `layer`: LayerNorm over the features of a step. `log`: signed logarithm, which shortens the heavy tails of acoustic
#: and facial features and, unlike a LayerNorm over a handful of features, keeps their level. `none`: unchanged.
InputNorm: TypeAlias = Literal["layer", "log", "none"]


def signed_log(values: Tensor) -> Tensor:
    """`sign(x) log(1 + |x|)`, element by element: 0 stays 0, 255 becomes 5.5."""
    return values.sign() * values.abs().log1p()


class InputFeatures(nn.Module):
    """A modality's feature vectors, normalised.

    Args:
        input_width: Width D.
        norm: Normalisation of the features. A single feature is never layer-normalised, which would make it constant.
    """

    def __init__(self, input_width: int, norm: InputNorm = "none") -> None:
        super().__init__()
        self.log = norm == "log"
        self.norm = nn.LayerNorm(input_width) if norm == "layer" and input_width > 1 else nn.Identity()

    def features(self, sequences: Sequences) -> Tensor:
        """Return normalised features `(B, T, D)`, zeros on padding."""
        values = sequences.values
        values = self.norm(signed_log(values) if self.log else values)
        # Zeros on padding, so that a patch across a sample's end does not depend on the padding of the batch.
        return torch.where(sequences.padding.unsqueeze(-1), values.new_zeros(()), values)


class InputProjection(InputFeatures):
    """Normalise, join neighbouring steps, project: `(B, T, D)` to `(B, ceil(T / patch), d)`.

    Args:
        input_width: Width D.
        width: Width d.
        norm: See `InputFeatures`.
        patch: Number of neighbouring steps joined into one by a linear map of all their features. Reduces the cost of
            attention over streams of many frames a second; 1 keeps every step.
    """

    def __init__(self, input_width: int, width: int, norm: InputNorm = "none", patch: int = 1) -> None:
        super().__init__(input_width, norm)
        self.patch = patch
        self.project = nn.Linear(input_width * patch, width)

    def forward(self, sequences: Sequences) -> tuple[Tensor, Tensor]:
        """Return projected steps `(B, T', d)` and their padding `(B, T')`; a patch is valid if any of its steps is."""
        return self.embed(self.features(sequences), sequences)

    def embed(self, features: Tensor, sequences: Sequences) -> tuple[Tensor, Tensor]:
        """Do the same as `forward` from the result of `features`."""
        padding = sequences.padding
        if self.patch > 1:
            gap = -features.shape[1] % self.patch
            features = torch.unflatten(F.pad(features, (0, 0, 0, gap)), 1, (-1, self.patch)).flatten(2)
            padding = padding[:, :: self.patch]
        return self.project(features), padding
