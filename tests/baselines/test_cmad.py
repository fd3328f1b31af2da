"""CMAD beside its official code, its two stages, and its two kinds of distillation."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from baselines import InputSpec, Stage, Step, create
from baselines.cmad import Cmad, combinations, feature_distillation
from tests.model_batches import SPEC, make_train_batch

#: Parameters of the student of YetZzzzzz/CMAD (commit efc812b) with its default arguments, at the widths 768, 5 and 20,
#: text encoder excluded; the teacher has as many. With its weights, predictions were equal to 2e-7, also without audio,
#: the distillation of features and the weights of combinations exactly.
OFFICIAL_STUDENT = 3_643_457
TEACHER, STUDENT = Stage("teacher", 1, selects=False), Stage("student", 1)


def small(**fields: object) -> Cmad:
    torch.manual_seed(0)
    sizes = {"width": 16, "heads": 2, "head_width": 8, "depth": 1, "latents": 2, "layers": 1, "hidden": 16}
    model = create("cmad", SPEC, {**sizes, **fields})
    assert isinstance(model, Cmad)
    return model.eval()


def test_parameters_are_those_of_the_official_code() -> None:
    model = create("cmad", InputSpec(text=768, audio=5, vision=20))
    assert sum(p.numel() for p in model.parameters()) == 2 * OFFICIAL_STUDENT


def test_the_teacher_learns_first_and_the_student_from_it() -> None:
    model, batch = small(), make_train_batch(4)
    assert [stage.name for stage in model.stages(10)] == ["teacher", "student"]
    for stage, part in ((TEACHER, model.teacher), (STUDENT, model.student)):
        (group,) = model.parameter_groups(stage)
        assert {id(p) for p in group.parameters} == {id(p) for p in part.parameters()}
        loss = torch.stack(list(model.training_loss(batch, Step(stage, 0, 0.0)).values())).sum()
        model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        other = model.student if part is model.teacher else model.teacher
        assert all(p.grad is None for p in other.parameters())
        assert all(p.grad is not None for p in part.parameters())


def test_the_teacher_is_asked_without_dropout_and_left_as_it_was() -> None:
    model, batch = small(), make_train_batch(4)
    expected = model.teacher(batch.complete).sentiment
    model.train()
    torch.testing.assert_close(model._fixed_teacher(batch.complete).sentiment, expected)
    assert model.teacher.training


def test_the_prediction_is_the_students() -> None:
    model, batch = small(), make_train_batch(4)
    assert torch.equal(model(batch.input).sentiment, model.student(batch.input).sentiment)


def test_combinations_are_numbered_apart() -> None:
    there = torch.tensor([[a, b, c] for a in (False, True) for b in (False, True) for c in (False, True)])
    assert sorted(combinations(there).tolist()) == list(range(8))
    assert combinations(torch.ones(1, 3, dtype=torch.bool)).item() == 7


def test_hard_combinations_weigh_more_once_they_are_known() -> None:
    model = small(combination_weight=20.0)
    combination = torch.tensor([1, 1, 2, 7])
    excess = torch.tensor([1.0, 3.0, 1.0, 0.0])
    assert model._weights(combination, excess, observing=True).tolist() == [1.0] * 4
    weight = model._weights(combination, torch.zeros(4), observing=False)  # means 2, 1, 0
    assert weight.tolist() == [20.0, 20.0, 5.0, 0.0]


def test_combinations_weigh_alike_before_anything_was_observed() -> None:
    assert small()._weights(torch.tensor([0, 7]), torch.ones(2), observing=False).tolist() == [1.0, 1.0]


def test_equal_features_cost_nothing_and_a_closer_batch_less() -> None:
    torch.manual_seed(0)
    teacher = torch.rand(6, 8)
    far, near = torch.rand(6, 8), teacher + 0.05 * torch.rand(6, 8)
    assert float(feature_distillation(teacher, teacher, 0.2)) == pytest.approx(0, abs=1e-6)
    mse = F.mse_loss(near, teacher) < F.mse_loss(far, teacher)
    assert mse
    assert feature_distillation(near, teacher, 0.2) < feature_distillation(far, teacher, 0.2)
