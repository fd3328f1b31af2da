"""TETFN: Text Enhanced Transformer Fusion Network (Wang et al., Pattern Recognition 136, 2023).

Text guides the fusion of all pairs of modalities. Text is enriched by audio and by vision, and each of these by text,
with the cross-modal Transformer of MulT. Between audio and vision there is the text-enhanced Transformer: the source
first attends to the text, then the target attends to the result,

    vision to audio:   C = CM(vision <- text),   CM(audio <- C)          and likewise audio to vision.

The two enriched sequences of a modality are joined and read by a Transformer; the sentiment is predicted from its last
steps. Each modality also has a unimodal task, whose labels are generated as in Self-MM: see
`baselines.layers.unimodal_labels`. Training minimises the mean over samples of

    |y_m' - y_m| + sum over s of tanh(|y_s - y_m|) |y_s' - y_s|
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from baselines.interface import (
    MODALITIES,
    Batch,
    InputSpec,
    Modality,
    ModelConfig,
    ModelInfo,
    Optimisation,
    ParameterGroup,
    Prediction,
    SentimentModel,
    Sequences,
    Stage,
    Step,
    TrainBatch,
    TrainingStatistics,
)
from baselines.layers.cross_modal import CrossModalTransformer, TemporalConvolution, fitting_heads, last_step
from baselines.layers.recurrent import RecurrentEncoder
from baselines.layers.unimodal_labels import TaskHead, TaskOutput, UnimodalLabels, multitask_losses
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class TetfnConfig(ModelConfig):
    """Settings of MMSA for MOSI. MOSEI: `audio_hidden=vision_hidden=32, vision_kernel=1, text_width=64`,
    `relu_dropout=embedding_dropout=text_dropout=vision_dropout=0.1, residual_dropout=0`, a learning rate of 1e-4 with
    `audio_scale=10, vision_scale=50, audio_decay=0, vision_decay=1e-3`, `batch_size=32`.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(30, 50, 80),
        "layers": Choice(1, 2, 3),
        "attention_dropout": Interval(0.0, 0.3),
        "residual_dropout": Interval(0.0, 0.3),
        "vision_hidden": Choice(32, 64),
        "fusion_width": Choice(64, 128),
    }

    width: int = Field(50, ge=1, description="width of all sequences")
    heads: int = Field(5, ge=1, description="most attention heads: the largest divisor of the width up to this")
    layers: int = Field(2, ge=1, description="depth of each Transformer; text-enhanced ones have one layer more")
    audio_hidden: int = Field(16, ge=1, description="width of the audio's LSTM")
    vision_hidden: int = Field(64, ge=1, description="width of the vision's LSTM")
    text_kernel: int = Field(1, ge=1, description="steps of the convolution over the text's states")
    audio_kernel: int = Field(1, ge=1, description="steps of the convolution over the audio's LSTM")
    vision_kernel: int = Field(3, ge=1, description="steps of the convolution over the vision's LSTM")
    fusion_width: int = Field(64, ge=1, description="width of the multimodal representation")
    text_width: int = Field(32, ge=1, description="width of the text's representation")
    audio_width: int = Field(32, ge=1, description="width of the audio's representation")
    vision_width: int = Field(16, ge=1, description="width of the vision's representation")
    attention_dropout: float = Field(0.1, ge=0, lt=1, description="dropout on attention weights, except text to audio")
    audio_attention_dropout: float = Field(0.0, ge=0, lt=1, description="dropout where text attends to audio")
    relu_dropout: float = Field(0.0, ge=0, lt=1, description="dropout inside the feed-forwards")
    residual_dropout: float = Field(0.1, ge=0, lt=1, description="dropout on each sub-layer's output")
    embedding_dropout: float = Field(0.0, ge=0, lt=1, description="dropout on the inputs of Transformers")
    fusion_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the multimodal head")
    text_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the text's own head")
    audio_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the audio's own head")
    vision_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the vision's own head")
    audio_scale: float = Field(5 / 3, gt=0, description="factor on the learning rate of the audio's reader")
    vision_scale: float = Field(1.0, gt=0, description="factor on the learning rate of the vision's reader")
    audio_decay: float = Field(0.01, ge=0, description="weight decay of the audio's reader")
    vision_decay: float = Field(0.0, ge=0, description="weight decay of the vision's reader")
    optimisation: Optimisation = Optimisation.adam(
        learning_rate=3e-4, encoder_learning_rate=3e-5, weight_decay=0.01, batch_size=64, epochs=100, patience=8
    )


class StepReader(nn.Module):
    """LSTM with a convolution over its states: `(B, T, D)` to `(B, T, d)`, zeros on padding."""

    def __init__(self, input_width: int, hidden: int, width: int, kernel: int) -> None:
        super().__init__()
        self.reader = RecurrentEncoder(input_width, hidden)
        self.convolution = TemporalConvolution(hidden, width, kernel)

    def forward(self, sequences: Sequences) -> Tensor:
        """Read the valid steps."""
        states, _ = self.reader(sequences)
        result: Tensor = self.convolution(Sequences(states, sequences.length))
        return result


class TextEnhancedTransformer(nn.Module):
    """The text-enhanced Transformer: a target attends to a source that attended to the text."""

    def __init__(self, lower: CrossModalTransformer, upper: CrossModalTransformer) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper

    def forward(
        self, target: Tensor, source: Tensor, text: Tensor, source_padding: Tensor, text_padding: Tensor
    ) -> Tensor:
        """Return `(B, T, d)` from a target `(B, T, d)`, a source `(B, S, d)` and text `(B, L, d)`."""
        enriched: Tensor = self.upper(target, self.lower(source, text, text_padding, source_padding), source_padding)
        return enriched


@register(
    "tetfn",
    config=TetfnConfig,
    info=ModelInfo(
        title="TETFN",
        paper="TETFN: A text enhanced transformer fusion network for multimodal sentiment analysis "
        "(Pattern Recognition 136, 2023)",
        year=2023,
        url="https://github.com/thuiar/MMSA",
        licence="MIT",
        differences=(
            "the authors published no code; sizes and settings are those of MMSA's reimplementation",
            "streams are not aligned to the text, as in the paper's main results; MMSA feeds aligned ones",
            "the vision features are those of the data set; the paper extracts its own with a vision Transformer",
            "padding is hidden from attention, maxima and convolutions, and the last valid step is read out; MMSA "
            "reads the last step of the padded batch",
            "every step may attend to every other, and all Transformers have positions, as in MulT's paper; MMSA hides "
            "later steps and gives positions to the text-enhanced Transformers only",
            "the convolution over vision has the kernel of 3 that MMSA's settings name (6,400 parameters more); its "
            "code gives it the audio's kernel",
            "unimodal labels are generated as in Self-MM's paper, with squared distances",
            "an update sees 64 samples; MMSA adds up the gradients of four batches",
        ),
    ),
)
class Tetfn(SentimentModel):
    """Text-oriented cross-modal Transformers, and unimodal tasks whose labels are generated."""

    config: TetfnConfig

    def __init__(self, spec: InputSpec, config: TetfnConfig) -> None:
        super().__init__(spec, config)
        width = config.width
        self.text = TemporalConvolution(spec.text, width, config.text_kernel)
        self.audio = StepReader(spec.audio, config.audio_hidden, width, config.audio_kernel)
        self.vision = StepReader(spec.vision, config.vision_hidden, width, config.vision_kernel)
        dropout = config.attention_dropout
        self.text_from_audio = self._transformer(width, attention_dropout=config.audio_attention_dropout)
        self.text_from_vision = self._transformer(width, attention_dropout=dropout)
        self.audio_from_text = self._transformer(width, attention_dropout=dropout)
        self.vision_from_text = self._transformer(width, attention_dropout=dropout)
        self.audio_from_vision = self._text_enhanced()
        self.vision_from_audio = self._text_enhanced()
        self.memory = nn.ModuleDict({m: self._transformer(2 * width, attention_dropout=dropout) for m in MODALITIES})
        heads = {
            "multimodal": TaskHead(6 * width, config.fusion_width, config.fusion_dropout),
            "text": TaskHead(width, config.text_width, config.text_dropout),
            "audio": TaskHead(width, config.audio_width, config.audio_dropout),
            "vision": TaskHead(width, config.vision_width, config.vision_dropout),
        }
        self.heads = nn.ModuleDict(heads)
        widths = {task: head.width for task, head in heads.items()}
        self.labels = UnimodalLabels(widths, spec.train_samples, spec.label_range)

    def initialise(self, statistics: TrainingStatistics) -> None:
        """Initialise the labels of every task by those of the training part."""
        self.labels.initialise(statistics.label)

    def forward(self, batch: Batch) -> Prediction:
        """Predict sentiment `(B,)` by the multimodal task."""
        return Prediction(self._task("multimodal", self._fuse(self.steps(batch), batch)).prediction)

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return the losses of the four tasks; then update the labels for the next epoch."""
        steps = self.steps(batch.input)
        outputs = {"multimodal": self._task("multimodal", self._fuse(steps, batch.input))}
        for modality in MODALITIES:
            padding = batch.input[modality].padding.unsqueeze(-1)
            highest = steps[modality].masked_fill(padding, float("-inf")).amax(dim=1)
            outputs[modality] = self._task(modality, highest)
        losses = multitask_losses(outputs, batch.label, self.labels.recall(batch.index, batch.label))
        representation = {task: output.representation for task, output in outputs.items()}
        self.labels.update(batch.index, representation, step.epoch + 1)
        return losses

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        """Return groups with separate learning rates and weight decays of the readers of audio and vision."""
        config = self.config
        readers = [
            ParameterGroup(list(self.audio.parameters()), config.audio_scale, config.audio_decay),
            ParameterGroup(list(self.vision.parameters()), config.vision_scale, config.vision_decay),
        ]
        theirs = {id(p) for group in readers for p in group.parameters}
        return [ParameterGroup([p for p in self.parameters() if id(p) not in theirs]), *readers]

    def steps(self, batch: Batch) -> dict[Modality, Tensor]:
        """Return each modality's sequence at the common width, `(B, T_m, d)`."""
        return {"text": self.text(batch.text), "audio": self.audio(batch.audio), "vision": self.vision(batch.vision)}

    def _fuse(self, steps: Mapping[Modality, Tensor], batch: Batch) -> Tensor:
        """Return the concatenated last steps of the three modalities, `(B, 6 d)`."""
        text, audio, vision = (steps[m] for m in MODALITIES)
        no_text, no_audio, no_vision = (batch[m].padding for m in MODALITIES)
        enriched = {
            "text": [self.text_from_audio(text, audio, no_audio), self.text_from_vision(text, vision, no_vision)],
            "audio": [
                self.audio_from_text(audio, text, no_text),
                self.audio_from_vision(audio, vision, text, no_vision, no_text),
            ],
            "vision": [
                self.vision_from_text(vision, text, no_text),
                self.vision_from_audio(vision, audio, text, no_audio, no_text),
            ],
        }
        last = []
        for m in MODALITIES:
            read = self.memory[m](torch.cat(enriched[m], dim=-1), padding=batch[m].padding)
            last.append(last_step(read, batch[m].length))
        return torch.cat(last, dim=-1)

    def _task(self, task: str, values: Tensor) -> TaskOutput:
        output: TaskOutput = self.heads[task](values)
        return output

    def _transformer(self, width: int, *, attention_dropout: float, layers: int | None = None) -> CrossModalTransformer:
        config = self.config
        return CrossModalTransformer(
            width,
            layers or config.layers,
            fitting_heads(width, config.heads),
            attention_dropout=attention_dropout,
            relu_dropout=config.relu_dropout,
            residual_dropout=config.residual_dropout,
            embedding_dropout=config.embedding_dropout,
        )

    def _text_enhanced(self) -> TextEnhancedTransformer:
        width, dropout = self.config.width, self.config.attention_dropout
        lower = self._transformer(width, attention_dropout=dropout, layers=1)
        return TextEnhancedTransformer(lower, self._transformer(width, attention_dropout=dropout))
