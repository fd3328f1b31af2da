"""Encoders of a modality into one vector, from TFN (EMNLP 2017), also used by LMF and LF-DNN."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import Sequences
from baselines.layers.pooling import masked_mean
from baselines.layers.recurrent import RecurrentEncoder


class SampleNorm(nn.BatchNorm1d):
    """Batch normalisation that uses its running statistics for a batch of a single sample."""

    def forward(self, values: Tensor) -> Tensor:
        """Map `(B, D)` to `(B, D)`."""
        if self.training and len(values) == 1:
            return F.batch_norm(values, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(values)


class StreamSubNetwork(nn.Module):
    """Encoder of audio or vision: mean over time, batch normalisation, three layers of ReLU units."""

    def __init__(self, input_width: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = SampleNorm(input_width)
        self.layers = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(input_width, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
        )

    def forward(self, sequences: Sequences) -> Tensor:
        """Return `(B, d)` from `(B, T, D)`."""
        vector: Tensor = self.layers(self.norm(masked_mean(sequences.values, sequences.padding)))
        return vector


class TextSubNetwork(nn.Module):
    """Encoder of text: an LSTM over the words, dropout, a linear map of its last state."""

    def __init__(self, input_width: int, width: int, output: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.lstm = RecurrentEncoder(input_width, width)
        self.project = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, output))

    def forward(self, sequences: Sequences) -> Tensor:
        """Return `(B, d)` from `(B, T, D)`."""
        vector: Tensor = self.project(self.lstm(sequences)[1])
        return vector
