"""Interface between models and the code that runs them.

A model gets sequences in which erased positions are zero vectors (erased text was `[UNK]` before encoding), or hold
content of other samples (scenarios with `unmarked`), and predicts the speaker's sentiment. It never sees which
positions were erased: `Batch` has no such field. `TrainBatch`, which only `training_loss` receives, holds the
additional information of training.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.declaration import MissingParts, ModelConfig, ModelInfo, Optimisation
from protocols import MODALITIES, Modality

__all__ = [
    "MODALITIES",
    "Batch",
    "EncoderLayers",
    "Modality",
    "ModelConfig",
    "ModelInfo",
    "MissingParts",
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
        length: `(B,)` int64, at least 1: valid positions. An erased modality keeps its length, with zeros.
        known: Copy of `length` on the processor, to be read without waiting for the device; None if there is none.
    """

    values: Tensor
    length: Tensor
    known: Tensor | None = None

    @property
    def padding(self) -> Tensor:
        """`(B, T)` bool: True beyond the end of a sample, like the key padding mask of torch's attention."""
        steps = torch.arange(self.values.shape[1], device=self.values.device)
        return steps[None, :] >= self.length[:, None]

    def places(self) -> tuple[Tensor, Tensor]:
        """Sample and step of each valid position, `(P,)` int64 each, in order: an index of `(B, T)`.

        Unlike `~padding` as an index, it does not wait for the device where the lengths are `known`.
        """
        total = None if self.known is None else int(self.known.numpy().sum())
        sample = torch.repeat_interleave(self.length, output_size=total)
        first = self.length.cumsum(0) - self.length
        return sample, torch.arange(len(sample), device=sample.device) - first[sample]

    def to(self, device: torch.device) -> Sequences:
        """Copy the sequences to a device."""
        return Sequences(self.values.to(device), self.length.to(device), self.known)


@dataclass(frozen=True, eq=False)
class Batch:
    """Model input of B samples.

    Text is encoded: `(B, T, D)` states with `[CLS]` first and `[SEP]` last. For a data set of word vectors it is these
    vectors without such a frame; `InputSpec.framed_text` tells the two apart. A model that declares `needs_encoder`
    gets the encoder's word embeddings instead of its states.

    Attributes:
        text, audio, vision: Sequences of one modality each.
        observed, integrity: By modality `(B, T)` bool, and `(B, 3)`, as in `TrainBatch`: for models that declare
            `mask_informed`; None for all others.
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
        """Device of the values."""
        return self.text.values.device

    def to(self, device: torch.device) -> Batch:
        """Copy the batch to a device."""
        observed = None if self.observed is None else {m: flags.to(device) for m, flags in self.observed.items()}
        integrity = None if self.integrity is None else self.integrity.to(device)
        return Batch(*(self[m].to(device) for m in MODALITIES), observed=observed, integrity=integrity)


@dataclass(frozen=True, eq=False)
class TrainBatch:
    """Training data of B samples.

    Attributes:
        input: The samples after the regime's erasing, as `forward` sees them at test time.
        complete: The same samples before the regime erased anything, with equal lengths; gaps of the data set remain.
        observed: By modality `(B, T)` bool: observed in `input`. False on padding; True for `[CLS]` and `[SEP]`.
        integrity: `(B, 3)`: observed over valid positions of text, audio, vision in `input`, 0..1.
        complete_integrity: `(B, 3)`: integrity of `complete`: below 1 where the data set itself has gaps.
        label: `(B,)` sentiment minus `InputSpec.label_centre`.
        index: `(B,)` int64: position of each sample in the training part, for models with a memory of samples.
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
    """Model output for B samples.

    Attributes:
        sentiment: `(B,)`, on the scale of the training labels (`InputSpec.label_centre`), not clipped.
        integrity: `(B, 3)` estimated integrity of text, audio, vision, if the model estimates it.
        dominant: `(B,)` int64 index of the modality that leads the fusion, if the model chooses one.
    """

    sentiment: Tensor
    integrity: Tensor | None = None
    dominant: Tensor | None = None


class EncoderLayers(nn.Module, ABC):
    """Layers of a text encoder, for models that work inside it and hold it as a submodule.

    If the study fine-tunes the encoder, they are the model's own copy, with parameters; if it is frozen, they are
    shared and this module has no parameters.

    Attributes:
        depth: Number of layers.
        width: Width D of embeddings and states.
        trainable: True if the layers have parameters, trained at the encoder's learning rate.
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
            before: Called with the number of each layer, 0 to depth - 1, and its input states `(B, T, D)`; the returned
                states replace them. States before layer 0 are the embeddings with positions added and normalised.

        Returns:
            `(B, T, D)` states of the last layer, zeros on padding.
        """


@dataclass(frozen=True)
class InputSpec:
    """Input sizes of a model, and what else it needs to be built.

    Attributes:
        text, audio, vision: Width D of each modality's vectors (text: of the encoder's states).
        label_range: Lowest and highest training label, symmetric about 0.
        label_centre: Middle of the data set's label range, subtracted from every training label and added to every
            prediction, so that 0 is neutral for every model. 0 for [-3, 3] and [-1, 1].
        train_samples: Size of the training part, for models with a memory of samples.
        encoder: Layers of the text encoder, for models that declare `needs_encoder`; None for others.
        framed_text: True if text has a state of `[CLS]` first and of `[SEP]` last; word vectors have neither.
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
    """Statistics of the training part that a model may read before training: `TrainBatch.label` of all, `(n,)`."""

    label: Tensor


@dataclass(frozen=True)
class Stage:
    """A part of training with separate parameters and losses.

    Attributes:
        name: Name, for the model.
        epochs: Largest number of epochs.
        selects: True if validation MAE may select the checkpoint and stop training in this stage.
        sweeps: Names of the passes over the training part in an epoch, each with separate parameters, losses and
            optimiser. Models that alternate between two objectives name two.
    """

    name: str
    epochs: int
    selects: bool = True
    sweeps: tuple[str, ...] = ("main",)


@dataclass(frozen=True)
class Step:
    """Position in training: stage, epoch within it, finished share of the stage's steps (0..1), sweep."""

    stage: Stage
    epoch: int
    progress: float
    sweep: str = "main"


@dataclass(frozen=True, eq=False)
class ParameterGroup:
    """Parameters that share a learning rate: `scale` times the config's. Parameters in no group are not trained.

    Attributes:
        parameters: The trained parameters.
        scale: Factor on the learning rate.
        weight_decay: Weight decay in place of the config's; None keeps the config's.
        encoder: True for parameters of the text encoder: `scale` then multiplies the encoder's learning rate.
    """

    parameters: Sequence[nn.Parameter]
    scale: float = 1.0
    weight_decay: float | None = None
    encoder: bool = False


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

    def told(self, batch: Batch) -> Prediction | None:
        """Predict with `batch.observed` and `batch.integrity` in place of the model's estimates of them.

        Returns None for a model that estimates neither or cannot use them. The boolean config field `true_integrity`
        is set for this prediction; models without that field override this method.
        """
        if getattr(self.config, "true_integrity", None) is not False:
            return None
        own, self.config = self.config, self.config.model_copy(update={"true_integrity": True})
        try:
            return self(batch)
        finally:
            self.config = own

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return weighted loss terms by name, whose sum is minimised; by default the mean absolute error.

        The history records each term by its name.
        """
        return {"task": F.l1_loss(self(batch.input).sentiment, batch.label)}

    def initialise(self, statistics: TrainingStatistics) -> None:
        """Read statistics of the training part, once, before the first stage. Does nothing by default."""

    def stages(self, epochs: int) -> list[Stage]:
        """Divide a budget of `epochs` into stages; one stage by default, none for a model without parameters."""
        return [Stage("fit", epochs)] if any(True for _ in self.parameters()) else []

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        """Return the parameters trained in a sweep; by default all, a text encoder's layers at their separate rate."""
        encoder = self.encoder_groups()
        theirs = {id(p) for m in self.modules() if isinstance(m, EncoderLayers) for p in m.parameters()}
        return [ParameterGroup([p for p in self.parameters() if id(p) not in theirs]), *encoder]

    def encoder_groups(self) -> list[ParameterGroup]:
        """Return the group of the text encoder's layers, for a model inside an encoder that the study trains."""
        inner = [m for m in self.modules() if isinstance(m, EncoderLayers) and m.trainable]
        return [ParameterGroup(list(m.parameters()), encoder=True) for m in inner]
