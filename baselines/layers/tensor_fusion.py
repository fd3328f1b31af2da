"""Products of modalities: the full tensor of TFN (EMNLP 2017) and its low-rank form, LMF (ACL 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def append_one(vector: Tensor) -> Tensor:
    """Prepend a one, `(B, d)` to `(B, d + 1)`, so that products of vectors contain each vector and each pair."""
    return F.pad(vector, (1, 0), value=1.0)


def tensor_fusion(vectors: Sequence[Tensor]) -> Tensor:
    """Outer product of vectors, each with a one prepended, flattened (TFN, section 4.2).

    Args:
        vectors: `(B, d_1)`, `(B, d_2)`, ...

    Returns:
        `(B, (d_1 + 1) (d_2 + 1) ...)`: one, every vector, and every product of their elements, the last vector's index
        running fastest.
    """
    product = append_one(vectors[0])
    for vector in vectors[1:]:
        product = (product.unsqueeze(2) * append_one(vector).unsqueeze(1)).flatten(1)
    return product


class LowRankFusion(nn.Module):
    """Linear map of the outer product, whose weights are a sum of `rank` products of factors (LMF, section 3).

    The outer product is never formed: each modality is mapped by its factors, and the results are multiplied.
    """

    def __init__(self, widths: Sequence[int], output: int, rank: int) -> None:
        super().__init__()
        self.factors = nn.ParameterList(torch.empty(rank, width + 1, output) for width in widths)
        self.weights = nn.Parameter(torch.empty(1, rank))
        self.bias = nn.Parameter(torch.zeros(output))
        for parameter in (*self.factors, self.weights):
            nn.init.xavier_normal_(parameter)

    def forward(self, vectors: Sequence[Tensor]) -> Tensor:
        """Return `(B, output)` from `(B, d_1)`, `(B, d_2)`, ..."""
        product: Tensor | None = None
        for vector, factor in zip(vectors, self.factors, strict=True):
            mapped = torch.einsum("bd,rdo->bro", append_one(vector), factor)
            product = mapped if product is None else product * mapped
        if product is None:
            return self.bias
        return torch.einsum("r,bro->bo", self.weights[0], product) + self.bias
