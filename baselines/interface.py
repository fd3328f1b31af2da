"""The contract between models and everything that runs them.

A model gets sequences in which erased positions are zero vectors (erased text was `[UNK]` before encoding) and says how
positive the speaker was. It never sees which positions were erased: `Batch` has no such field. What training may know
besides stands in `TrainBatch`, which only `training_loss` receives.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from baselines.search import Search
from protocols import MODALITIES, Modality

__all__ = [
    "MODALITIES",
    "Batch",
    "EncoderLayers",
    "Modality",
    "ModelConfig",
    "ModelInfo",
    "Optimisation",
    "ParameterGroup",
    "Prediction",
    "SentimentModel",
    "Sequences",
    "Stage",
    "Step",
    "TrainBatch",
    "TrainingStatistics",
    "InputSpec",
]


@dataclass(frozen=True, eq=False)
class Sequences:
    """Padded sequences of one modality.

    Attributes:
        values: `(B, T, D)` float32; +0.0 beyond a sample's length and at erased positions, never -0.0.
        length: `(B,)` int64, at least 1: valid positions. A modality that is gone keeps its length, all zeros.
    """

    values: Tensor
    length: Tensor

    @property
    def padding(self) -> Tensor:
        """`(B, T)` bool: True beyond the end of a sample, as torch's attention wants its key padding mask."""
        steps = torch.arange(self.values.shape[1], device=self.values.device)
        return steps[None, :] >= self.length[:, None]

    def to(self, device: torch.device) -> Sequences:
        """The same sequences on a device."""
        return Sequences(self.values.to(device), self.length.to(device))


@dataclass(frozen=True, eq=False)
class Batch:
    """What a model sees of B samples.

    Text is encoded: `(B, T, D)` states with `[CLS]` first and `[SEP]` last. Where the data set has word vectors, it is
    these as they are, without a frame, which `InputSpec.framed_text` says. A model that declares `needs_encoder` gets
    the encoder's word embeddings there instead of its states.

    Attributes:
        text, audio, vision: One modality each.
        observed, integrity: By modality `(B, T)` bool, and `(B, 3)`, as in `TrainBatch`: for models that declare
            `mask_informed`; None for all others, which must not know.
    """

    text: Sequences
    audio: Sequences
    vision: Sequences
    observed: Mapping[Modality, Tensor] | None = field(default=None, kw_only=True)
    integrity: Tensor | None = field(default=None, kw_only=True)

    def __getitem__(self, modality: Modality) -> Sequences:
        sequences: Sequences = getattr(self, modality)
        return sequences

    def __len__(self) -> int:
        return int(self.text.length.shape[0])

    @property
    def device(self) -> torch.device:
        """Where the values are."""
        return self.text.values.device

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        observed = None if self.observed is None else {m: flags.to(device) for m, flags in self.observed.items()}
        integrity = None if self.integrity is None else self.integrity.to(device)
        return Batch(*(self[m].to(device) for m in MODALITIES), observed=observed, integrity=integrity)


@dataclass(frozen=True, eq=False)
class TrainBatch:
    """What training may know of B samples.

    Attributes:
        input: The samples as the regime left them: what `forward` sees at test time.
        complete: The same samples before the regime erased anything, with equal lengths; gaps of the data set remain.
        observed: By modality `(B, T)` bool: observed in `input`. False on padding; True for `[CLS]` and `[SEP]`.
        integrity: `(B, 3)`: observed over valid positions of text, audio, vision in `input`, 0..1.
        complete_integrity: `(B, 3)`: the same for `complete`: below 1 where the data set itself has gaps.
        label: `(B,)` sentiment, less `InputSpec.label_centre`.
        index: `(B,)` int64: position of each sample in the training part, for models that remember samples.
    """

    input: Batch
    complete: Batch
    observed: Mapping[Modality, Tensor]
    integrity: Tensor
    complete_integrity: Tensor
    label: Tensor
    index: Tensor

    def __len__(self) -> int:
        return len(self.input)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of B samples.

    Attributes:
        sentiment: `(B,)`, on the scale of the labels that the model is shown (`InputSpec.label_centre`), not clipped.
        integrity: `(B, 3)` estimated integrity of text, audio, vision, where the model estimates it.
        dominant: `(B,)` int64 index of the modality that leads the fusion, where the model chooses one.
    """

    sentiment: Tensor
    integrity: Tensor | None = None
    dominant: Tensor | None = None


class EncoderLayers(nn.Module, ABC):
    """The layers of a text encoder, for models that work inside it, which keep it as a module.

    Where the study fine-tunes the encoder these are a copy of the model's own, with parameters; where it is frozen they
    are shared and this module has none.

    Attributes:
        depth: Number of layers.
        width: D of embeddings and states.
        trainable: Whether there are parameters to be trained, at the encoder's learning rate.
    """

    depth: int
    width: int
    trainable: bool

    @abstractmethod
    def forward(
        self, embeddings: Tensor, length: Tensor, before: Callable[[int, Tensor], Tensor] | None = None
    ) -> Tensor:
        """Run the layers.

        Args:
            embeddings: `(B, T, D)` word embeddings, as `Batch.text` holds them for models that need the encoder.
            length: `(B,)` tokens of each text.
            before: Called with the number of each layer, 0 to depth - 1, and the hidden states `(B, T, D)` that are
                about to enter it; what it returns enters instead. States before layer 0 are the embeddings with
                positions added and normalised.

        Returns:
            `(B, T, D)` states of the last layer, zeros on padding.
        """


@dataclass(frozen=True)
class InputSpec:
    """Sizes that a model is built for.

    Attributes:
        text, audio, vision: Width D of each modality's vectors (text: of the encoder's states).
        label_range: Lowest and highest label that the model is shown: as far below 0 as above.
        label_centre: The middle of the data set's label range, which is taken from every label that the model is shown
            and added to what it predicts: 0 is neutral to every model, and where it starts. 0 for [-3, 3] and [-1, 1].
        train_samples: Size of the training part, for models that remember samples.
        encoder: The text encoder's layers, for the models that declare `needs_encoder`; None for the others.
        framed_text: Whether text has a state of `[CLS]` first and of `[SEP]` last; word vectors have neither.
    """

    text: int
    audio: int
    vision: int
    label_range: tuple[float, float] = (-3.0, 3.0)
    train_samples: int = 0
    encoder: EncoderLayers | None = field(default=None, compare=False)
    framed_text: bool = True
    label_centre: float = 0.0

    def width(self, modality: Modality) -> int:
        """Width of one modality."""
        return int(getattr(self, modality))


@dataclass(frozen=True, eq=False)
class TrainingStatistics:
    """What a model may read of the whole training part before training: its labels `(n,)`, as `TrainBatch.label`."""

    label: Tensor


class Optimisation(BaseModel):
    """How a model is trained by default: the published settings, where they are known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    learning_rate: float = Field(1e-3, gt=0)
    encoder_learning_rate: float = Field(2e-5, gt=0, description="for a fine-tuned text encoder")
    weight_decay: float = Field(1e-4, ge=0)
    batch_size: int = Field(64, ge=1)
    epochs: int = Field(50, ge=0, description="at most; early stopping may end it before")
    patience: int = Field(10, ge=1, description="epochs without a better validation MAE before training ends")
    warmup: float = Field(0.1, ge=0, lt=1, description="share of a stage's steps in which the rate rises")
    clip_norm: float = Field(1.0, gt=0, description="gradients are scaled down to this norm")
    algorithm: Literal["adamw", "adam"] = Field(
        "adamw", description="adam: weight decay is part of the gradient, as in papers before AdamW"
    )
    schedule: Literal["cosine", "constant"] = Field("cosine", description="of the learning rate, after the warm-up")
    ema_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="a step, of a moving average of the weights that is validated, selected and used; 0: none is kept. "
        "After n steps it is at most (1 + n) / (10 + n)",
    )
    tolerance: float = Field(
        0.0,
        ge=0,
        description="the latest epoch is selected whose validation MAE is no more than so many paired standard errors "
        "above the lowest; 0: the lowest",
    )


class ModelConfig(BaseModel):
    """Base of every model's config: frozen, and no field may be misspelt.

    Attributes:
        search: What `sentibench tune` may vary beside the learning rate and weight decay, by field, `a.b` for nested
            ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    search: ClassVar[Mapping[str, Search]] = {}

    optimisation: Optimisation = Optimisation()


@dataclass(frozen=True)
class Stage:
    """A part of training with its own parameters and losses.

    Attributes:
        name: What the model knows it by.
        epochs: How long it lasts at most.
        selects: Whether the checkpoint may be chosen (and training stopped) by validation MAE here.
        sweeps: What an epoch consists of: so many passes over the training part, each with parameters, losses and an
            optimiser of its own. Models that alternate between two objectives name two.
    """

    name: str
    epochs: int
    selects: bool = True
    sweeps: tuple[str, ...] = ("main",)


@dataclass(frozen=True)
class Step:
    """Where training stands: the stage, the epoch within it, the share of the stage's steps done (0..1), the sweep."""

    stage: Stage
    epoch: int
    progress: float
    sweep: str = "main"


@dataclass(frozen=True, eq=False)
class ParameterGroup:
    """Parameters that share a learning rate: `scale` times the config's. What is in no group is not trained.

    Attributes:
        parameters: What is trained.
        scale: Factor on the learning rate.
        weight_decay: Instead of the config's.
        encoder: Whether these belong to the text encoder: `scale` is then on the encoder's learning rate.
    """

    parameters: Sequence[nn.Parameter]
    scale: float = 1.0
    weight_decay: float | None = None
    encoder: bool = False


@dataclass(frozen=True)
class ModelInfo:
    """Where a model comes from, what it needs, and how ours differs from the paper.

    Capabilities: `text_only` etc. list the modalities read in `modalities`; `mask_informed` models are told at
    test time what is observed (`Batch.observed`, `Batch.integrity`); `needs_aligned` wants one time axis;
    `needs_encoder` works inside the text encoder; `uses_complete_view` trains on the samples before erasing. `version`
    rises when a change of the code changes what comes out. `variant_of` names the model that this one is an ablation
    of.
    """

    title: str
    paper: str
    year: int
    url: str = ""
    licence: str = ""
    modalities: tuple[Modality, ...] = MODALITIES
    mask_informed: bool = False
    needs_aligned: bool = False
    needs_encoder: bool = False
    uses_complete_view: bool = False
    differences: tuple[str, ...] = field(default_factory=tuple)
    version: int = 1
    variant_of: str = ""


class SentimentModel(nn.Module, ABC):
    """A model of sentiment from incomplete text, audio and vision.

    Subclasses take `(spec: InputSpec, config)`; predictions must not depend on padding, batch composition or order, and
    must be finite whatever is missing.
    """

    name: ClassVar[str]
    info: ClassVar[ModelInfo]
    config_class: ClassVar[type[ModelConfig]]

    def __init__(self, spec: InputSpec, config: Any) -> None:
        super().__init__()
        self.spec = spec
        self.config = config

    @abstractmethod
    def forward(self, batch: Batch) -> Prediction:
        """Predict the sentiment of a batch."""

    def __call__(self, batch: Batch) -> Prediction:
        """Run `forward` (typed)."""
        prediction: Prediction = super().__call__(batch)
        return prediction

    @abstractmethod
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Named terms, already weighted; their sum is minimised. Terms are recorded in the history by name."""

    def initialise(self, statistics: TrainingStatistics) -> None:
        """Read statistics of the training part, once, before the first stage. Does nothing by default."""

    def stages(self, epochs: int) -> list[Stage]:
        """How a budget of `epochs` is divided; one stage by default, none for a model without parameters."""
        return [Stage("fit", epochs)] if any(True for _ in self.parameters()) else []

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        """What is trained in a sweep of a stage; by default everything, a text encoder's layers at their own rate."""
        encoder = self.encoder_groups()
        theirs = {id(p) for m in self.modules() if isinstance(m, EncoderLayers) for p in m.parameters()}
        return [ParameterGroup([p for p in self.parameters() if id(p) not in theirs]), *encoder]

    def encoder_groups(self) -> list[ParameterGroup]:
        """The layers of a text encoder that this model works inside, where the study trains them."""
        inner = [m for m in self.modules() if isinstance(m, EncoderLayers) and m.trainable]
        return [ParameterGroup(list(m.parameters()), encoder=True) for m in inner]
