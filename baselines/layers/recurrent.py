"""Recurrent encoders over sequences of different lengths."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from baselines.interface import Sequences
from baselines.layers.cross_modal import last_step
from baselines.layers.dropout import drop
from baselines.layers.groups import in_groups
from baselines.layers.recurrence import GruDirection, LstmDirection, runs_as_packed

#: Width from which an LSTM reads packed sequences.
_WIDE = 128
#: Steps of a group of samples that an LSTM reads with padding.
_GROUP = 2048


class RecurrentEncoder(nn.Module):
    """An LSTM or GRU of width d in each direction, over valid steps only.

    Args:
        input_width: Width D of the sequences.
        width: d.
        layers: Depth.
        bidirectional: True to read in both directions.
        kind: Kind of the cell.
        dropout: Between layers.
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
        cell = self.cell
        if isinstance(cell, nn.LSTM) and reads_padding(cell, sequences.values):
            steps = sequences.values.shape[1]
            both = in_groups(lambda group: self._read_padded(cell, group, steps), sequences, _GROUP)
            return both[:, :-1], both[:, -1]
        length = sequences.length.cpu() if sequences.known is None else sequences.known
        packed = pack_padded_sequence(sequences.values, length, batch_first=True, enforce_sorted=False)
        if torch.is_grad_enabled() and runs_as_packed(packed):
            output, last = self._train(cell, packed)
        else:
            output, hidden = cell(packed)
            last = list(hidden[0] if isinstance(hidden, tuple) else hidden)
        ordered = PackedSequence(output.data, output.batch_sizes)  # torch would read the order from the device
        states, _ = pad_packed_sequence(ordered, batch_first=True, total_length=sequences.values.shape[1])
        order = packed.unsorted_indices
        unsorted: Tensor = states if order is None else states.index_select(0, order)
        return unsorted, torch.cat(last[-self.directions :], dim=-1)

    def _train(self, cell: nn.LSTM | nn.GRU, packed: PackedSequence) -> tuple[PackedSequence, list[Tensor]]:
        """Run with a fast backward pass: states of the last layer, and the last ones of its directions."""
        data, sizes, last = packed.data, packed.batch_sizes.tolist(), []
        direction = LstmDirection if isinstance(cell, nn.LSTM) else GruDirection
        for layer in range(cell.num_layers):
            if layer and self.training:
                data = drop(data, cell.dropout)
            directions = cell.all_weights[layer * self.directions : (layer + 1) * self.directions]
            read = [direction.apply(data, sizes, turn == 1, *w) for turn, w in enumerate(directions)]  # type: ignore[no-untyped-call]
            data = torch.cat([states for states, _ in read], dim=-1)
            last = [ended[packed.unsorted_indices] for _, ended in read]
        return packed._replace(data=data), last

    def _read_padded(self, cell: nn.LSTM, sequences: Sequences, longest: int) -> Tensor:
        """Run an LSTM over padding too: states `(B, longest + 1, D)`, zeros on padding; at the end, the final ones."""
        values, length, padding = sequences.values, sequences.length, sequences.padding
        steps = torch.arange(values.shape[1], device=values.device)
        backward = torch.where(padding, steps, length[:, None] - 1 - steps)
        start = values.new_zeros(1, len(values), cell.hidden_size)
        last: list[Tensor] = []
        for layer in range(cell.num_layers):
            if layer and self.training:
                values = drop(values, cell.dropout)
            directions: list[list[Tensor]] = cell.all_weights[layer * self.directions :][: self.directions]  # type: ignore[assignment]
            read, last = [], []
            for turn, weights in enumerate(directions):
                given = values if turn == 0 else _Reordered.apply(values, backward)  # type: ignore[no-untyped-call]
                # one layer, one direction, with biases, batch first
                states = torch.lstm(given, (start, start), weights, True, 1, 0.0, self.training, False, True)[0]
                last.append(last_step(states, length))
                read.append(states if turn == 0 else _Reordered.apply(states, backward))  # type: ignore[no-untyped-call]
            values = torch.cat(read, dim=-1)
        states = F.pad(values.masked_fill(padding[..., None], 0.0), (0, 0, 0, longest - values.shape[1]))
        return torch.cat([states, torch.cat(last, dim=-1)[:, None]], dim=1)


def reads_padding(cell: nn.LSTM, values: Tensor) -> bool:
    """Return True if an LSTM is faster over padding: a narrow one on a processor.

    It is one kernel for all steps. Wide ones spend their time on products of matrices, which padding makes larger.
    """
    return values.device.type == "cpu" and cell.hidden_size < _WIDE


class _Reordered(torch.autograd.Function):
    """Steps `(B, T, d)` in another order `(B, T)` that is its own inverse, which spares a sum in the backward pass."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, order: Tensor) -> Tensor:
        """Return the steps in their order."""
        ctx.save_for_backward(order)
        return values.gather(1, order[..., None].expand_as(values))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the gradient in the first order."""
        (order,) = ctx.saved_tensors
        return gradients[0].gather(1, order[..., None].expand_as(gradients[0])), None


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
