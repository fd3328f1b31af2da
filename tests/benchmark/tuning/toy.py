"""A model that trains in no time, searches of it, and workers that count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmark.runs.executors import Event, InlineExecutor, Task
from benchmark.tuning.journal import TrainingRecord
from benchmark.tuning.search import Tuning, Which
from benchmark.tuning.training import Training
from benchmark.tuning.trials import Trial

PLUGIN = """
import os
from typing import ClassVar
import torch
from pydantic import BaseModel, ConfigDict
from baselines import Choice, Interval, ModelConfig, ModelInfo, Prediction, SentimentModel, register
from protocols import InputError

class Inner(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    gain: float = 1.0
    other: int = 3

class Config(ModelConfig):
    width: int = 4
    way: str = "train"
    inner: Inner = Inner(gain=1.5, other=5)
    search: ClassVar = SEARCH

@register("toy", config=Config, info=ModelInfo("toy", "none", 2026))
class Toy(SentimentModel):
    def __init__(self, spec, config):
        super().__init__(spec, config)
        if config.way == "reject":
            raise InputError("toy: these settings do not go together")
        self.first = torch.nn.Linear(spec.text, config.width)
        self.head = torch.nn.Linear(config.width, 1)
    def forward(self, batch):
        mean = batch.text.values.sum(1) / batch.text.length[:, None]
        return Prediction(self.head(self.config.inner.gain * self.first(mean)).squeeze(1))
    def training_loss(self, batch, step):
        if self.config.way == "die":
            os._exit(7)
        if self.config.way == "raise":
            raise RuntimeError("out of something")
        factor = float("nan") if self.config.way == "diverge" else 1.0
        return {"task": factor * (self(batch.input).sentiment - batch.label).abs().mean()}
"""
USUAL = '{"width": Choice(2, 4, 8), "inner.gain": Interval(0.5, 2.0, log=True)}'


def plugin(folder: Path, search: str = USUAL) -> str:
    path = folder / "toy_model.py"
    path.write_text(PLUGIN.replace("SEARCH", search))
    return str(path)


def tuning(folder: Path, search: str = USUAL, /, **changes: Any) -> Tuning:
    fields: dict[str, Any] = {
        "model": "toy",
        "datasets": ("toy",),
        "seeds": (0, 1),
        "optimisation": {"epochs": 2, "batch_size": 16},
        "plugins": (plugin(folder, search),),
    }
    return Tuning.model_validate({**fields, **changes})


def facts(trials: Sequence[Trial]) -> list[object]:
    """All that does not depend on the clock."""
    return [
        (t.number, t.fields, [r.model_copy(update={"seconds": 0.0}) for _, r in sorted(t.trainings.items())])
        for t in trials
    ]


class Counting(InlineExecutor[Which, TrainingRecord]):
    """Counts what is trained, and stops the search after so many."""

    def __init__(self, stop: int | None = None) -> None:
        super().__init__()
        self.trained: list[Training] = []
        self._stop = stop

    def add(self, key: Which, task: Task[TrainingRecord]) -> None:
        assert isinstance(task, Training)
        self.trained.append(task)
        super().add(key, task)

    def outcomes(
        self, listener: Callable[[Which, Event], None] | None = None
    ) -> Iterator[tuple[Which, TrainingRecord]]:
        ended = super().outcomes(listener)
        while self._queue:
            if self._stop == 0:
                raise KeyboardInterrupt
            if self._stop is not None:
                self._stop -= 1
            yield next(ended)
