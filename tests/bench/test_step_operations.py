"""Operations of a training step, as counts: seconds of a test machine say little."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from baselines import MODALITIES, Batch, Stage, Step, create, resolve_config
from benchmark.authoring.conformance.batches import trimmed
from benchmark.training.operations import count_flops
from tests.model_batches import SPEC, make_batch, make_train_batch, rows


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


@pytest.mark.parametrize("name", ["misa", "self-mm"])
def test_operations_of_a_narrow_lstm_do_not_grow_with_the_length(name: str) -> None:
    short, long = (operations(name, (n, n, n)) for n in (12, 36))
    assert sum(long.values()) <= 1.05 * sum(short.values())


def test_dropout_draws_four_elements_a_number() -> None:
    found = operations("mult", (40, 50, 60))
    assert not {name for name in found if "bernoulli" in name or "native_dropout" in name}
    assert found["aten.random_.from"] > 40


@pytest.mark.parametrize(
    ("name", "most"), [("mult", 1.1), ("lnln", 1.25), ("almt", 1.25), ("emt-dlfr", 1.1), ("kuda", 1.1)]
)
def test_a_batch_takes_little_more_than_its_samples_one_by_one(name: str, most: float) -> None:
    """Products of matrices are counted; padding one modality to its longest sample takes 1.6 to 1.8 times as many."""
    torch.manual_seed(0)
    model = create(name, SPEC, resolve_config(name, {})).eval()
    batch = make_batch(24, longest=(50, 150, 200))
    each = sum(count_flops(lambda i=i: model(trimmed(rows(batch, [i])))) for i in range(len(batch)))  # type: ignore[misc]
    known = Batch(*(replace(batch[m], known=batch[m].length) for m in MODALITIES))
    assert count_flops(lambda: model(known)) <= most * each


@pytest.mark.parametrize("name", ["lf-dnn"])
def test_no_step_of_an_lstm_fills_a_tensor_of_all_steps(name: str) -> None:
    """The backward pass of a slice does, which made the cost of an LSTM grow with the square of the length."""
    short, long = (operations(name, (n, n, n)) for n in (12, 36))
    assert long["aten.slice_backward.default"] <= short["aten.slice_backward.default"] + 8
    assert sum(long.values()) <= 3.2 * sum(short.values())
