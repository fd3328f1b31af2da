"""LMF: Low-rank Multimodal Fusion with Modality-Specific Factors (Liu et al., ACL 2018, arXiv 1806.00064).

TFN's linear map of the outer product, with a weight tensor decomposed into r factors for each modality, so that neither
product nor tensor is formed (section 3): with z_m the vector of modality m with a one prepended, and * elementwise,

    h = sum_i (w_text^i z_text) * (w_audio^i z_audio) * (w_vision^i z_vision),    i = 1 .. r

Parameters and time grow with the sum of the widths, not with their product.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from baselines.interface import Batch, InputSpec, ModelConfig, ModelInfo, Optimisation, Prediction, SentimentModel
from baselines.layers.subnetworks import StreamSubNetwork, TextSubNetwork
from baselines.layers.tensor_fusion import LowRankFusion
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class LmfConfig(ModelConfig):
    """MMSA's settings for MOSI. MOSEI: `rank=4`, `dropout=0.2`, batch size 32, weight decay 1e-3."""

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(64, 128),
        "audio_width": Choice(8, 16, 32),
        "rank": Choice(1, 3, 4, 8, 16),
        "dropout": Interval(0.0, 0.5),
    }

    width: int = Field(128, ge=2, description="width of the text's LSTM and of the vision subnetwork")
    audio_width: int = Field(16, ge=1, description="width of the audio subnetwork")
    rank: int = Field(3, ge=1, description="number of factors for each modality")
    dropout: float = Field(0.3, ge=0, lt=1, description="dropout on the inputs of audio and vision subnetworks")
    optimisation: Optimisation = Optimisation.adam(learning_rate=1e-3, weight_decay=5e-3, batch_size=64, patience=8)


@register(
    "lmf",
    config=LmfConfig,
    info=ModelInfo(
        title="LMF",
        paper="Efficient Low-rank Multimodal Fusion With Modality-Specific Factors (ACL 2018)",
        year=2018,
        url="https://github.com/Justin1904/Low-rank-Multimodal-Fusion",
        licence="MIT (of MMSA's code, https://github.com/thuiar/MMSA)",
        differences=(
            "every parameter is trained at one learning rate; MMSA selects parameters by their position in a list, so "
            "that the fusion's weights and bias are never trained",
            "no dropout follows the fusion; the official code and MMSA's define one and never apply it",
            "sizes and rates are those that MMSA tuned for MOSI",
            "means of audio and vision are taken over valid steps, and the LSTM stops at the last word; MMSA's run "
            "over padding as well",
            "text comes as states of a pre-trained encoder, where the paper has GloVe vectors",
        ),
    ),
)
class Lmf(SentimentModel):
    """Three subnetworks and their low-rank product, whose value is the sentiment."""

    def __init__(self, spec: InputSpec, config: LmfConfig) -> None:
        super().__init__(spec, config)
        self.text = TextSubNetwork(spec.text, config.width, config.width // 2)
        self.audio = StreamSubNetwork(spec.audio, config.audio_width, config.dropout)
        self.vision = StreamSubNetwork(spec.vision, config.width, config.dropout)
        self.fusion = LowRankFusion([config.audio_width, config.width, config.width // 2], 1, config.rank)

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        vectors = [self.audio(batch.audio), self.vision(batch.vision), self.text(batch.text)]
        return Prediction(self.fusion(vectors).squeeze(-1))
