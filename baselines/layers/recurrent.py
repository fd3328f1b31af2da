"""Recurrent encoders over sequences of different lengths."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from baselines.interface import Sequences


class RecurrentEncoder(nn.Module):
    """An LSTM or GRU of width d in each direction, over valid steps only."""

    def __init__(
        self,
        input_width: int,
        width: int,
        layers: int = 1,
        *,
        bidirectional: bool = False,
        kind: Literal["lstm", "gru"] = "lstm",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        cell = nn.LSTM if kind == "lstm" else nn.GRU
        self.directions = 2 if bidirectional else 1
        self.width = width * self.directions
        self.cell = cell(
            input_width,
            width,
            layers,
            batch_first=True,
            bidirectional=bidirectional,
            dropout=dropout if layers > 1 else 0.0,
        )

    def forward(self, sequences: Sequences) -> tuple[Tensor, Tensor]:
        """Read the valid steps.

        Returns:
            States of the last layer `(B, T, directions * d)`, zeros on padding, and its final hidden state
            `(B, directions * d)`: after a sample's last step, and after its first for the backward direction.
        """
        packed = pack_padded_sequence(sequences.values, sequences.length.cpu(), batch_first=True, enforce_sorted=False)
        output, hidden = self.cell(packed)
        states, _ = pad_packed_sequence(output, batch_first=True, total_length=sequences.values.shape[1])
        last: Tensor = hidden[0] if isinstance(hidden, tuple) else hidden
        return states, torch.cat(list(last[-self.directions :]), dim=-1)


class LastState(nn.Module):
    """Final state of an LSTM, of both directions if it is bidirectional, mapped to a width: `(B, T, D)` to `(B, d)`."""

    def __init__(self, input_width: int, hidden: int, width: int, *, bidirectional: bool = False) -> None:
        super().__init__()
        self.reader = RecurrentEncoder(input_width, hidden, bidirectional=bidirectional)
        self.output = nn.Linear(self.reader.width, width)

    def forward(self, sequences: Sequences) -> Tensor:
        """Read the valid steps."""
        _, last = self.reader(sequences)
        result: Tensor = self.output(last)
        return result
