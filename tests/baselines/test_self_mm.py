"""Self-MM beside its paper and its official code."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from baselines import InputSpec, Stage, Step, TrainingStatistics, create
from baselines.self_mm import SelfMm
from tests.model_batches import SPEC, erased, make_batch, make_train_batch

#: Parameters of the official class (MMSA commit a94e65d; the same in thuiar/Self-MM, commit 1786283), text encoder
#: excluded, at MMSA's sizes for MOSI and at those of the paper's repository. With its weights copied and
#: text_vector='cls', all four predictions were equal to the last bit.
OFFICIAL_MMSA, OFFICIAL_PAPER = 159_332, 206_980
STAGE = Stage("fit", 10)


def small(**fields: Any) -> SelfMm:
    torch.manual_seed(0)
    model = create("self-mm", SPEC, {"width": 16, "text_width": 8, **fields})
    assert isinstance(model, SelfMm)
    return model


@pytest.mark.parametrize(
    ("fields", "official"),
    [({}, OFFICIAL_MMSA), ({"audio_hidden": 32, "vision_hidden": 64, "text_width": 64}, OFFICIAL_PAPER)],
)
def test_parameters_are_those_of_the_official_code(fields: dict[str, object], official: int) -> None:
    model = create("self-mm", InputSpec(text=768, audio=5, vision=20), fields)
    assert sum(p.numel() for p in model.parameters()) == official


def test_in_the_first_epoch_only_the_multimodal_task_counts() -> None:
    model, batch = small(), make_train_batch(6)
    model.initialise(TrainingStatistics(batch.label))
    losses = model.training_loss(batch, Step(STAGE, 0, 0.0))
    assert losses["task"] > 0
    assert all(losses[task] == 0 for task in ("text", "audio", "vision"))


def test_unimodal_labels_part_from_the_samples_own_as_training_goes_on() -> None:
    model, batch = small().train(), make_train_batch(12)
    model.initialise(TrainingStatistics(batch.label))
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for epoch in range(4):
        before = model.labels.recall(batch.index, batch.label).clone()
        losses = model.training_loss(batch, Step(STAGE, epoch, 0.0))
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        moved = model.labels.recall(batch.index, batch.label) - before
        assert bool(moved.any()) == (epoch > 0)
    own = batch.label[:, None]
    found = model.labels.recall(batch.index, batch.label)
    assert ((found - own).abs() > 1e-3).any(dim=0).all()
    assert (found.abs() <= 3).all()
    later = model.training_loss(batch, Step(STAGE, 4, 0.0))
    assert all(later[task] > 0 for task in ("text", "audio", "vision"))


def test_a_unimodal_task_sees_its_modality_alone() -> None:
    model, batch = small().eval(), make_batch(4)
    vectors = model.vectors(batch)
    for modality in ("text", "audio", "vision"):
        others = [m for m in ("text", "audio", "vision") if m != modality]
        alone = model.vectors(erased(batch, *others))
        assert torch.equal(model._task(modality, alone).prediction, model._task(modality, vectors).prediction)
        assert not torch.equal(model._task("multimodal", alone).prediction, model(batch).sentiment)


def test_labels_survive_saving_into_a_model_that_knows_of_no_training_part() -> None:
    model, batch = small(), make_train_batch(8)
    model.initialise(TrainingStatistics(batch.label))
    for epoch in range(3):
        model.training_loss(batch, Step(STAGE, epoch, 0.0))
    other = create("self-mm", InputSpec(text=SPEC.text, audio=SPEC.audio, vision=SPEC.vision), model.config)
    other.load_state_dict(model.state_dict())
    assert isinstance(other, SelfMm)
    assert torch.equal(other.labels.recall(batch.index, batch.label), model.labels.recall(batch.index, batch.label))
    assert torch.equal(other.eval()(batch.input).sentiment, model.eval()(batch.input).sentiment)


def test_the_labels_range_bounds_what_is_generated() -> None:
    spec = InputSpec(text=24, audio=5, vision=7, label_range=(-1.0, 1.0), train_samples=8)
    model, batch = create("self-mm", spec, {"width": 16}), make_train_batch(8)
    assert isinstance(model, SelfMm)
    label = batch.label.clamp(-1, 1)
    model.initialise(TrainingStatistics(label))
    widths = {"multimodal": 16, "text": 32, "audio": 16, "vision": 32}
    for epoch in range(6):
        generator = torch.Generator().manual_seed(epoch)
        values = {task: torch.rand(8, width, generator=generator) for task, width in widths.items()}
        model.labels.update(batch.index, values, epoch + 1)
    assert (model.labels.recall(batch.index, label).abs() <= 1).all()


def test_readers_have_learning_rates_of_their_own() -> None:
    scales = {id(p): g.scale for g in small().parameter_groups(STAGE) for p in g.parameters}
    model = small(audio_scale=2.0, vision_scale=0.1)
    groups = {id(p): g.scale for g in model.parameter_groups(STAGE) for p in g.parameters}
    assert {groups[id(p)] for p in model.audio.parameters()} == {2.0}
    assert {groups[id(p)] for p in model.vision.parameters()} == {0.1}
    assert {groups[id(p)] for p in model.heads.parameters()} == {1.0}
    assert sorted(set(scales.values())) == [1.0, 5.0]  # MMSA: 1e-3, and 5e-3 for both readers


def test_the_papers_text_vector_is_the_first_state() -> None:
    batch = make_batch(3)
    assert torch.equal(small(text_vector="cls").vectors(batch)["text"], batch.text.values[:, 0])
    mean = batch.text.values.sum(1) / batch.text.length[:, None]
    torch.testing.assert_close(small().vectors(batch)["text"], mean)
