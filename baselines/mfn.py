"""MFN: Memory Fusion Network (Zadeh et al., AAAI 2018, arXiv 1802.00927).

Three LSTMs, one for each modality, run on one time axis (the System of LSTMs). At each step the Delta-memory Attention
Network weights their memories before and after the step, c = [c(t-1); c(t)], and a gated memory u is updated by them:

    c' = softmax(D_a(c)) * c,    u'(t) = tanh(D_u(c')),    u(t) = g_1 * u(t-1) + g_2 * u'(t)

with gates g_1 and g_2 computed from [c'; u(t-1)]. The sentiment is predicted from the last states and the last u.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from baselines.interface import Batch, InputSpec, ModelConfig, ModelInfo, Optimisation, Prediction, SentimentModel
from baselines.layers.alignment import align_to_text
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class MfnConfig(ModelConfig):
    """MMSA's settings for MOSI.

    MOSEI: `width=128`, `memory=128`, `attention_hidden=128`, `proposal_hidden=128`, `proposal_dropout=0.5`,
    `update_hidden=256`, `update_dropout=0`, `dropout=0.5`, batch size 64, learning rate 5e-4, weight decay 1e-4.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(64, 128, 256),
        "audio_width": Choice(16, 32),
        "memory": Choice(64, 128, 256, 400),
        "attention_dropout": Interval(0.0, 0.5),
        "retain_dropout": Interval(0.0, 0.7),
        "dropout": Interval(0.0, 0.5),
    }

    width: int = Field(256, ge=1, description="width of the LSTMs of text and vision")
    audio_width: int = Field(32, ge=1, description="width of the LSTM of audio")
    memory: int = Field(400, ge=1, description="width of the multi-view gated memory")
    attention_hidden: int = Field(32, ge=1, description="hidden width of the Delta-memory attention")
    attention_dropout: float = Field(0.2, ge=0, lt=1)
    proposal_hidden: int = Field(64, ge=1, description="hidden width of the network that proposes an update")
    proposal_dropout: float = Field(0.0, ge=0, lt=1)
    retain_hidden: int = Field(256, ge=1, description="hidden width of the retain gate")
    retain_dropout: float = Field(0.7, ge=0, lt=1)
    update_hidden: int = Field(32, ge=1, description="hidden width of the update gate")
    update_dropout: float = Field(0.5, ge=0, lt=1)
    head_hidden: int = Field(128, ge=1, description="hidden width of the head")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout in the head")
    optimisation: Optimisation = Optimisation.adam(learning_rate=2e-3, weight_decay=0.0, batch_size=128, patience=8)


def _network(width: int, hidden: int, output: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, output))


@register(
    "mfn",
    config=MfnConfig,
    info=ModelInfo(
        title="MFN",
        paper="Memory Fusion Network for Multi-view Sequential Learning (AAAI 2018)",
        year=2018,
        url="https://github.com/pliang279/MFN",
        licence="MIT (of MMSA's code, https://github.com/thuiar/MMSA)",
        needs_aligned=True,
        differences=(
            "sizes and rates are those that MMSA tuned for MOSI",
            "audio and vision are read step by step as in the paper; MMSA averages them over time first, so that its "
            "LSTMs see the same vector at every step",
            "LSTMs and memory stop at the last word; the official code reads on over the padding",
            "where a data set is not aligned, audio and vision are averaged over as many equal stretches as there are "
            "tokens",
            "text comes as states of a pre-trained encoder, where the paper has GloVe vectors",
        ),
    ),
)
class Mfn(SentimentModel):
    """System of LSTMs, Delta-memory attention, multi-view gated memory."""

    def __init__(self, spec: InputSpec, config: MfnConfig) -> None:
        super().__init__(spec, config)
        widths = (config.width, config.audio_width, config.width)
        self.cells = nn.ModuleList(
            nn.LSTMCell(features, width)
            for features, width in zip((spec.text, spec.audio, spec.vision), widths, strict=True)
        )
        pair, memory = 2 * sum(widths), config.memory
        self.attention = _network(pair, config.attention_hidden, pair, config.attention_dropout)
        self.proposal = _network(pair, config.proposal_hidden, memory, config.proposal_dropout)
        self.retain = _network(pair + memory, config.retain_hidden, memory, config.retain_dropout)
        self.update = _network(pair + memory, config.update_hidden, memory, config.update_dropout)
        self.head = _network(sum(widths) + memory, config.head_hidden, 1, config.dropout)

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        *streams, length = align_to_text(batch)
        states, before, after = self._run_cells(streams, length)
        memory = self._remember(torch.cat([before, after], dim=-1), length)
        return Prediction(self.head(torch.cat([states, memory], dim=-1)).squeeze(-1))

    def _run_cells(self, streams: list[Tensor], length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return hidden states after the last step `(B, H)`, and memories before and after every step `(B, T, H)`."""
        hidden, before, after = [], [], []
        widths = (self.config.width, self.config.audio_width, self.config.width)
        for values, cell, width in zip(streams, self.cells, widths, strict=True):
            h = c = values.new_zeros(len(values), width)
            memories = [c]
            for now in range(values.shape[1]):
                new_h, c = cell(values[:, now], (h, c))
                h = torch.where((now < length)[:, None], new_h, h)  # beyond the end the memory is not read
                memories.append(c)
            hidden.append(h)
            stacked = torch.stack(memories, dim=1)
            before.append(stacked[:, :-1])
            after.append(stacked[:, 1:])
        return torch.cat(hidden, dim=-1), torch.cat(before, dim=-1), torch.cat(after, dim=-1)

    def _remember(self, pairs: Tensor, length: Tensor) -> Tensor:
        """Return the multi-view gated memory after the last step, `(B, M)`, from memories `(B, T, 2 H)`."""
        attended = self.attention(pairs).softmax(dim=-1) * pairs
        proposals = torch.tanh(self.proposal(attended))
        memory = pairs.new_zeros(len(pairs), self.config.memory)
        for now in range(pairs.shape[1]):
            both = torch.cat([attended[:, now], memory], dim=-1)
            kept = torch.sigmoid(self.retain(both)) * memory
            taken = torch.sigmoid(self.update(both)) * proposals[:, now]
            memory = torch.where((now < length)[:, None], kept + taken, memory)
        return memory
