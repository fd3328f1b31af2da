"""TFN beside its official code, and the product of modalities."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import InputSpec, Stage, Step, create
from baselines.layers.tensor_fusion import append_one, tensor_fusion
from tests.model_batches import SPEC, make_batch, make_train_batch

#: Trainable parameters of thuiar/MMSA (commit a94e65d) with its settings for MOSI, text of width 768.
OFFICIAL_MOSI = 9_497_043


def test_parameters_are_those_of_the_official_code() -> None:
    model = create("tfn", InputSpec(text=768, audio=5, vision=20))
    assert sum(p.numel() for p in model.parameters()) == OFFICIAL_MOSI


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
def test_the_product_holds_one_every_vector_every_pair_and_all_three(a: int, b: int, c: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, y, z = (torch.randn(3, width, generator=generator) for width in (a, b, c))
    cube = torch.unflatten(tensor_fusion([x, y, z]), 1, (a + 1, b + 1, c + 1))
    assert torch.equal(cube[:, 0, 0, 0], torch.ones(3))
    torch.testing.assert_close(cube[:, 1:, 0, 0], x)
    torch.testing.assert_close(cube[:, 0, 1:, 0], y)
    torch.testing.assert_close(cube[:, 0, 0, 1:], z)
    torch.testing.assert_close(cube[:, 1:, 0, 1:], torch.einsum("ni,nk->nik", x, z))
    torch.testing.assert_close(cube[:, 1:, 1:, 1:], torch.einsum("ni,nj,nk->nijk", x, y, z))


def test_a_one_stands_in_front() -> None:
    assert append_one(torch.tensor([[2.0, 3.0]])).tolist() == [[1.0, 2.0, 3.0]]


def test_predictions_stay_within_the_label_range() -> None:
    spec = InputSpec(text=24, audio=5, vision=7, label_range=(0.0, 1.0))
    model = create("tfn", spec, {"width": 16}).eval()
    batch = make_batch(8)
    batch.text.values.mul_(1e3)
    batch.vision.values.mul_(1e3)
    with torch.no_grad():
        sentiment = model(batch).sentiment
    assert ((sentiment >= 0) & (sentiment <= 1)).all()


def test_a_batch_of_one_is_normalised_by_the_running_statistics_and_leaves_them_alone() -> None:
    torch.manual_seed(0)
    model = create("tfn", SPEC, {"width": 16}).train()
    step = Step(Stage("fit", 1), 0, 0.0)
    model.training_loss(make_train_batch(8), step)
    before = {k: v.clone() for k, v in model.named_buffers()}
    assert model.training_loss(make_train_batch(1), step)["task"].isfinite()
    assert all(torch.equal(v, before[k]) for k, v in model.named_buffers())
