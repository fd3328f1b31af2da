"""A training that was killed after any epoch and continued gives the bits of one that was left alone."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines import ModelConfig, Optimisation, SentimentModel, Step, TrainBatch, create, model_class
from benchmark.data.config import EncoderConfig
from benchmark.data.dataset import Dataset, TrainingData, build_dataset
from benchmark.data.encoding import TextEncoder, TextSide, WordEmbeddings
from benchmark.runs.data import model_sizes
from benchmark.training.loop import Trainer, TrainingOutcome, forked_rng
from benchmark.training.resuming import Checkpoint
from benchmark.training.weights import trained_modules
from protocols import get_regime
from tests.benchmark.training.test_loop import CPU, SPEC, Alternating, Mean, Staged, Unselected, data, fit  # noqa: F401
from tests.samples import make_samples


class Killed(BaseException):
    """The process ends here."""


class Counting(Mean):
    """Keeps values of its own, and draws from every generator."""

    def __init__(self, spec: Any, config: ModelConfig) -> None:
        super().__init__(spec, config)
        self.state: dict[str, Any] = {"steps": 0, "mean": torch.zeros(())}
        self.view = [self.head.weight]

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        loss = super().training_loss(batch, step)["task"]
        self.state["steps"] += 1
        self.state["mean"] = 0.9 * self.state["mean"] + 0.1 * loss.detach()
        weight = 1 + 0.1 * self.state["steps"] * self.state["mean"] + random.random() + np.random.random()  # noqa: NPY002
        return {"task": weight * loss, "small": 0.01 * self.view[0].square().sum()}


def train(
    model: SentimentModel,
    dataset: Dataset,
    text: TextSide | None,
    settings: dict[str, Any],
    checkpoint: Checkpoint | None = None,
    kill_after: int | None = None,
) -> TrainingOutcome:
    """Train, or raise `Killed` within the epoch after `kill_after`."""
    optimisation = Optimisation(**{"epochs": 6, "batch_size": 8, "learning_rate": 0.02, **settings})

    def batch(stage: str, done: float, total: int) -> None:
        if kill_after is not None and done > kill_after:
            raise Killed

    trainer = Trainer(get_regime("uncertain"), optimisation, 0, CPU, on_batch=batch, checkpoint=checkpoint)
    return trainer.train(model, TrainingData(dataset), text)


def bits(model: SentimentModel, text: TextSide | None, outcome: TrainingOutcome) -> Any:
    weights = {k: v.clone() for k, v in trained_modules(model, text).state_dict().items()}
    history = [{k: v for k, v in record.items() if k != "seconds"} for record in outcome.history]
    return weights, history, outcome.best_epoch, outcome.valid_mae


#: Make a new model and its text side.
Begin = Callable[[], tuple[SentimentModel, TextSide | None]]


def check(begin: Begin, dataset: Dataset, path: Path, kills: list[int], **settings: Any) -> None:
    """Compare a training killed after each of some epochs, one kill after the other, with one that was not."""
    with forked_rng(0, CPU):
        model, text = begin()
        expected = bits(model, text, train(model, dataset, text, settings))
    for epoch in kills:
        with forked_rng(0, CPU):
            model, text = begin()
            with pytest.raises(Killed):
                train(model, dataset, text, settings, Checkpoint(path, "same", 0), epoch)
    with forked_rng(0, CPU):
        model, text = begin()
        checkpoint = Checkpoint(path, "same", 0)
        saved = checkpoint.read()
        assert saved is not None
        assert len(saved["history"]) == kills[-1]
        outcome = train(model, dataset, text, settings, checkpoint)
    found = bits(model, text, outcome)
    assert found[1:] == expected[1:]
    assert found[0].keys() == expected[0].keys()
    for name, value in expected[0].items():
        assert torch.equal(found[0][name], value), name


def check_model(name: str, folder: Path, path: Path) -> None:
    """Check a model of the registry, with a text encoder in that folder which is trained, too."""
    config = EncoderConfig(name=str(folder), mode="finetune")
    dataset = build_dataset(make_samples(), "official", TextEncoder(config))

    def begin() -> tuple[SentimentModel, TextSide | None]:
        encoder = TextEncoder(config)
        text = WordEmbeddings(encoder) if model_class(name).info.needs_encoder else encoder
        sizes = model_sizes(dataset.widths, dataset.label_range, len(dataset.part("train")), text)
        return create(name, sizes, {"layer": 0} if name == "cenet" else {}), text  # the encoder has one layer

    check(begin, dataset, path, [2, 3], epochs=4, batch_size=16, learning_rate=1e-3)


def plain(cls: type[Mean]) -> Begin:
    return lambda: (cls(SPEC, ModelConfig()), None)


@pytest.mark.parametrize("kills", [[1], [2], [3], [5], [1, 2, 4]], ids=str)
@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        (Mean, {}),
        (Mean, {"ema_decay": 0.7, "tolerance": 1.0}),
        (Mean, {"algorithm": "adam", "schedule": "constant"}),
        (Staged, {"ema_decay": 0.9}),
        (Alternating, {}),
        (Unselected, {}),
        (Counting, {}),
    ],
)
def test_a_killed_training_goes_on_with_equal_bits(
    data: Dataset,  # noqa: F811
    tmp_path: Path,
    cls: type[Mean],
    settings: dict[str, Any],
    kills: list[int],
) -> None:
    check(plain(cls), data, tmp_path / "state.pt", kills, **settings)


def test_patience_goes_on_counting(data: Dataset, tmp_path: Path) -> None:  # noqa: F811
    settings = {"epochs": 60, "patience": 2, "learning_rate": 0.1}
    length = len(fit(Mean, data, **settings)[1].history)
    check(plain(Mean), data, tmp_path / "state.pt", [length - 1], **settings)


#: Stages; a memory of samples; layers inside a trained encoder.
@pytest.mark.parametrize("name", ["senti-ifusion", "self-mm", "mag-bert"])
def test_models_of_every_kind_go_on_with_equal_bits(name: str, tiny_encoder: Path, tmp_path: Path) -> None:
    check_model(name, tiny_encoder, tmp_path / "state.pt")


class Remembering(Counting):
    """Keeps a state that is not of plain values."""

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        self.last = deque([step.epoch], maxlen=3)
        return super().training_loss(batch, step)


def test_what_cannot_be_put_back_is_not_kept(data: Dataset, tmp_path: Path) -> None:  # noqa: F811
    """Such a training begins again."""
    path = tmp_path / "state.pt"
    train(Remembering(SPEC, ModelConfig()), data, None, {}, Checkpoint(path, "same", 0))
    assert not path.exists()


def test_only_a_whole_state_of_the_same_identity_is_used_and_states_keep_their_distance(
    data: Dataset,  # noqa: F811
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.pt"
    train(Mean(SPEC, ModelConfig()), data, None, {}, Checkpoint(path, "same", 3600))
    assert not path.exists()
    train(Mean(SPEC, ModelConfig()), data, None, {}, Checkpoint(path, "same", 0))
    assert Checkpoint(path, "same").read() is not None
    assert Checkpoint(path, "other").read() is None
    path.write_bytes(path.read_bytes()[:-100])
    assert Checkpoint(path, "same").read() is None


def test_a_state_that_runs_code_is_not_read(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return (tmp_path / "harmed").touch, ()

    torch.save({"identity": "same", "own": Hostile()}, tmp_path / "state.pt")
    assert Checkpoint(tmp_path / "state.pt", "same").read() is None
    assert not (tmp_path / "harmed").exists()


def test_a_disk_without_room_costs_the_state_and_not_the_training(data: Dataset, tmp_path: Path) -> None:  # noqa: F811
    checkpoint = Checkpoint(tmp_path / "no folder" / "state.pt", "same", 0)
    assert len(train(Mean(SPEC, ModelConfig()), data, None, {}, checkpoint).history) == 6
