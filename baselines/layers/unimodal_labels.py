"""Generated unimodal labels: the unimodal label generation module (ULGM) of Self-MM, also used by TETFN.

Yu et al., AAAI 2021, arXiv 2102.04830. A multimodal task and one task for each modality are learned together. The label
`y_s` of a modality starts as the sample's label `y_m` and then follows the distances of the modality's representation
from the positive and the negative samples, compared with those of the multimodal representation:

    D_i^p = |F_i - C_i^p|^2 / sqrt(d_i)         distance to the centre of the positive samples; D_i^n of the negative
    a_i   = (D_i^n - D_i^p) / (D_i^p + eps)     for i in {m, t, a, v}
    y_s   = y_m + (a_s - a_m) / 2 * (y_m + a_m) / a_m
    y_s^(i) = (i - 1) / (i + 1) * y_s^(i - 1) + 2 / (i + 1) * y_s       in epoch i > 1

and its loss is weighted by the difference of the labels: `tanh(|y_s - y_m|) * |y_s' - y_s|`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from protocols import MODALITIES

#: Tasks: whole samples, then each modality.
TASKS = ("multimodal", *MODALITIES)
#: Constant that keeps distances and ratios away from zero.
EPSILON = 1e-8


class TaskOutput(NamedTuple):
    """Result of a task: representation F `(B, d)` and prediction `(B,)`."""

    representation: Tensor
    prediction: Tensor


class TaskHead(nn.Module):
    """Layers of one task: the representation `F = relu(W_1 x + b_1)` and a prediction from it."""

    def __init__(self, input_width: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.width = width
        self.represent = nn.Sequential(nn.Dropout(dropout), nn.Linear(input_width, width), nn.ReLU())
        self.predict = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, values: Tensor) -> TaskOutput:
        """Run the task on x `(B, D)`."""
        representation = self.represent(values)
        return TaskOutput(representation, self.predict(representation).squeeze(-1))


class UnimodalLabels(nn.Module):
    """Labels and last representations of every training sample, by task: model state, not parameters.

    Args:
        widths: Width d of each task's representation, for every name in TASKS.
        samples: Size of the training part; grows for a larger index.
        label_range: Range that generated labels are clipped to.
    """

    label: Tensor
    known: Tensor
    seen: Tensor

    def __init__(self, widths: Mapping[str, int], samples: int, label_range: tuple[float, float]) -> None:
        super().__init__()
        self.label_range = label_range
        self.register_buffer("label", torch.zeros(samples, len(TASKS)))
        self._initialised = False
        self.register_buffer("known", torch.zeros(samples, dtype=torch.bool))
        self.register_buffer("seen", torch.zeros(samples, dtype=torch.bool))
        for task in TASKS:
            self.register_buffer(task, torch.zeros(samples, widths[task]))

    def initialise(self, label: Tensor) -> None:
        """Start every task with the labels of the training part, `(n,)`."""
        self._reserve(len(label))
        self._initialised = True
        self.label[: len(label)] = label.to(self.label)[:, None]
        self.known[: len(label)] = True
        self.seen.zero_()

    @torch.no_grad()
    def recall(self, index: Tensor, label: Tensor) -> Tensor:
        """Return the current unimodal labels of a batch, `(B, 3)`; those of a new sample start with `label`.

        Args:
            index: `(B,)` int64: positions in the training part.
            label: `(B,)`: labels of the samples.
        """
        if not self._initialised:  # reading the index makes the processor wait for an accelerator
            self._reserve(int(index.max()) + 1)
        labels = torch.where(self.known[index][:, None], self.label[index], label.to(self.label)[:, None])
        self.label[index] = labels
        self.known[index] = True
        return labels[:, 1:]

    @torch.no_grad()
    def update(self, index: Tensor, representation: Mapping[str, Tensor], epoch: int) -> None:
        """Update the labels of a batch (from the second epoch on) and store its representations.

        Args:
            index: `(B,)` int64, after `recall`.
            representation: By task, `(B, d)`.
            epoch: Epoch i, counted from 1.
        """
        if epoch > 1:
            whole = self.label[index, 0]
            attraction = {task: self._attraction(task, representation[task]) for task in TASKS}
            for column, task in enumerate(MODALITIES, start=1):
                label = self.label[index, column]
                new = generated_label(whole, attraction["multimodal"], attraction[task]).clamp(*self.label_range)
                moved = (epoch - 1) / (epoch + 1) * label + 2 / (epoch + 1) * new
                # without both centres no distances can be compared
                self.label[index, column] = torch.where(moved.isfinite(), moved, label)
        for name in TASKS:
            self.get_buffer(name)[index] = representation[name].detach().to(self.label.dtype)
        self.seen[index] = True

    def _attraction(self, task: str, representation: Tensor) -> Tensor:
        """Return a_i `(B,)`: relative closeness to the positive centre; NaN without samples of both classes."""
        label, features = self.label[:, TASKS.index(task)], self.get_buffer(task)
        to_negative, to_positive = (
            (representation - side @ features / side.sum()).square().sum(dim=-1) / features.shape[1] ** 0.5
            for side in (((label < 0) & self.seen).to(features), ((label > 0) & self.seen).to(features))
        )
        attraction: Tensor = (to_negative - to_positive) / (to_positive + EPSILON)
        return attraction

    def _reserve(self, samples: int) -> None:
        missing = samples - len(self.label)
        if missing > 0:
            for name, values in list(self.named_buffers()):
                self.register_buffer(name, torch.cat([values, values.new_zeros(missing, *values.shape[1:])]))

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        """Load a saved memory of any size: prediction does not depend on the training part."""
        for name, values in list(self.named_buffers()):
            saved = state_dict.get(prefix + name)
            if isinstance(saved, Tensor) and saved.shape[1:] == values.shape[1:]:
                self.register_buffer(name, values.new_zeros(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def generated_label(whole: Tensor, whole_attraction: Tensor, attraction: Tensor) -> Tensor:
    """Generate a modality's label from the sample's: mean of the estimates by ratio and by difference of attractions.

    Args:
        whole: Label y_m of the samples, `(B,)`.
        whole_attraction: Attraction a_m of the multimodal task, `(B,)`.
        attraction: Attraction a_s of the modality, `(B,)`.
    """
    ratio = attraction / torch.where(whole_attraction.abs() < EPSILON, EPSILON, whole_attraction)
    return (ratio * whole + whole + attraction - whole_attraction) / 2


def multitask_losses(outputs: Mapping[str, TaskOutput], label: Tensor, unimodal: Tensor) -> dict[str, Tensor]:
    """Absolute errors of all tasks, by name; those of a modality are weighted by `tanh(|y_s - y_m|)`.

    Args:
        outputs: Results by task.
        label: Labels y_m, `(B,)`.
        unimodal: Labels y_s of text, audio, vision, `(B, 3)`.
    """
    losses = {"task": F.l1_loss(outputs["multimodal"].prediction, label)}
    for column, task in enumerate(MODALITIES):
        target = unimodal[:, column]
        weight = (target - label).abs().tanh()
        losses[task] = (weight * (outputs[task].prediction - target).abs()).mean()
    return losses
