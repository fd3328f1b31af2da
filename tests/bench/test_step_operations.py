"""Operations of a training step, as counts: seconds of a test machine say little."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from baselines import Stage, Step, create, resolve_config
from tests.model_batches import SPEC, make_train_batch


class _Operations(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[str(operation)] += 1
        return operation(*args, **(kwargs or {}))


def operations(name: str, longest: tuple[int, int, int]) -> Counter[str]:
    torch.manual_seed(0)
    model = create(name, SPEC, resolve_config(name, {})).train()
    batch = make_train_batch(6, longest=longest)
    with _Operations() as found:
        terms = model.training_loss(batch, Step(Stage("fit", 2), 0, 0.0))
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
    return found.counts


@pytest.mark.parametrize("name", ["misa", "self-mm", "lf-dnn"])
def test_no_step_of_an_lstm_fills_a_tensor_of_all_steps(name: str) -> None:
    """The backward pass of a slice does, which made the cost of an LSTM grow with the square of the length."""
    short, long = (operations(name, (n, n, n)) for n in (12, 36))
    assert long["aten.slice_backward.default"] <= short["aten.slice_backward.default"] + 8
    assert sum(long.values()) <= 3.2 * sum(short.values())
