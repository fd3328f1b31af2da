"""TETFN beside MMSA's reimplementation, the only public one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from baselines import Batch, InputSpec, Sequences, Stage, Step, TrainingStatistics, create
from baselines.tetfn import Tetfn
from tests.model_batches import SPEC, erased, make_batch, make_train_batch

#: Parameters of TETFN in thuiar/MMSA (commit a94e65d) at its settings for MOSI, text encoder excluded. With its weights
#: copied, sequences of equal length, and neither causal mask nor positions, all four predictions were equal to 6e-8.
MMSA_MOSI = 1_254_224
STAGE = Stage("fit", 5)


def small(**fields: Any) -> Tetfn:
    torch.manual_seed(0)
    model = create("tetfn", SPEC, {"width": 10, "fusion_width": 16, **fields})
    assert isinstance(model, Tetfn)
    return model


def test_parameters_are_those_of_mmsa_but_for_the_kernel_that_it_names_and_does_not_use() -> None:
    spec = InputSpec(text=768, audio=5, vision=20)
    wider = 64 * 50 * (3 - 1)
    assert sum(p.numel() for p in create("tetfn", spec, {"vision_kernel": 1}).parameters()) == MMSA_MOSI
    assert sum(p.numel() for p in create("tetfn", spec).parameters()) == MMSA_MOSI + wider


def test_streams_need_no_common_time_axis() -> None:
    batch = make_batch(3, longest=(5, 31, 17), fixed=True)
    assert small().eval()(batch).sentiment.isfinite().all()


def test_between_audio_and_vision_stands_the_text() -> None:
    model, batch = small().eval(), make_batch(4, fixed=True)
    steps = model.steps(batch)
    gone = model.steps(erased(batch, "text"))
    padding = {m: batch[m].padding for m in ("text", "audio", "vision")}
    for target, source in (("audio", "vision"), ("vision", "audio")):
        enhanced = getattr(model, f"{target}_from_{source}")
        told, untold = (
            enhanced(steps[target], steps[source], text, padding[source], padding["text"])  # type: ignore[index]
            for text in (steps["text"], gone["text"])
        )
        assert told.shape == steps[target].shape  # type: ignore[index]
        assert not torch.allclose(told, untold, atol=1e-4)


def test_padding_of_every_stream_is_hidden_from_unimodal_tasks_too() -> None:
    model, batch = small().eval(), make_train_batch(6)
    model.initialise(TrainingStatistics(batch.label))
    step = Step(STAGE, 1, 0.0)
    first = {k: v.item() for k, v in model.training_loss(batch, step).items()}
    longer = Batch(
        *(
            Sequences(torch.nn.functional.pad(s.values, (0, 0, 0, 4)), s.length)
            for s in (batch.input.text, batch.input.audio, batch.input.vision)
        )
    )
    second = small().eval()
    second.initialise(TrainingStatistics(batch.label))
    padded = type(batch)(**{**batch.__dict__, "input": longer})
    for name, value in second.training_loss(padded, step).items():
        assert value.item() == pytest.approx(first[name], abs=1e-5)


def test_unimodal_labels_part_from_the_samples_own_as_training_goes_on() -> None:
    model, batch = small().train(), make_train_batch(12)
    model.initialise(TrainingStatistics(batch.label))
    first = model.training_loss(batch, Step(STAGE, 0, 0.0))
    assert all(first[task] == 0 for task in ("text", "audio", "vision"))
    model.training_loss(batch, Step(STAGE, 1, 0.0))
    third = model.training_loss(batch, Step(STAGE, 2, 0.0))
    assert all(third[task] > 0 for task in ("text", "audio", "vision"))
    found = model.labels.recall(batch.index, batch.label)
    assert ((found - batch.label[:, None]).abs() > 1e-3).any(dim=0).all()


def test_labels_survive_saving_into_a_model_that_knows_of_no_training_part() -> None:
    model, batch = small().eval(), make_train_batch(6)
    for epoch in range(3):
        model.training_loss(batch, Step(STAGE, epoch, 0.0))
    other = create("tetfn", InputSpec(text=SPEC.text, audio=SPEC.audio, vision=SPEC.vision), model.config)
    other.load_state_dict(model.state_dict())
    assert isinstance(other, Tetfn)
    assert torch.equal(other.labels.recall(batch.index, batch.label), model.labels.recall(batch.index, batch.label))


def test_the_published_rates_and_decays_of_the_readers() -> None:
    model = small()
    rate = model.config.optimisation.learning_rate
    found = {
        id(p): (round(rate * g.scale, 6), g.weight_decay) for g in model.parameter_groups(STAGE) for p in g.parameters
    }
    assert {found[id(p)] for p in model.audio.parameters()} == {(5e-4, 0.01)}
    assert {found[id(p)] for p in model.vision.parameters()} == {(3e-4, 0.0)}
    assert {found[id(p)] for p in model.text.parameters()} == {(3e-4, None)}


@pytest.mark.parametrize("width", [7, 10, 16])
def test_heads_fit_any_width(width: int) -> None:
    assert small(width=width)(make_batch(2)).sentiment.isfinite().all()
