"""Training steps of a Senti-iFusion."""

from __future__ import annotations

import torch

from baselines import Step, TrainBatch
from senti_ifusion.framework import Framework


def step_of(model: Framework, name: str) -> Step:
    return Step(next(s for s in model.stages(10) if s.name == name), 0, 0.0)


def update(model: Framework, batch: TrainBatch, step: Step, times: int = 3) -> None:
    groups = [{"params": list(g.parameters), "lr": 1e-2 * g.scale} for g in model.parameter_groups(step.stage)]
    optimiser = torch.optim.AdamW(groups)
    for _ in range(times):
        optimiser.zero_grad()
        torch.stack(list(model.training_loss(batch, step).values())).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
