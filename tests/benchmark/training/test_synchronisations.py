"""A step of training makes the processor wait for an accelerator only where the model itself reads values."""

from __future__ import annotations

import pytest
import torch

from baselines import TrainingStatistics, create, resolve_config
from benchmark.data.dataset import Dataset, TrainingData, build_dataset
from benchmark.runs.data import model_sizes
from benchmark.training.loop import forked_rng
from benchmark.training.parts import TrainingParts
from benchmark.training.sweep import EpochLosses, sweeps_of
from protocols import get_regime
from tests.benchmark.training.synchronisations import counted
from tests.samples import make_samples

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return build_dataset(make_samples(words=False), "official", None)


@pytest.mark.parametrize("name", ["mult", "lnln", "lf-dnn", "misa", "self-mm", "senti-ifusion", "senti-ifusion-light"])
def test_losses_are_read_and_rows_are_copied_once_an_epoch(data: Dataset, name: str) -> None:
    config = resolve_config(name, {})
    optimisation = config.optimisation.model_copy(update={"batch_size": 8, "epochs": 1})
    samples = len(data.part("train"))
    with forked_rng(0, CPU), counted() as counts:
        model = create(name, model_sizes(data.widths, data.label_range, samples, None), config).train()
        parts = TrainingParts(model, TrainingData(data), get_regime("uncertain"), 0, None, CPU)
        model.initialise(TrainingStatistics(parts.label))
        sweep = sweeps_of(model, model.stages(1)[-1], optimisation, None, 4)[-1]
        draw, losses = parts.draw(0), EpochLosses()
        counts.clear()
        steps = sum(1 for _ in sweep.train(parts.batches(draw, 1, 0, 8), 1, 1, losses))
    assert steps > 2
    assert counts.pop("tolist") == 1
    assert counts.pop("to a device") == 1  # the rows of all batches
    assert not sum(counts.values()), counts
