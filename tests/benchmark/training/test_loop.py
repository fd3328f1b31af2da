"""The training loop: selection, stages, determinism, divergence; with a model small enough to reason about."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines import (
    Batch,
    InputSpec,
    ModelConfig,
    ModelInfo,
    Optimisation,
    ParameterGroup,
    Prediction,
    SentimentModel,
    Stage,
    Step,
    TrainBatch,
)
from benchmark.data.batches import MaskedPart
from benchmark.data.config import EncoderConfig
from benchmark.data.dataset import Dataset, TrainingData, build_dataset
from benchmark.data.encoding import TextEncoder
from benchmark.data.states import StateCache
from benchmark.training.inference import predict, predict_sentiment
from benchmark.training.loop import Trainer, TrainingOutcome, forked_rng
from benchmark.training.sweep import TrainingDiverged
from protocols import InputError, get_regime
from tests.samples import make_samples

CPU = torch.device("cpu")
SPEC = InputSpec(text=16, audio=5, vision=7)


class Mean(SentimentModel):
    """A linear map of the mean audio frame, with dropout so that the generator matters."""

    info = ModelInfo("test", "none", 2026, uses_complete_view=True)
    name = "mean"

    def __init__(self, spec: InputSpec, config: ModelConfig) -> None:
        super().__init__(spec, config)
        self.first = nn.Linear(spec.audio, 4)
        self.head = nn.Linear(4, 1)
        self.seen: list[tuple[str, int]] = []

    def forward(self, batch: Batch) -> Prediction:
        mean = batch.audio.values.sum(1) / batch.audio.length[:, None]
        return Prediction(self.head(nn.functional.dropout(self.first(mean), 0.1, self.training)).squeeze(1))

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        self.seen.append((step.stage.name, step.epoch))
        return {"task": (self(batch.input).sentiment - batch.label).abs().mean()}


class Staged(Mean):
    """Trains the first layer in one stage and the head in the next."""

    def stages(self, epochs: int) -> list[Stage]:
        return [Stage("first", 2, selects=False), Stage("head", epochs - 2)]

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        return [ParameterGroup(list((self.first if stage.name == "first" else self.head).parameters()))]


class Alternating(Mean):
    """Trains the first layer in one sweep of every epoch and the head in the next."""

    def stages(self, epochs: int) -> list[Stage]:
        return [Stage("fit", epochs, sweeps=("first", "head"))]

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        return [ParameterGroup(list((self.first if sweep == "first" else self.head).parameters()))]

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        trained = [n for n, p in self.named_parameters() if p.requires_grad]
        assert all(n.startswith(step.sweep) for n in trained), (step.sweep, trained)
        self.seen.append((step.sweep, step.epoch))
        return {step.sweep: (self(batch.input).sentiment - batch.label).abs().mean()}


class Exploding(Mean):
    """Its loss is NaN from the second epoch on."""

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        loss = super().training_loss(batch, step)
        return {"task": loss["task"] * (math.nan if step.epoch else 1.0)}


@pytest.fixture(scope="module")
def data() -> Dataset:
    return build_dataset(make_samples(words=False), "official", None)


class Unselected(Mean):
    """No epoch may be chosen: the last is taken."""

    def stages(self, epochs: int) -> list[Stage]:
        return [Stage("fit", epochs, selects=False)]


class Untrained(Mean):
    """Has no stage."""

    def stages(self, epochs: int) -> list[Stage]:
        return []


class Overdrawn(Mean):
    """Has more epochs than the budget."""

    def stages(self, epochs: int) -> list[Stage]:
        return [Stage("first", epochs), Stage("head", epochs)]


class Unnamed(Mean):
    """Returns a loss without a name."""

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        return super().training_loss(batch, step)["task"]  # type: ignore[return-value]


class Lossless(Mean):
    """Returns no loss."""

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        return {}


class Elementwise(Mean):
    """Returns a loss for every sample."""

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        return {**super().training_loss(batch, step), "aux": batch.label}


def fit(cls: type[Mean], dataset: Dataset, seed: int = 0, **settings: float) -> tuple[Mean, TrainingOutcome]:
    optimisation = Optimisation(**{"epochs": 6, "batch_size": 8, "learning_rate": 0.02, **settings})  # type: ignore[arg-type]
    with forked_rng(seed, CPU):
        model = cls(SPEC, ModelConfig())
        outcome = Trainer(get_regime("uncertain"), optimisation, seed, CPU).train(model, TrainingData(dataset), None)
    return model, outcome


@pytest.mark.parametrize(
    ("cls", "says"),
    [
        (Overdrawn, "the stages of the model have 12 epochs, more than the budget of 6"),
        (Unnamed, "must return scalar tensors by name.*found a Tensor"),
        (Lossless, "found an empty dictionary"),
        (Elementwise, "found something else for 'aux'"),
    ],
)
def test_a_training_that_is_not_what_its_settings_say_is_refused(cls: type[Mean], says: str, data: Dataset) -> None:
    with pytest.raises(InputError, match=says):
        fit(cls, data)


def test_equal_seeds_train_bitwise_equal_models_and_others_do_not(data: Dataset) -> None:
    (a, first), (b, second), (c, _) = fit(Mean, data), fit(Mean, data), fit(Mean, data, seed=1)
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.head.weight, c.head.weight)
    drop = lambda history: [{k: v for k, v in r.items() if k != "seconds"} for r in history]  # noqa: E731
    assert drop(first.history) == drop(second.history)


def test_predictions_move_with_labels_whose_middle_is_elsewhere() -> None:
    """A model is shown labels around 0, and its predictions are moved back: it learns the same from 1 to 7."""
    samples = make_samples(words=False)
    label = np.round(samples.label * 4) / 4  # which float32 holds exactly, 4 more or not
    moved = replace(samples.provenance, label_range=(1.0, 7.0))
    plain, other = (
        build_dataset(replace(samples, **changes), "official", None)
        for changes in ({"label": label}, {"label": label + 4, "provenance": moved})
    )
    other = replace(other, fingerprint=plain.fingerprint)
    found = []
    for dataset, spec in ((plain, SPEC), (other, replace(SPEC, label_centre=4.0))):
        with forked_rng(0, CPU):
            model = Mean(spec, ModelConfig())
            Trainer(get_regime("complete"), Optimisation(epochs=3), 0, CPU).train(model, TrainingData(dataset), None)
        part = MaskedPart(dataset.part("test"), None, None, CPU, model.info)
        found.append(predict(model, part)[0]["prediction"].to_numpy())
        np.testing.assert_array_equal(found[-1], predict_sentiment(model, part).numpy())
    np.testing.assert_allclose(found[1], found[0] + 4.0, rtol=0, atol=1e-6)


def test_the_global_generator_is_left_as_it_was(data: Dataset) -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    fit(Mean, data)
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_kept_weights_are_those_of_the_best_epoch(data: Dataset) -> None:
    _, outcome = fit(Mean, data, epochs=12, learning_rate=0.5)
    maes = [float(r["valid_mae"]) for r in outcome.history]
    assert outcome.valid_mae == min(maes)
    assert outcome.best_epoch == 1 + maes.index(min(maes))


def test_patience_ends_training(data: Dataset) -> None:
    _, outcome = fit(Mean, data, epochs=200, patience=2, learning_rate=0.1)
    assert len(outcome.history) == outcome.best_epoch + 2 < 200


def test_stages_train_only_their_parameters_and_only_the_last_selects(data: Dataset) -> None:
    with forked_rng(0, CPU):
        untrained = Staged(SPEC, ModelConfig())
    short, _ = fit(Staged, data, epochs=2)
    assert torch.equal(short.head.weight, untrained.head.weight)
    assert not torch.equal(short.first.weight, untrained.first.weight)
    model, outcome = fit(Staged, data)
    assert torch.equal(model.first.weight, short.first.weight)
    assert [r["stage"] for r in outcome.history] == ["first"] * 2 + ["head"] * 4
    assert outcome.best_epoch > 2


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_term(data: Dataset) -> None:
    with pytest.raises(TrainingDiverged, match="stage fit, epoch 2: task = nan"):
        fit(Exploding, data)


def test_an_error_that_follows_from_a_loss_that_is_not_finite_is_told_as_such(data: Dataset) -> None:
    class Failing(Exploding):
        def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
            if not self.head.weight.isfinite().all():
                raise ValueError("a weight is NaN")
            return super().training_loss(batch, step)

    with pytest.raises(TrainingDiverged, match="stage fit, epoch 2: task = nan"):
        fit(Failing, data)


def test_learning_reduces_the_validation_error(data: Dataset) -> None:
    _, outcome = fit(Mean, data, epochs=15)
    assert outcome.valid_mae < 0.9 * float(outcome.history[0]["valid_mae"])


def test_a_finetuned_encoder_is_trained_and_selected_with_the_model(tiny_encoder: Path) -> None:
    class Words(Mean):
        def __init__(self, spec: InputSpec, config: ModelConfig) -> None:
            super().__init__(spec, config)
            self.first = nn.Linear(spec.text, 4)

        def forward(self, batch: Batch) -> Prediction:
            return Prediction(self.head(self.first(batch.text.values[:, 0])).squeeze(1))

    encoder = TextEncoder(EncoderConfig(name=str(tiny_encoder), mode="finetune"))
    dataset = build_dataset(make_samples(), "official", encoder)
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    with forked_rng(0, CPU):
        model = Words(SPEC, ModelConfig())
        settings = Optimisation(epochs=2, batch_size=8, encoder_learning_rate=1e-3)
        Trainer(get_regime("complete"), settings, 0, CPU).train(model, TrainingData(dataset), encoder)
    assert any(not torch.equal(before[k], v) for k, v in encoder.state_dict().items())


def test_a_frozen_encoder_stays_as_it_was(tiny_encoder: Path) -> None:
    encoder = TextEncoder(EncoderConfig(name=str(tiny_encoder)))
    dataset = build_dataset(make_samples(), "official", encoder)
    before = {k: v.clone() for k, v in encoder.transformer.state_dict().items()}
    with forked_rng(0, CPU):
        model = Mean(SPEC, ModelConfig())
        trainer = Trainer(get_regime("uncertain"), Optimisation(epochs=1), 0, CPU)
        trainer.train(model, TrainingData(dataset), StateCache(encoder, "r", None))
    assert all(torch.equal(before[k], v) for k, v in encoder.transformer.state_dict().items())


def test_sweeps_alternate_within_an_epoch_and_train_their_own(data: Dataset) -> None:
    model, outcome = fit(Alternating, data, epochs=3)
    batches = math.ceil(len(data.part("train")) / 8)
    expected = [(sweep, epoch) for epoch in range(3) for sweep in ("first", "head") for _ in range(batches)]
    assert model.seen == expected
    assert all({"loss_first", "loss_head"} <= set(record) for record in outcome.history)


@pytest.mark.parametrize("algorithm", ["adam", "adamw"])
@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_algorithm_and_schedule_are_options(data: Dataset, algorithm: str, schedule: str) -> None:
    _, outcome = fit(Mean, data, algorithm=algorithm, schedule=schedule, warmup=0.0, patience=20)  # type: ignore[arg-type]
    rates = [float(r["learning_rate"]) for r in outcome.history]
    assert (rates[-1] == 0.02) == (schedule == "constant")
    assert outcome.valid_mae < float(outcome.history[0]["valid_mae"])


@pytest.mark.parametrize(
    ("cls", "expected"), [(Mean, [1, 2, 3, 4, 5, 6]), (Staged, [3, 4, 5, 6]), (Unselected, [6]), (Untrained, [0])]
)
def test_candidates_are_the_epochs_of_which_one_is_selected(
    data: Dataset, cls: type[Mean], expected: list[int]
) -> None:
    seen: dict[int, dict[str, Tensor]] = {}
    plain, first = fit(cls, data)
    optimisation = Optimisation(epochs=6, batch_size=8, learning_rate=0.02)
    with forked_rng(0, CPU):
        model = cls(SPEC, ModelConfig())

        def look(epoch: int) -> None:
            seen[epoch] = {k: v.clone() for k, v in model.state_dict().items()}

        trainer = Trainer(get_regime("uncertain"), optimisation, 0, CPU, after_epoch=look)
        outcome = trainer.train(model, TrainingData(data), None)
    assert list(seen) == expected
    assert outcome.best_epoch == first.best_epoch
    assert outcome.best_epoch in seen
    for name, value in model.state_dict().items():
        assert torch.equal(value, seen[outcome.best_epoch][name])  # they are those of that epoch
        assert torch.equal(value, plain.state_dict()[name])  # and looking on changed nothing


def test_with_a_tolerance_the_latest_epoch_that_cannot_be_told_from_the_lowest_is_selected(data: Dataset) -> None:
    regime, valid = get_regime("uncertain"), data.part("valid")
    part = MaskedPart(valid, regime.validation_masks(TrainingData(data)), None, CPU, Mean.info)
    chosen = []
    for tolerance in (0.0, 1.0, 1e9):
        optimisation = Optimisation(epochs=12, batch_size=8, learning_rate=0.3, patience=12, tolerance=tolerance)
        errors: list[Tensor] = []
        with forked_rng(0, CPU):
            model = Mean(SPEC, ModelConfig())

            def keep(_: int, of: SentimentModel = model, to: list[Tensor] = errors) -> None:
                to.append((predict_sentiment(of, part) - valid.label.double()).abs())

            trainer = Trainer(regime, optimisation, 0, CPU, after_epoch=keep)
            outcome = trainer.train(model, TrainingData(data), None)
        lowest = min(range(12), key=lambda e, of=errors: float(of[e].mean()))  # type: ignore[misc]
        more = [e - errors[lowest] for e in errors]
        tied = [e for e in range(lowest, 12) if more[e].mean() <= tolerance * more[e].std() / len(valid) ** 0.5]
        assert outcome.best_epoch == 1 + tied[-1]
        assert outcome.valid_mae == float(errors[tied[-1]].mean())
        assert torch.equal((predict_sentiment(model, part) - valid.label.double()).abs(), errors[tied[-1]])
        chosen.append(outcome.best_epoch)
    assert chosen[0] < chosen[1] < chosen[2] == 12  # or nothing was tested


class Tracked(Mean):
    """Writes down its head's weights before every step."""

    def __init__(self, spec: InputSpec, config: ModelConfig) -> None:
        super().__init__(spec, config)
        self.heads: list[Tensor] = []

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        self.heads.append(self.head.weight.detach().clone())
        return super().training_loss(batch, step)


class TrackedUnselected(Tracked, Unselected):
    """The last epoch is taken."""


@pytest.mark.parametrize("cls", [Tracked, TrackedUnselected])
def test_a_moving_average_is_validated_and_kept_and_does_not_touch_training(data: Dataset, cls: type[Mean]) -> None:
    plain, without = fit(TrackedUnselected, data)
    averaged, outcome = fit(cls, data, ema_decay=0.7)
    losses = lambda o: [r["loss_task"] for r in o.history]  # noqa: E731
    assert losses(outcome) == losses(without)
    assert [r["valid_mae"] for r in outcome.history] != [r["valid_mae"] for r in without.history]
    assert isinstance(plain, Tracked)
    after = [*plain.heads[1:], plain.head.weight.detach()]
    mean = plain.heads[0]
    for steps, weight in enumerate(after[: outcome.best_epoch * len(after) // len(outcome.history)]):
        decay = min(0.7, (1 + steps) / (10 + steps))
        mean = decay * mean + (1 - decay) * weight
    torch.testing.assert_close(averaged.head.weight.detach(), mean)


def test_candidates_end_where_patience_does(data: Dataset) -> None:
    optimisation = Optimisation(epochs=200, batch_size=8, learning_rate=0.1, patience=2)
    seen: list[int] = []
    with forked_rng(0, CPU):
        model = Mean(SPEC, ModelConfig())
        trainer = Trainer(get_regime("uncertain"), optimisation, 0, CPU, after_epoch=seen.append)
        outcome = trainer.train(model, TrainingData(data), None)
    assert seen == list(range(1, len(outcome.history) + 1))


def test_batches_are_counted_through_sweeps_and_stages(data: Dataset) -> None:
    counted: list[tuple[str, float, int]] = []
    for cls in (Alternating, Staged):
        counted.clear()
        with forked_rng(0, CPU):
            optimisation = Optimisation(epochs=3, batch_size=8)
            regime = get_regime("uncertain")
            trainer = Trainer(regime, optimisation, 0, CPU, on_batch=lambda *batch: counted.append(batch))
            trainer.train(cls(SPEC, ModelConfig()), TrainingData(data), None)
        done = [d for _, d, _ in counted]
        assert done == sorted(set(done))
        assert [d for d in done if d == int(d)] == pytest.approx([1, 2, 3])
        assert {total for *_, total in counted} == {3}
    assert [stage for stage, *_ in counted] == ["first"] * (2 * len(done) // 3) + ["head"] * (len(done) // 3)
