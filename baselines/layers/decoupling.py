"""Features that modalities share and features that are their own, from DMD (CVPR 2023), also used by DLF (AAAI 2025).

Steps `X_m` of modality m are encoded twice: by a specific encoder, `S_m = E_m(X_m)`, and by one encoder for all
modalities, `C_m = E(X_m)`. Four losses separate the two:

    L_rec = sum over m of |D_m([S_m, C_m]) - X_m|^2               together they hold the steps
    L_cyc = sum over m of |E_m(D_m([S_m, C_m])) - S_m|^2          and the rebuilt steps the specific features
    L_mar = mean over i, j, k of max(0, 0.15 |y_i - y_k| - cos(c_i, c_j) + cos(c_i, c_k)),  y_i = y_j, y_i != y_k
    L_ort = sum over m of max(0, cos(S_m, C_m))                   step by step

with `c` a linear map of all steps of the common features; i, j and k run over samples and modalities.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import MODALITIES, Batch, InputSpec, ModelConfig, Optimisation, Sequences
from baselines.layers.alignment import resample
from baselines.layers.cross_modal import CrossModalTransformer, TemporalConvolution, fitting_heads, last_step

#: Margin between the similarities of two pairs whose labels are one apart.
MARGIN = 0.15

#: Differences from the official code that DMD and DLF have in common.
DIFFERENCES = (
    "convolutions keep the length, and sequences are resampled to 46 steps before a linear map of all steps, "
    "which the official code applies to padded sequences of one fixed length",
    "every step attends to the whole of the source, padding is hidden, and each modality is read out at its "
    "own last step; the official code hides the steps ahead and reads the last step of the batch",
    "batches of 64; the official code adds the gradients of ten batches of 16, and drops those of the last "
    "batches of an epoch",
    "the gradient is clipped to a norm of 1; the official code clips each of its elements at 0.6",
    "the learning rate is constant until training stops, and 1e-3, for a frozen encoder; the official code "
    "starts at 1e-4 for a fine-tuned one and halves it where the validation loss stalls",
    "the released code keeps the epoch with the lowest validation loss, and evaluates every epoch on the test "
    "set beside it; here the checkpoint is selected on validation MAE",
    "the configuration's weight decay of 0.005 does not reach the official optimiser; here there is none",
)


class DecouplingConfig(ModelConfig):
    """Fields of every model that decouples features."""

    width: int = Field(default=50, ge=1, description="d: width of every modality after its convolution")
    heads: int = Field(
        default=10, ge=1, description="most attention heads: the largest divisor of the width up to this"
    )
    kernels: tuple[int, int, int] = Field(
        default=(5, 5, 5), description="steps that the convolutions of text, audio and vision join"
    )
    steps: int = Field(default=46, ge=1, description="steps that sequences are resampled to before a map of all steps")
    text_dropout: float = Field(default=0.5, ge=0, lt=1, description="dropout on the text's input vectors")
    attention_dropout: tuple[float, float, float] = Field(
        default=(0.3, 0.2, 0.0), description="dropout on attention weights towards text, audio and vision"
    )
    embedding_dropout: float = Field(default=0.2, ge=0, lt=1, description="dropout on the input of Transformers")
    output_dropout: float = Field(default=0.5, ge=0, lt=1, description="dropout in the heads")
    decoupling_weight: float = Field(default=0.1, ge=0, description="weight of the losses of the decoupling")
    separation_weight: float = Field(default=0.1, ge=0, description="weight of margin and orthogonality among them")
    optimisation: Optimisation = Optimisation(
        learning_rate=1e-3,
        encoder_learning_rate=1e-4,
        weight_decay=0.0,
        batch_size=64,
        epochs=50,
        patience=10,
        warmup=0.0,
        algorithm="adam",
        schedule="constant",
    )

    def transformer(self, layers: int, towards: str = "text", width: int | None = None) -> CrossModalTransformer:
        """Make a Transformer with the attention dropout towards a modality."""
        width = width or self.width
        return CrossModalTransformer(
            width,
            layers,
            fitting_heads(width, self.heads),
            attention_dropout=self.attention_dropout[MODALITIES.index(towards)],
            embedding_dropout=self.embedding_dropout,
        )


class ProjectedSteps(nn.Module):
    """Steps of every modality at the width of the model: dropout on the text, a temporal convolution for each."""

    def __init__(self, spec: InputSpec, config: DecouplingConfig) -> None:
        super().__init__()
        self.dropout = nn.Dropout(config.text_dropout)
        self.convolve = nn.ModuleDict(
            {
                m: TemporalConvolution(spec.width(m), config.width, kernel)
                for m, kernel in zip(MODALITIES, config.kernels, strict=True)
            }
        )

    def forward(self, batch: Batch) -> dict[str, Sequences]:
        """Return `(B, T, d)` by modality."""
        text = Sequences(self.dropout(batch.text.values), batch.text.length)
        inputs = {"text": text, "audio": batch.audio, "vision": batch.vision}
        return {m: Sequences(self.convolve[m](inputs[m]), batch[m].length) for m in MODALITIES}


class LastSteps(nn.Module):
    """A Transformer for each modality; its result at the last step of each sample."""

    def __init__(self, transformers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.transformers = nn.ModuleDict(dict(transformers))

    def forward(self, steps: Mapping[str, Sequences]) -> dict[str, Tensor]:
        """Return `(B, d)` by modality from `(B, T, d)`."""
        return {m: last_step(self.transformers[m](s.values, padding=s.padding), s.length) for m, s in steps.items()}


class Pointwise(nn.Module):
    """Linear map of every step, without bias: an encoder that needs no padding."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, width, bias=False)

    def forward(self, values: Tensor, padding: Tensor | None = None) -> Tensor:
        """Map `(B, T, d)` to `(B, T, d)`."""
        mapped: Tensor = self.map(values)
        return mapped


class Parts(NamedTuple):
    """Specific and common features by modality, each `(B, T, d)`, zeros on padding."""

    specific: dict[str, Sequences]
    common: dict[str, Sequences]


class Decoupler(nn.Module):
    """Encoders of specific and common features, the decoders that join them, and the losses of both.

    Args:
        width: Width d.
        specific: By modality, an encoder that maps `(values, padding=)` to `(B, T, d)`.
        common: The encoder of all modalities.
        steps: Number of steps S that sequences are resampled to before a linear map of all of them.
    """

    def __init__(self, width: int, specific: Mapping[str, nn.Module], common: nn.Module, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.specific, self.common = nn.ModuleDict(dict(specific)), common
        self.join = nn.ModuleDict({m: nn.Linear(2 * width, width, bias=False) for m in MODALITIES})
        self.summarise = nn.ModuleDict({m: nn.Linear(steps * width, width) for m in MODALITIES})

    def forward(self, steps: Mapping[str, Sequences]) -> Parts:
        """Decouple the projected steps of each modality, `(B, T, d)`."""
        return Parts(
            {m: _encode(self.specific[m], steps[m]) for m in MODALITIES},
            {m: _encode(self.common, steps[m]) for m in MODALITIES},
        )

    def flat(self, sequences: Sequences) -> Tensor:
        """Return all steps as one vector `(B, S d)`, resampled to S steps."""
        count = torch.full_like(sequences.length, self.steps)
        return resample(sequences, count, self.steps).values.flatten(1)

    def loss(self, steps: Mapping[str, Sequences], parts: Parts, label: Tensor, config: DecouplingConfig) -> Tensor:
        """Return the weighted sum of the four losses."""
        found = self.losses(steps, parts, label)
        separation = found["margin"] + found["orthogonality"]
        return config.decoupling_weight * (found["rebuilding"] + found["cycle"] + config.separation_weight * separation)

    def losses(self, steps: Mapping[str, Sequences], parts: Parts, label: Tensor) -> dict[str, Tensor]:
        """Return the four losses by name: `rebuilding`, `cycle`, `margin`, `orthogonality`."""
        rebuilding, cycle, orthogonality, summaries = [], [], [], []
        for m in MODALITIES:
            specific, common = parts.specific[m], parts.common[m]
            valid = ~specific.padding
            joined = self.join[m](torch.cat([specific.values, common.values], dim=-1))
            again = _encode(self.specific[m], Sequences(joined, specific.length))
            rebuilding.append(F.mse_loss(joined[valid], steps[m].values[valid]))
            cycle.append(F.mse_loss(again.values[valid], specific.values[valid]))
            likeness = F.cosine_similarity(specific.values[valid], common.values[valid], dim=-1)
            orthogonality.append(likeness.clamp(min=0).mean())
            summaries.append(self.summarise[m](self.flat(common)))
        return {
            "rebuilding": torch.stack(rebuilding).sum(),
            "cycle": torch.stack(cycle).sum(),
            "margin": margin_loss(torch.cat(summaries), label.repeat(len(MODALITIES))),
            "orthogonality": torch.stack(orthogonality).sum(),
        }


def margin_loss(vectors: Tensor, label: Tensor) -> Tensor:
    """Return the margin loss of vectors `(N, d)` with labels `(N,)`: vectors of one label are to be alike.

    Anchors without another vector of their label, or without one of another label, do not count; 0 without anchors.
    """
    unit = F.normalize(vectors, dim=-1)
    likeness = unit @ unit.T
    distance = (label[:, None] - label[None, :]).abs()
    alike = (distance == 0) & ~torch.eye(len(label), dtype=torch.bool, device=label.device)
    other = distance > 0
    anchor, partner = alike.nonzero(as_tuple=True)
    excess = MARGIN * distance[anchor] - likeness[anchor, partner][:, None] + likeness[anchor]
    by_pair = (excess.clamp(min=0) * other[anchor]).sum(dim=1) / other[anchor].sum(dim=1).clamp(min=1)
    by_anchor = torch.zeros_like(label, dtype=by_pair.dtype).index_add(0, anchor, by_pair)
    counted = alike.any(dim=1) & other.any(dim=1)
    return (by_anchor / alike.sum(dim=1).clamp(min=1))[counted].sum() / counted.sum().clamp(min=1)


def _encode(encoder: nn.Module, steps: Sequences) -> Sequences:
    values = encoder(steps.values, padding=steps.padding)
    return Sequences(values.masked_fill(steps.padding.unsqueeze(-1), 0.0), steps.length)
