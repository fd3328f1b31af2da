"""From a modality's feature vectors to the width of a model."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import Sequences

#: `layer`: LayerNorm over the features of a step. `log`: signed logarithm, which tames the heavy tails of acoustic and
#: facial features and, unlike a LayerNorm over a handful of features, keeps their level. `none`: as they are.
InputNorm: TypeAlias = Literal["layer", "log", "none"]


def signed_log(values: Tensor) -> Tensor:
    """`sign(x) log(1 + |x|)`, element by element: 0 stays 0, 255 becomes 5.5."""
    return values.sign() * values.abs().log1p()


class InputFeatures(nn.Module):
    """A modality's feature vectors, normalised.

    Args:
        input_width: D.
        norm: What is done to the features. One feature cannot be layer-normalised (nothing would be left of it); it is
            passed on as it is.
    """

    def __init__(self, input_width: int, norm: InputNorm = "none") -> None:
        super().__init__()
        self.log = norm == "log"
        self.norm = nn.LayerNorm(input_width) if norm == "layer" and input_width > 1 else nn.Identity()

    def features(self, sequences: Sequences) -> Tensor:
        """Normalised features `(B, T, D)`, zeros on padding."""
        values = sequences.values
        values = self.norm(signed_log(values) if self.log else values)
        # Zeros on padding, so that a patch across a sample's end holds the same whatever the batch is padded to.
        return torch.where(sequences.padding.unsqueeze(-1), values.new_zeros(()), values)


class InputProjection(InputFeatures):
    """Normalise, join neighbouring steps, project: `(B, T, D)` to `(B, ceil(T / patch), d)`.

    Args:
        input_width: D.
        width: d.
        norm: See `InputFeatures`.
        patch: So many neighbouring steps become one, by one linear map of all their features. Cuts the cost of
            attention over streams of many frames a second; 1 keeps every step.
    """

    def __init__(self, input_width: int, width: int, norm: InputNorm = "none", patch: int = 1) -> None:
        super().__init__(input_width, norm)
        self.patch = patch
        self.project = nn.Linear(input_width * patch, width)

    def forward(self, sequences: Sequences) -> tuple[Tensor, Tensor]:
        """Projected steps `(B, T', d)` and their padding `(B, T')`; a patch counts if any of its steps is valid."""
        return self.embed(self.features(sequences), sequences)

    def embed(self, features: Tensor, sequences: Sequences) -> tuple[Tensor, Tensor]:
        """The same from what `features` returned."""
        padding = sequences.padding
        if self.patch > 1:
            gap = -features.shape[1] % self.patch
            features = torch.unflatten(F.pad(features, (0, 0, 0, gap)), 1, (-1, self.patch)).flatten(2)
            padding = padding[:, :: self.patch]
        return self.project(features), padding
