"""MMIM: MultiModal InfoMax (Han, Chen and Poria, EMNLP 2021, arXiv 2109.00412).

Text, audio and vision are each encoded as a vector `h_m`, and a network of two layers fuses them into Z, from which the
sentiment is predicted. Two kinds of mutual information are maximised: between text and each other modality, by the
bound of Barber and Agakov, and between the fusion result and each modality, by contrastive prediction:

    I_BA(x; y) = E log q(y | x) + H(y)                      x: text, y: audio or vision
    H(y)       = 1/2 (H of the positive + H of the negative samples), each assumed to be Gaussian
    L_CPC      = sum over m of  -E log s(Z, h_m) / sum over the batch s(Z, h_m'),  s = exp cos(G_m(Z), h_m)
    L_main     = mean |y - y'| + alpha L_CPC - beta sum of I_BA

Every epoch has two sweeps over the training part. The first maximises `E log q(y | x)` and trains only q, which
tightens the bound; the second minimises `L_main` and trains everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

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
    Stage,
    Step,
    TrainBatch,
)
from baselines.layers.contrastive import ConditionalGaussian, ContrastivePrediction, gaussian_entropy
from baselines.layers.recurrent import LastState
from baselines.layers.text_vector import TextVector, check_text_vector, text_vector
from baselines.registry import register
from baselines.search import Choice, Interval, Search

#: The two sweeps of an epoch.
LOWER_BOUND, MAIN = "lower_bound", "main"
#: Modalities predicted from text.
PREDICTED: tuple[Modality, ...] = ("audio", "vision")


class MmimConfig(ModelConfig):
    """Published settings, the same for MOSI and MOSEI."""

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(64, 128, 256),
        "audio_width": Choice(16, 32),
        "vision_width": Choice(16, 32),
        "dropout": Interval(0.0, 0.3),
        "contrastive_weight": Interval(0.03, 0.5, log=True),
        "bound_weight": Interval(0.03, 0.5, log=True),
    }

    text_vector: TextVector = Field("mean", description="vector of the text: mean of its states, or state of [CLS]")
    width: int = Field(128, ge=1, description="width of the fusion result")
    audio_width: int = Field(16, ge=4, description="width of the audio's vector and of its LSTM's directions")
    vision_width: int = Field(16, ge=4, description="width of the vision's vector and of its LSTM's directions")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout on the joined vectors")
    contrastive_weight: float = Field(0.1, ge=0, description="alpha: weight of the contrastive prediction")
    bound_weight: float = Field(0.1, ge=0, description="beta: weight of the lower bound")
    memory: int = Field(1, ge=0, description="number of earlier batches used in the estimate of the entropy")
    optimisation: Optimisation = Optimisation.adam(
        learning_rate=1e-3, encoder_learning_rate=5e-5, weight_decay=1e-4, batch_size=32, epochs=40, patience=10
    )


class ClassEntropy(nn.Module):
    """Entropy H(y) of a modality whose positive and negative samples are each assumed to be Gaussian.

    It is estimated on a projection to a quarter of the width, `tanh(W y + b)`, whose covariance a few dozen samples
    determine, and on this batch together with the last ones, without a gradient through those.
    """

    samples: Tensor
    sign: Tensor

    def __init__(self, width: int, capacity: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Linear(width, width // 4), nn.Tanh())
        self.register_buffer("samples", torch.zeros(capacity, width // 4))
        self.register_buffer("sign", torch.zeros(capacity))

    def forward(self, values: Tensor, label: Tensor) -> Tensor:
        """Return the entropy in nats, a scalar, of `(B, d)` with labels `(B,)`; 0 while a class has too few samples.

        Neutral samples belong to neither class.
        """
        projected = self.project(values)
        samples, sign = torch.cat([projected, self.samples]), torch.cat([label.sign(), self.sign])
        capacity = len(self.sign)
        self.samples, self.sign = samples[:capacity].detach().clone(), sign[:capacity].detach().clone()
        positive, negative = samples[sign > 0], samples[sign < 0]
        if min(len(positive), len(negative)) <= samples.shape[1]:
            return samples.new_zeros(())
        return (gaussian_entropy(positive) + gaussian_entropy(negative)) / 2


@register(
    "mmim",
    config=MmimConfig,
    info=ModelInfo(
        title="MMIM",
        paper="Improving Multimodal Fusion with Hierarchical Mutual Information Maximization for Multimodal Sentiment "
        "Analysis (EMNLP 2021)",
        year=2021,
        url="https://github.com/declare-lab/Multimodal-Infomax",
        licence="MIT",
        differences=(
            "the text's vector is the mean of its states, for a frozen encoder more informative than the state of "
            "[CLS]; text_vector='cls' is the paper's, for a fine-tuned encoder",
            "log q(y | x) is the whole Gaussian log-likelihood, as in the paper; the official code leaves out the "
            "log-variance, so that a larger variance always pays",
            "the log-variance is bounded by the tanh that the official settings name and its code does not apply",
            "negatives of the contrastive prediction are the other samples' vectors of the modality, as in the paper; "
            "the official code compares one vector with all fusion results",
            "the projection before the entropy is trained with the main objective that it serves; the official code "
            "gives it to the first sweep's optimiser, where it has no gradient",
            "the entropy is that of the Gaussians, constants included, with 1e-4 added to the variances, and is left "
            "out until both classes have more samples than dimensions; the official code can meet a singular "
            "covariance",
            "on MOSEI the first sweep goes over the whole training part, not its first half",
            "the checkpoint is selected on validation MAE; the official code keeps it only if the test error improves "
            "as well",
        ),
    ),
)
class Mmim(SentimentModel):
    """Fusion trained for high mutual information between its inputs, and between them and its result."""

    config: MmimConfig

    def __init__(self, spec: InputSpec, config: MmimConfig) -> None:
        super().__init__(spec, config)
        check_text_vector(spec, config.text_vector)
        widths: dict[Modality, int] = {"text": spec.text, "audio": config.audio_width, "vision": config.vision_width}
        self.readers = nn.ModuleDict(
            {m: LastState(spec.width(m), widths[m], widths[m], bidirectional=True) for m in PREDICTED}
        )
        self.fusion = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(sum(widths.values()), config.width),
            nn.Tanh(),
            nn.Linear(config.width, config.width),
            nn.Tanh(),
        )
        self.head = nn.Linear(config.width, 1)
        self.contrast = nn.ModuleDict({m: ContrastivePrediction(config.width, widths[m]) for m in MODALITIES})
        self.conditional = nn.ModuleDict({m: ConditionalGaussian(spec.text, widths[m]) for m in PREDICTED})
        capacity = config.memory * config.optimisation.batch_size
        self.entropy = nn.ModuleDict({m: ClassEntropy(widths[m], capacity) for m in PREDICTED})
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_normal_(parameter)

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        return Prediction(self._predict(self._fuse(self.vectors(batch))))

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return the loss of the sweep: the negative log-likelihood, or the error and both information terms."""
        vectors = self.vectors(batch.input)
        likelihood = torch.stack([self.conditional[m](vectors["text"], vectors[m]) for m in PREDICTED]).sum()
        if step.sweep == LOWER_BOUND:
            return {"likelihood": -likelihood}
        config = self.config
        fused = self._fuse(vectors)
        contrast = torch.stack([self.contrast[m](fused, vectors[m]) for m in MODALITIES]).sum()
        entropy = torch.stack([self.entropy[m](vectors[m], batch.label) for m in PREDICTED]).sum()
        return {
            "task": F.l1_loss(self._predict(fused), batch.label),
            "contrast": config.contrastive_weight * contrast,
            "bound": -config.bound_weight * (likelihood + entropy),
        }

    def stages(self, epochs: int) -> list[Stage]:
        """Return one stage, with two sweeps in each epoch."""
        return [Stage("fit", epochs, sweeps=(LOWER_BOUND, MAIN))]

    def parameter_groups(self, stage: Stage, sweep: str = MAIN) -> list[ParameterGroup]:
        """Return the parameters of q in the first sweep, all others in the second."""
        bound = list(self.conditional.parameters())
        if sweep == LOWER_BOUND:
            return [ParameterGroup(bound)]
        mine = {id(p) for p in bound}
        return [ParameterGroup([p for p in self.parameters() if id(p) not in mine])]

    def vectors(self, batch: Batch) -> dict[str, Tensor]:
        """Return h_m of each modality, `(B, d_m)`: the text's vector, and final states of the LSTMs."""
        vector = text_vector(batch.text, self.config.text_vector)
        return {"text": vector, **{m: self.readers[m](batch[m]) for m in PREDICTED}}

    def _fuse(self, vectors: Mapping[str, Tensor]) -> Tensor:
        fused: Tensor = self.fusion(torch.cat([vectors[m] for m in MODALITIES], dim=-1))
        return fused

    def _predict(self, fused: Tensor) -> Tensor:
        sentiment: Tensor = self.head(fused).squeeze(-1)
        return sentiment
