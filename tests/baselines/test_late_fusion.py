"""Late fusion with modality dropout, and its head."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from baselines import Stage, Step, create
from baselines.layers.modality_dropout import keep_modalities
from baselines.layers.regression_head import RegressionHead
from tests.model_batches import SPEC, make_train_batch


@pytest.mark.parametrize("linear", [True, False])
def test_a_head_starts_at_the_median(linear: bool) -> None:
    torch.manual_seed(0)
    head, vectors = RegressionHead(6, 5, 0.0, linear=linear), torch.randn(4, 3, 6)
    head.start_at(torch.tensor([0.0]))
    before = head(vectors)
    assert before.shape == (4, 3)
    head.start_at(torch.tensor([-3.0, 2.0, 2.5]))
    torch.testing.assert_close(head(vectors), before + 2.0)


def test_only_a_linear_map_tells_how_long_a_vector_is() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(8, 6) * 10
    for linear in (True, False):
        head = RegressionHead(6, 5, 0.0, linear=linear)
        same = torch.allclose(head(vectors), head(2 * vectors), atol=1e-4)
        assert same is not linear


@pytest.mark.parametrize(("name", "loss"), [("l1", F.l1_loss), ("smooth_l1", F.smooth_l1_loss)])
@pytest.mark.parametrize("events", [0, 4])
def test_its_loss_is_the_one_that_is_named(name: str, loss, events: int) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    config = {"width": 16, "heads": 2, "events": events, "modality_dropout": 0, "task_loss": name, "linear": False}
    model, batch = create("late-fusion-dropout", SPEC, config).eval(), make_train_batch(6)
    terms = model.training_loss(batch, Step(Stage("main", 1), 0, 0.0))
    torch.testing.assert_close(terms["task"], loss(model(batch.input).sentiment, batch.label))


def test_it_never_silences_everything() -> None:
    torch.manual_seed(0)
    kept = keep_modalities(4000, 0.6, torch.device("cpu"))
    assert kept.any(dim=1).all()
    lost_all = 0.6**3
    assert math.isclose(float(kept.mean()), 0.4 + lost_all, abs_tol=0.02)
