"""One direction of one layer of an LSTM or GRU over packed sequences: the bits of torch's on a processor, in less time.

The backward pass of torch's fills a tensor of the whole input with zeros at every step, and builds a graph of some 30
nodes a step. Here each operation of torch's is done in its order on tensors of the same shape, so that results and
gradients are equal bit for bit.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward


def runs_as_packed(packed: PackedSequence) -> bool:
    """Return True if torch would run it step by step: on a processor, over sequences of different lengths."""
    sizes = packed.batch_sizes
    return packed.data.device.type == "cpu" and packed.data.dtype == torch.float32 and bool(sizes[0] != sizes[-1])


class LstmDirection(torch.autograd.Function):
    """Hidden states `(P, d)` of packed data `(P, D)`, and those after the last step of each sequence, `(B, d)`.

    Arguments are the data, the number of sequences that have each step, whether time is reversed, and the weights and
    biases of the layer as `torch.nn.LSTM` has them: of inputs, of states, and biases of both.
    """

    @staticmethod
    def forward(
        ctx: Any,
        data: Tensor,
        sizes: list[int],
        reverse: bool,
        input_weight: Tensor,
        state_weight: Tensor,
        input_bias: Tensor,
        state_bias: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Read the data."""
        inputs = torch.split(F.linear(data, input_weight, input_bias), sizes)
        order = range(len(sizes))[:: -1 if reverse else 1]
        kept: list[tuple[Tensor, ...]] = [()] * len(sizes)
        states, ended = [data] * len(sizes), []
        zeros = data.new_zeros(sizes[0], state_weight.shape[1])
        transposed, rows = state_weight.t(), sizes[order[0]]
        state = cell = zeros[:rows]
        for t in order:
            before, rows = rows, sizes[t]
            if rows < before:
                ended.append(state[rows:])
                state, cell = state[:rows], cell[:rows]
            elif rows > before:
                state, cell = (torch.cat([x, zeros[before:rows]]) for x in (state, cell))
            gates = torch.addmm(state_bias, state, transposed).add_(inputs[t]).unsafe_chunk(4, 1)
            given, keep, new, shown = gates
            given.sigmoid_(), keep.sigmoid_(), new.tanh_(), shown.sigmoid_()
            after = (keep * cell).add_(given * new)
            bounded = after.tanh()
            kept[t] = (*gates, bounded, state, cell)
            cell, state = after, shown * bounded
            states[t] = state
        ctx.save_for_backward(data, input_weight, state_weight)
        ctx.sizes, ctx.order, ctx.kept = sizes, order, kept
        return torch.cat(states), torch.cat([state, *ended[::-1]])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, of_states: Tensor, of_last: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of data, weights and biases."""
        data, input_weight, state_weight = ctx.saved_tensors
        outer = torch.split(of_states, ctx.sizes)
        deltas: list[Tensor] = [data] * len(ctx.sizes)
        weight, bias = torch.zeros_like(state_weight), data.new_zeros(len(state_weight))
        state = cell = data.new_empty(0, state_weight.shape[1])
        for t in reversed(ctx.order):
            before, rows = len(state), ctx.sizes[t]
            if rows > before:
                state = torch.cat([state, of_last[before:rows]])
                cell = torch.cat([cell, torch.zeros_like(state[before:])])
            elif rows < before:
                state, cell = state[:rows], cell[:rows]
            given, keep, new, shown, bounded, old_state, old_cell = ctx.kept[t]
            state = state + outer[t]
            deltas[t] = delta = state.new_empty(rows, len(state_weight))
            to_given, to_keep, to_new, to_shown = delta.unsafe_chunk(4, 1)
            _sigmoid_backward(state * bounded, shown, grad_input=to_shown)
            cell = _tanh_backward(state.mul_(shown), bounded).add_(cell)
            _sigmoid_backward(cell * new, given, grad_input=to_given)
            _sigmoid_backward(cell * old_cell, keep, grad_input=to_keep)
            _tanh_backward.grad_input(cell * given, new, grad_input=to_new)
            cell.mul_(keep)
            state = delta.mm(state_weight)
            weight.add_(delta.t().mm(old_state))
            bias.add_(delta.sum(0))
        delta = torch.cat(deltas)
        of_data = delta.mm(input_weight) if ctx.needs_input_grad[0] else None
        return of_data, None, None, delta.t().mm(data), weight, delta.sum(0), bias


class GruDirection(torch.autograd.Function):
    """As `LstmDirection`, of a layer of `torch.nn.GRU`."""

    @staticmethod
    def forward(
        ctx: Any,
        data: Tensor,
        sizes: list[int],
        reverse: bool,
        input_weight: Tensor,
        state_weight: Tensor,
        input_bias: Tensor,
        state_bias: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Read the data."""
        inputs = torch.split(F.linear(data, input_weight, input_bias), sizes)
        order = range(len(sizes))[:: -1 if reverse else 1]
        kept: list[tuple[Tensor, ...]] = [()] * len(sizes)
        states, ended = [data] * len(sizes), []
        zeros = data.new_zeros(sizes[0], state_weight.shape[1])
        transposed, rows = state_weight.t(), sizes[order[0]]
        state = zeros[:rows]
        for t in order:
            before, rows = rows, sizes[t]
            if rows < before:
                ended.append(state[rows:])
                state = state[:rows]
            elif rows > before:
                state = torch.cat([state, zeros[before:rows]])
            of_reset, of_update, of_new = inputs[t].unsafe_chunk(3, 1)
            reset, update, shown = torch.addmm(state_bias, state, transposed).unsafe_chunk(3, 1)
            reset.add_(of_reset).sigmoid_(), update.add_(of_update).sigmoid_()
            new = (shown * reset).add_(of_new).tanh_()
            apart = state - new
            kept[t] = (reset, update, shown, new, apart, state)
            states[t] = state = (apart * update).add_(new)
        ctx.save_for_backward(data, input_weight, state_weight)
        ctx.sizes, ctx.order, ctx.kept = sizes, order, kept
        return torch.cat(states), torch.cat([state, *ended[::-1]])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, of_states: Tensor, of_last: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of data, weights and biases."""
        data, input_weight, state_weight = ctx.saved_tensors
        outer = torch.split(of_states, ctx.sizes)
        deltas: list[Tensor] = [data] * len(ctx.sizes)
        weight, bias = torch.zeros_like(state_weight), data.new_zeros(len(state_weight))
        direct = read = data.new_empty(0, state_weight.shape[1])  # of the state itself, and of what the gates read
        for t in reversed(ctx.order):
            before, rows = len(read), ctx.sizes[t]
            if rows == before:
                state = (outer[t] + direct).add_(read)  # torch adds them in this order
            elif rows > before:
                state = outer[t] + torch.cat([direct + read, of_last[before:rows]])
            else:
                state = outer[t] + (direct[:rows] + read[:rows])
            reset, update, shown, new, apart, old_state = ctx.kept[t]
            deltas[t] = delta = state.new_empty(rows, len(state_weight))
            to_reset, to_update, to_new = delta.unsafe_chunk(3, 1)
            direct = state * update
            _sigmoid_backward(state.mul(apart), update, grad_input=to_update)
            _tanh_backward.grad_input(state.sub_(direct), new, grad_input=to_new)
            _sigmoid_backward(to_new * shown, reset, grad_input=to_reset)
            of_gates = torch.cat([delta[:, : -new.shape[1]], to_new * reset], dim=1)
            read = of_gates.mm(state_weight)
            weight.add_(of_gates.t().mm(old_state))
            bias.add_(of_gates.sum(0))
        delta = torch.cat(deltas)
        of_data = delta.mm(input_weight) if ctx.needs_input_grad[0] else None
        return of_data, None, None, delta.t().mm(data), weight, delta.sum(0), bias
