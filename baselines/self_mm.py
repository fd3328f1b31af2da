"""Self-MM: Self-Supervised Multi-task learning (Yu et al., AAAI 2021, arXiv 2102.04830).

Text, audio and vision are each encoded as one vector `F_s`; a head on all three predicts the sentiment, `y_m'`, and a
head on each predicts the sentiment of that modality, `y_s'`. The labels of the unimodal tasks are generated during
training: see `baselines.layers.unimodal_labels`. Training minimises the mean over samples of

    |y_m' - y_m| + sum over s of tanh(|y_s - y_m|) |y_s' - y_s|
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from baselines.interface import (
    Batch,
    InputSpec,
    ModelConfig,
    ModelInfo,
    Optimisation,
    ParameterGroup,
    Prediction,
    SentimentModel,
    Stage,
    Step,
    TrainBatch,
    TrainingStatistics,
)
from baselines.layers.recurrent import LastState
from baselines.layers.text_vector import TextVector, check_text_vector, text_vector
from baselines.layers.unimodal_labels import TaskHead, TaskOutput, UnimodalLabels, multitask_losses
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class SelfMmConfig(ModelConfig):
    """The authors' settings for MOSI in MMSA. MOSEI: `audio_scale=5, vision_scale=0.1, fusion_dropout=0.1`,
    `text_dropout=audio_dropout=0`, `batch_size=128`, weight decay 0.01 (in MMSA 0 on the readers of audio and vision,
    for which there is no field).
    """

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(64, 128),
        "text_width": Choice(32, 64),
        "audio_hidden": Choice(16, 32),
        "vision_hidden": Choice(32, 64),
        "fusion_dropout": Interval(0.0, 0.3),
        "text_dropout": Interval(0.0, 0.3),
    }

    text_vector: TextVector = Field("mean", description="vector of the text: mean of its states, or state of [CLS]")
    width: int = Field(128, ge=1, description="width of the multimodal representation")
    text_width: int = Field(32, ge=1, description="width of the text's representation")
    audio_width: int = Field(16, ge=1, description="width of the audio's vector and representation")
    vision_width: int = Field(32, ge=1, description="width of the vision's vector and representation")
    audio_hidden: int = Field(16, ge=1, description="width of the audio's LSTM")
    vision_hidden: int = Field(32, ge=1, description="width of the vision's LSTM")
    fusion_dropout: float = Field(0.0, ge=0, lt=1, description="dropout on the joined vectors")
    text_dropout: float = Field(0.1, ge=0, lt=1, description="dropout on the text's vector in the unimodal task")
    audio_dropout: float = Field(0.1, ge=0, lt=1, description="dropout on the audio's vector in the unimodal task")
    vision_dropout: float = Field(0.0, ge=0, lt=1, description="dropout on the vision's vector in the unimodal task")
    audio_scale: float = Field(5.0, gt=0, description="factor on the learning rate of the audio's LSTM")
    vision_scale: float = Field(5.0, gt=0, description="factor on the learning rate of the vision's LSTM")
    optimisation: Optimisation = Optimisation.adam(
        learning_rate=1e-3, encoder_learning_rate=5e-5, weight_decay=1e-3, batch_size=64, epochs=100, patience=8
    )


@register(
    "self-mm",
    config=SelfMmConfig,
    info=ModelInfo(
        title="Self-MM",
        paper="Learning Modality-Specific Representations with Self-Supervised Multi-Task Learning for Multimodal "
        "Sentiment Analysis (AAAI 2021)",
        year=2021,
        url="https://github.com/thuiar/Self-MM",
        licence="MIT",
        differences=(
            "the text's vector is the mean of its states, for a frozen encoder more informative than the state of "
            "[CLS]; text_vector='cls' is the paper's, for a fine-tuned encoder",
            "every head has a hidden layer between representation and prediction, as in the official code; the "
            "paper's equations have none",
            "distances to the centres are squared and divided by the root of the width, as in the paper; the official "
            "code takes plain Euclidean distances",
            "a sample whose label is zero counts for neither centre, as in the paper and the official code, and a "
            "generated label is kept within the range of the labels, as in the official code",
            "centres are means over samples that were seen; without any of a class the labels are unchanged, where the "
            "official code divides by zero",
            "an update sees 64 samples at once; the official code adds up the gradients of four batches of 16, and "
            "carries a remainder over into the next epoch",
            "settings are those of the authors' MMSA, where the sizes of the paper's own repository differ "
            "(audio_hidden=32, vision_hidden=64, text_width=64)",
            "stored representations are those of the samples after the training regime's erasing",
        ),
    ),
)
class SelfMm(SentimentModel):
    """One multimodal and three unimodal tasks, whose labels are generated."""

    config: SelfMmConfig

    def __init__(self, spec: InputSpec, config: SelfMmConfig) -> None:
        super().__init__(spec, config)
        check_text_vector(spec, config.text_vector)
        self.audio = LastState(spec.audio, config.audio_hidden, config.audio_width)
        self.vision = LastState(spec.vision, config.vision_hidden, config.vision_width)
        joined = spec.text + config.audio_width + config.vision_width
        heads = {
            "multimodal": TaskHead(joined, config.width, config.fusion_dropout),
            "text": TaskHead(spec.text, config.text_width, config.text_dropout),
            "audio": TaskHead(config.audio_width, config.audio_width, config.audio_dropout),
            "vision": TaskHead(config.vision_width, config.vision_width, config.vision_dropout),
        }
        self.heads = nn.ModuleDict(heads)
        widths = {task: head.width for task, head in heads.items()}
        self.labels = UnimodalLabels(widths, spec.train_samples, spec.label_range)

    def initialise(self, statistics: TrainingStatistics) -> None:
        """Initialise the labels of every task by those of the training part."""
        self.labels.initialise(statistics.label)

    def forward(self, batch: Batch) -> Prediction:
        """Predict sentiment `(B,)` by the multimodal task."""
        return Prediction(self._task("multimodal", self.vectors(batch)).prediction)

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return the losses of the four tasks; then update the labels for the next epoch."""
        vectors = self.vectors(batch.input)
        outputs = {task: self._task(task, vectors) for task in self.heads}
        losses = multitask_losses(outputs, batch.label, self.labels.recall(batch.index, batch.label))
        representation = {task: output.representation for task, output in outputs.items()}
        self.labels.update(batch.index, representation, step.epoch + 1)
        return losses

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        """Return groups with separate learning rates of the readers of audio and vision."""
        return [
            ParameterGroup(list(self.heads.parameters())),
            ParameterGroup(list(self.audio.parameters()), scale=self.config.audio_scale),
            ParameterGroup(list(self.vision.parameters()), scale=self.config.vision_scale),
        ]

    def vectors(self, batch: Batch) -> dict[str, Tensor]:
        """Return F_s of each modality, `(B, d_s)`: the text's vector, and final states of the LSTMs."""
        return {
            "text": text_vector(batch.text, self.config.text_vector),
            "audio": self.audio(batch.audio),
            "vision": self.vision(batch.vision),
        }

    def _task(self, task: str, vectors: Mapping[str, Tensor]) -> TaskOutput:
        values = torch.cat(list(vectors.values()), dim=-1) if task == "multimodal" else vectors[task]
        output: TaskOutput = self.heads[task](values)
        return output
