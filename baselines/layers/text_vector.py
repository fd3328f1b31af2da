"""Vector of a whole text, without parameters."""

from __future__ import annotations

from typing import Literal, TypeAlias

from torch import Tensor

from baselines.interface import InputSpec, Sequences
from baselines.layers.pooling import masked_mean
from protocols import InputError

#: `mean` of all states, or the state of `[CLS]`.
TextVector: TypeAlias = Literal["mean", "cls"]


def text_vector(text: Sequences, kind: TextVector) -> Tensor:
    """Return the vector of each text, `(B, D)`."""
    return masked_mean(text.values, text.padding) if kind == "mean" else text.values[:, 0]


def check_text_vector(spec: InputSpec, kind: TextVector) -> None:
    """Raise InputError if `kind` needs `[CLS]` and the text has none."""
    if kind == "cls" and not spec.framed_text:
        raise InputError(
            "text_vector is 'cls', and this text is word vectors, which have no state of [CLS]; choose 'mean'"
        )
