"""Cost of predictions, and its records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from baselines import Batch, InputSpec, ModelConfig, ModelInfo, Prediction, SentimentModel, Step, TrainBatch
from benchmark.data.batches import MaskedPart
from benchmark.data.dataset import build_dataset
from benchmark.data.registered import is_registered, register_dataset
from benchmark.results.opening import open_results
from benchmark.runs.executors import InlineExecutor
from benchmark.runs.record import RunRecord, write_record
from benchmark.runs.store import RunStore
from benchmark.study.plan import prepare
from benchmark.study.running import run
from benchmark.study.study import make_study
from benchmark.training.inference import flops_per_sample, predict, predict_sentiment
from tests.samples import make_samples

DATASET = "inference-toy"
if not is_registered(DATASET):
    register_dataset(DATASET)(lambda: make_samples(words=False))


class Linear(SentimentModel):
    """Two layers on the mean audio frame; the first takes a parameter as input, as learned queries are."""

    info = ModelInfo("test", "none", 2026)
    name = "linear"

    def __init__(self, spec: InputSpec, config: ModelConfig) -> None:
        super().__init__(spec, config)
        self.first, self.head = nn.Linear(5, 4), nn.Linear(4, 1)
        self.query = nn.Parameter(torch.zeros(1, 5))

    def forward(self, batch: Batch) -> Prediction:
        mean = batch.audio.values.sum(1) / batch.audio.length[:, None]
        return Prediction((self.head(self.first(mean)) + self.head(self.first(self.query))).squeeze(1))

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, torch.Tensor]:
        return {}


class Strange(Linear):
    """Cannot be counted."""

    def forward(self, batch: Batch) -> Prediction:
        raise TypeError


class Shaped(Linear):
    """Gives tensors of any shape."""

    shapes: Mapping[str, tuple[int, ...]] = MappingProxyType({})

    def forward(self, batch: Batch) -> Prediction:
        own = {"sentiment": super().forward(batch).sentiment}
        return Prediction(**own | {name: torch.ones(shape) for name, shape in self.shapes.items()})


@pytest.fixture(scope="module")
def part() -> MaskedPart:
    dataset = build_dataset(make_samples(words=False), "official", None)
    return MaskedPart(dataset.part("test"), None, None, torch.device("cpu"))


def test_operations_are_those_of_the_products(part: MaskedPart) -> None:
    model = Linear(InputSpec(text=12, audio=5, vision=7), ModelConfig())
    products = 2 * (5 * 4 + 4)
    assert flops_per_sample(model, part) == products + products // len(part)  # the query is multiplied once a batch
    assert not any(p.grad is not None for p in model.parameters())
    assert flops_per_sample(Strange(InputSpec(text=12, audio=5, vision=7), ModelConfig()), part) is None


def test_every_sample_has_a_time(part: MaskedPart) -> None:
    table, milliseconds = predict(Linear(InputSpec(text=12, audio=5, vision=7), ModelConfig()), part)
    assert milliseconds.shape == (len(part),) == (len(table),)
    assert (milliseconds > 0).all()


def test_costs_go_from_the_run_to_the_panel(tmp_path: Path) -> None:
    study = make_study(
        {
            "datasets": [DATASET],
            "models": ["late-fusion-dropout"],
            "protocols": ["complete"],
            "seeds": 1,
            "optimisation": {"epochs": 1, "batch_size": 16},
        }
    )
    (record,) = run(study, tmp_path, InlineExecutor()).records
    assert record.inference_ms_median is not None
    assert record.inference_ms_p95 is not None
    assert 0 < record.inference_ms_median <= record.inference_ms_p95
    assert record.flops is not None
    assert record.flops > 2 * record.parameters / 10
    costs = open_results(study, tmp_path).panels[0].runs.iloc[0]
    names = ("inference_ms_median", "inference_ms_p95", "flops", "peak_memory_mb", "best_epoch")
    for name in names:
        assert costs[name.replace("_median", "")] == getattr(record, name)

    # a run of a version that kept none of these is read all the same
    new = {"inference_ms_median", "inference_ms_p95", "flops", "tested_epochs"}
    old = RunRecord.model_validate(record.model_dump(exclude=new))
    (planned,) = prepare(study).runs
    write_record(old, RunStore(tmp_path).folder(planned.spec) / "run.json")
    costs = open_results(study, tmp_path).panels[0].runs.iloc[0]
    assert costs["inference_ms"] == record.inference_ms
    assert bool(pd.isna(costs["flops"]))
    assert np.isnan(costs["inference_ms_p95"])


@pytest.mark.parametrize(
    ("name", "shape"), [("sentiment", ()), ("sentiment", (1,)), ("integrity", (1, 3)), ("dominant", ())]
)
def test_a_value_for_all_samples_is_not_repeated(part: MaskedPart, name: str, shape: tuple[int, ...]) -> None:
    model = Shaped(InputSpec(4, 5, 3), ModelConfig())
    assert predict_sentiment(model, part).shape == (len(part),)
    model.shapes = {name: shape}
    with pytest.raises(ValueError, match=rf"forward gives {name} of shape {re.escape(str(shape))}; expected \(\d+"):
        predict_sentiment(model, part)
    with pytest.raises(ValueError, match=f"forward gives {name} of shape"):
        predict(model, part)


def test_another_object_than_a_prediction_is_named(part: MaskedPart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shaped, "forward", lambda self, batch: batch.audio.values[:, 0, 0])
    with pytest.raises(TypeError, match="forward gives a Tensor; expected a Prediction"):
        predict_sentiment(Shaped(InputSpec(4, 5, 3), ModelConfig()), part)
