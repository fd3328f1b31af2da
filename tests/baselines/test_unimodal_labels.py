"""Labels that Self-MM and TETFN generate for each modality."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.layers.unimodal_labels import (
    TASKS,
    TaskHead,
    TaskOutput,
    UnimodalLabels,
    generated_label,
    multitask_losses,
)
from protocols import MODALITIES

RANGE = (-3.0, 3.0)
WIDTHS = dict.fromkeys(TASKS, 4)
LABEL = torch.tensor([2.0, 1.0, -1.0, -2.0, 0.0])
INDEX = torch.arange(5)


def memory(samples: int = 5) -> UnimodalLabels:
    labels = UnimodalLabels(WIDTHS, samples, RANGE)
    labels.initialise(LABEL)
    return labels


def representations(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {task: torch.rand(5, 4, generator=generator) for task in TASKS}


def test_labels_start_with_the_samples_own_and_move_from_the_second_epoch_on() -> None:
    labels = memory()
    assert torch.equal(labels.recall(INDEX, LABEL), LABEL[:, None].expand(-1, 3))
    labels.update(INDEX, representations(0), 1)
    assert torch.equal(labels.recall(INDEX, LABEL), LABEL[:, None].expand(-1, 3))
    labels.update(INDEX, representations(1), 2)
    assert not torch.equal(labels.recall(INDEX, LABEL), LABEL[:, None].expand(-1, 3))


def test_an_update_is_that_of_the_paper() -> None:
    labels, first, second = memory(), representations(0), representations(1)
    labels.update(INDEX, first, 1)
    chosen, epoch = torch.tensor([3, 0]), 2

    def attraction(task: str) -> torch.Tensor:
        positive, negative = first[task][:2].mean(0), first[task][2:4].mean(0)  # a label of 0 is in neither
        distances = [(second[task][chosen] - c).square().sum(-1) / 4**0.5 for c in (positive, negative)]
        return (distances[1] - distances[0]) / distances[0]

    whole, y = attraction("multimodal"), LABEL[chosen]
    expected = []
    for modality in MODALITIES:
        a = attraction(modality)
        shift = (a - whole) / 2 * (y + whole) / whole
        expected.append((epoch - 1) / (epoch + 1) * y + 2 / (epoch + 1) * (y + shift).clamp(*RANGE))
    labels.update(chosen, {task: second[task][chosen] for task in TASKS}, epoch)
    torch.testing.assert_close(labels.recall(chosen, y), torch.stack(expected, dim=1), atol=1e-4, rtol=1e-4)
    rest = torch.tensor([1, 2, 4])
    assert torch.equal(labels.recall(rest, LABEL[rest]), LABEL[rest][:, None].expand(-1, 3))


def test_a_modality_that_looks_more_positive_than_the_whole_gets_a_higher_label() -> None:
    labels = memory()
    centres = torch.tensor([1.0, 1.0, -1.0, -1.0, 0.0])[:, None].expand(-1, 4)
    labels.update(INDEX, dict.fromkeys(TASKS, centres), 1)
    seen = {task: centres * 0.3 for task in TASKS}
    seen["text"] = centres * 0.3 + 0.4
    seen["audio"] = centres * 0.3 - 0.4
    labels.update(INDEX, seen, 2)
    text, audio, vision = labels.recall(INDEX, LABEL).unbind(dim=1)
    torch.testing.assert_close(vision, LABEL)  # as near as the whole: nothing to correct
    assert (text >= vision).all()
    assert (text[2:4] > vision[2:4]).all()
    assert (audio <= vision).all()
    assert (audio[:2] < vision[:2]).all()


@settings(deadline=None, max_examples=60)
@given(
    y=st.floats(-3, 3),
    whole=st.floats(-50, 50).filter(lambda a: abs(a) > 1e-3),
    a=st.floats(-50, 50),
)
def test_generated_labels_are_the_mean_of_ratio_and_difference(y: float, whole: float, a: float) -> None:
    found = generated_label(*(torch.tensor([value], dtype=torch.float64) for value in (y, whole, a)))
    assert float(found) == pytest.approx((a * y / whole + y + a - whole) / 2, rel=1e-6, abs=1e-6)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([0.0, 1e-12, 1.0, 1e12]), epoch=st.integers(1, 60))
def test_labels_stay_finite_and_within_range(seed: int, scale: float, epoch: int) -> None:
    labels = memory()
    labels.update(INDEX, {k: scale * v for k, v in representations(seed).items()}, 1)
    labels.update(INDEX, {k: scale * v for k, v in representations(seed + 1).items()}, epoch)
    found = labels.recall(INDEX, LABEL)
    assert found.isfinite().all()
    assert (found.abs() <= 3).all()


def test_without_samples_of_both_classes_labels_stay() -> None:
    labels = UnimodalLabels(WIDTHS, 5, RANGE)
    labels.initialise(LABEL.abs())
    for epoch in (1, 2, 3):
        labels.update(INDEX, representations(epoch), epoch)
    assert torch.equal(labels.recall(INDEX, LABEL.abs()), LABEL.abs()[:, None].expand(-1, 3))


def test_samples_beyond_what_was_announced_are_entered_when_they_are_met() -> None:
    labels = UnimodalLabels(WIDTHS, 0, RANGE)
    far, label = torch.tensor([7, 2]), torch.tensor([1.5, -0.5])
    assert torch.equal(labels.recall(far, label), label[:, None].expand(-1, 3))
    later = labels.recall(far, torch.zeros(2))  # known by now: what is remembered counts
    assert torch.equal(later, label[:, None].expand(-1, 3))


def test_a_saved_memory_is_loaded_whatever_the_size() -> None:
    labels = memory()
    for epoch in (1, 2):
        labels.update(INDEX, representations(epoch), epoch)
    other = UnimodalLabels(WIDTHS, 0, RANGE)
    other.load_state_dict(labels.state_dict())
    assert torch.equal(other.recall(INDEX, LABEL), labels.recall(INDEX, LABEL))
    for each in (labels, other):
        each.update(INDEX, representations(3), 3)
    assert torch.equal(other.recall(INDEX, LABEL), labels.recall(INDEX, LABEL))


def test_the_memory_is_state_and_not_trained() -> None:
    labels = memory()
    assert list(labels.parameters()) == []
    values = representations()
    held = {task: v.requires_grad_() for task, v in values.items()}
    labels.update(INDEX, held, 1)
    labels.update(INDEX, held, 2)
    assert not any(buffer.requires_grad for buffer in labels.buffers())


def test_losses_weigh_a_modality_by_how_far_its_label_is_from_the_samples() -> None:
    label, unimodal = torch.tensor([1.0, -1.0]), torch.tensor([[1.0, 2.0, 0.0], [-1.0, -1.0, 1.0]])
    outputs = {task: TaskOutput(torch.zeros(2, 4), torch.tensor([0.5, 0.5])) for task in TASKS}
    losses = multitask_losses(outputs, label, unimodal)
    assert list(losses) == ["task", *MODALITIES]
    assert float(losses["task"]) == pytest.approx((0.5 + 1.5) / 2)
    assert float(losses["text"]) == 0  # its labels are the samples'
    assert float(losses["audio"]) == pytest.approx(float(torch.tensor(1.0).tanh()) * 1.5 / 2)
    vision = torch.tensor([1.0, 2.0]).tanh() * torch.tensor([0.5, 0.5])
    assert float(losses["vision"]) == pytest.approx(float(vision.mean()))


def test_a_head_represents_without_negative_values_and_predicts_one_number() -> None:
    torch.manual_seed(0)
    output = TaskHead(6, 4)(torch.randn(3, 6))
    assert output.representation.shape == (3, 4)
    assert (output.representation >= 0).all()
    assert output.prediction.shape == (3,)
