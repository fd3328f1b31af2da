"""Recurrent encoders over sequences of different lengths."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from baselines.interface import Sequences
from baselines.layers.recurrence import LstmDirection, runs_as_packed


class RecurrentEncoder(nn.Module):
    """An LSTM or GRU of width d in each direction, over valid steps only.

    Args:
        input_width: Width D of the sequences.
        width: d.
        layers: Depth.
        bidirectional: True to read in both directions.
        kind: Kind of the cell.
        dropout: Between layers.
        shared: True where one step of training reads twice. The gradients of both readings are then added step by step
            in torch's order, which `LstmDirection` cannot do.
    """

    def __init__(
        self,
        input_width: int,
        width: int,
        layers: int = 1,
        *,
        bidirectional: bool = False,
        kind: Literal["lstm", "gru"] = "lstm",
        dropout: float = 0.0,
        shared: bool = False,
    ) -> None:
        super().__init__()
        cell = nn.LSTM if kind == "lstm" else nn.GRU
        self.directions = 2 if bidirectional else 1
        self.width = width * self.directions
        self._shared = shared
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
        length = sequences.length.cpu() if sequences.known is None else sequences.known
        packed = pack_padded_sequence(sequences.values, length, batch_first=True, enforce_sorted=False)
        if isinstance(self.cell, nn.LSTM) and self._own_loop(packed):
            output, last = self._train(self.cell, packed)
        else:
            output, hidden = self.cell(packed)
            last = list(hidden[0] if isinstance(hidden, tuple) else hidden)
        ordered = PackedSequence(output.data, output.batch_sizes)  # torch would read the order from the device
        states, _ = pad_packed_sequence(ordered, batch_first=True, total_length=sequences.values.shape[1])
        order = packed.unsorted_indices
        unsorted: Tensor = states if order is None else states.index_select(0, order)
        return unsorted, torch.cat(last[-self.directions :], dim=-1)

    def _own_loop(self, packed: PackedSequence) -> bool:
        return torch.is_grad_enabled() and not self._shared and runs_as_packed(packed)

    def _train(self, cell: nn.LSTM, packed: PackedSequence) -> tuple[PackedSequence, list[Tensor]]:
        """Run an LSTM with a fast backward pass: states of the last layer, and the last ones of its directions."""
        data, sizes, last = packed.data, packed.batch_sizes.tolist(), []
        for layer in range(cell.num_layers):
            if layer:
                data = F.dropout(data, cell.dropout, self.training)
            directions = cell.all_weights[layer * self.directions : (layer + 1) * self.directions]
            read = [LstmDirection.apply(data, sizes, turn == 1, *w) for turn, w in enumerate(directions)]  # type: ignore[no-untyped-call]
            data = torch.cat([states for states, _ in read], dim=-1)
            last = [ended[packed.unsorted_indices] for _, ended in read]
        return packed._replace(data=data), last


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
