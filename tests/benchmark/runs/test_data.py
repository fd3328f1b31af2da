"""Memory of a model's process: it holds no label of the test part before the model has predicted it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines import Batch, ModelConfig, ModelInfo, Prediction, SentimentModel, Step, TrainBatch, register
from baselines.registry import _MODELS
from benchmark.data.catalog import store_path
from benchmark.data.registered import _DATASETS, register_dataset
from benchmark.data.samples import Samples
from benchmark.data.sealed import SealedSamples
from benchmark.data.sources import load_samples
from benchmark.data.store import write_store
from benchmark.runs.executors import InlineExecutor
from benchmark.study.running import run
from benchmark.study.study import make_study
from benchmark.tuning.search import tune
from tests.benchmark.tuning.toy import Counting, tuning
from tests.samples import make_samples

#: What makes a label of another kind of number, so that this list is not what is found.
_SHIFT = 1000.0
#: Batches of 10 are the validation part, those of 20 the test part.
PLACES = {"constructor", "initialise", "training_loss", "forward in training", "forward of 10", "forward of 20"}
SHIFTED: list[float] = []
FOUND: list[str] = []
WALKS: list[str] = []


def own_samples(**options: Any) -> Samples:
    """Labels that no other test of the process has."""
    return make_samples(seed=4711, **options)


def shift(samples: Samples, split: str = "official") -> None:
    label = samples.label[samples.splits[split] == 3]
    SHIFTED[:] = (label[np.abs(label) < 2.9].astype(np.float64) + _SHIFT).tolist()
    assert len(set(SHIFTED)) > 10
    FOUND.clear()
    WALKS.clear()


def holds_labels(thing: object, wanted: set[float]) -> bool:
    if isinstance(thing, Tensor):
        thing = thing.detach().cpu().numpy() if thing.dim() == 1 and thing.is_floating_point() else None
    if isinstance(thing, (list, tuple)) and len(thing) > 3 and all(type(x) is float for x in thing):
        thing = np.array(thing)
    if not isinstance(thing, np.ndarray) or thing.dtype not in (np.float32, np.float64) or thing.ndim > 2:
        return False
    with np.errstate(over="ignore"):  # some are beyond the range of single precision
        return thing.size < 10_000 and len(wanted & set(thing.astype(np.float32).ravel().tolist())) > 2


def look(where: str) -> None:
    """Walk what the garbage collector knows, what that refers to, and the local variables of all callers."""
    wanted = {float(np.float32(x - _SHIFT)) for x in SHIFTED}
    WALKS.append(where)
    kinds = (Tensor, np.ndarray, list, tuple)
    frame: FrameType | None = sys._getframe(1)  # frames first: they keep the dict of variables made here before
    while frame is not None:
        for name, value in frame.f_locals.items():
            if any(holds_labels(x, wanted) for x in (value, *getattr(value, "__dict__", {}).values())):
                FOUND.append(f"{where}: {name} of {frame.f_code.co_qualname}")
        frame = frame.f_back
    for thing in gc.get_objects():
        for found in (thing, *gc.get_referents(thing)):
            if issubclass(type(found), kinds) and holds_labels(found, wanted):
                FOUND.append(f"{where}: {type(found).__name__} in {type(thing).__name__}")


class Looks(SentimentModel):
    """Looks once each time that its code is called for something new."""

    def __init__(self, spec: Any, config: ModelConfig) -> None:
        super().__init__(spec, config)
        self.bias = torch.nn.Parameter(torch.zeros(1))
        self.seen: set[str] = set()
        self.once("constructor")

    def once(self, where: str) -> None:
        if where not in self.seen:
            self.seen.add(where)
            look(where)

    def initialise(self, statistics: Any) -> None:
        self.once("initialise")

    def forward(self, batch: Batch) -> Prediction:
        self.once("forward in training" if self.training else f"forward of {len(batch)}")
        return Prediction(self.bias.expand(len(batch)))

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        self.once("training_loss")
        return {"task": (self(batch.input).sentiment - batch.label).abs().mean()}


@pytest.fixture
def old_things_aside() -> Iterator[None]:
    """Existing objects are not walked, which would take most of the time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def looks(old_things_aside: None) -> Iterator[str]:
    register("looks", config=ModelConfig, info=ModelInfo(title="Looks", paper="none", year=2026))(Looks)
    yield "looks"
    for kept in (_MODELS._items, _MODELS._origins):
        kept.pop("looks")  # type: ignore[attr-defined]


@pytest.mark.usefixtures("old_things_aside")
def test_the_walk_finds_what_there_is_to_find() -> None:
    samples = own_samples()
    shift(samples)
    look("here")
    assert FOUND
    sealed = SealedSamples(samples)
    del samples
    FOUND.clear()
    look("here")
    assert not FOUND
    np.testing.assert_array_equal(sealed.open().label, own_samples().label)
    assert sealed.open().fingerprint() == own_samples().fingerprint()


@pytest.mark.parametrize("kind", ["store", "code"])
def test_no_label_of_the_test_part_is_in_memory_before_it_is_predicted(
    kind: str, looks: str, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.runs.execution.reset_peak_memory", lambda device: None)
    if kind == "store":
        write_store(own_samples(name="walked"), store_path("walked"))
    else:
        register_dataset("walked")(lambda: own_samples(name="walked"))
    try:
        shift(own_samples())
        fields: dict[str, object] = {
            "datasets": ["walked"],
            "models": [looks],
            "protocols": ["complete"],
            "seeds": 2,  # the second run of the process comes after a test part
            "encoder": {"name": str(tiny_encoder)},
            "optimisation": {"epochs": 2, "batch_size": 16},
        }
        outcome = run(make_study(fields), tmp_path, InlineExecutor())
        assert not outcome.failed
        assert set(WALKS) == PLACES
        assert WALKS.count("training_loss") == 2
        more = make_study({**fields, "protocols": ["complete", "drop(rate=0.5)"], "optimism": True})
        outcome = run(more, tmp_path, InlineExecutor())  # predicts, then trains again
        assert not outcome.failed
        assert WALKS.count("training_loss") == 4
    finally:
        for registered in (_DATASETS._items, _DATASETS._origins):
            registered.pop("walked", None)  # type: ignore[attr-defined]
    assert not FOUND


def test_no_label_of_the_test_part_is_in_memory_in_a_search(
    looks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.runs.execution.reset_peak_memory", lambda device: None)
    write_store(own_samples(words=False), store_path("toy"))
    shift(own_samples(words=False))
    load_samples("toy")  # as planning does
    tune(tuning(tmp_path, model=looks, plugins=(), seeds=(0,)), tmp_path / "out", 1, Counting())
    assert "training_loss" in WALKS
    assert not FOUND
