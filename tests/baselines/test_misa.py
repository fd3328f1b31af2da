"""MISA beside its paper and its official code."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from baselines import Batch, InputSpec, Sequences, Stage, Step, TrainBatch, create
from baselines.misa import Misa, overlap
from tests.model_batches import SPEC, make_batch, make_train_batch

#: Parameters of declare-lab/MISA (commit ec42fad) at its MOSI settings, text encoder excluded. With its weights copied,
#: predictions were equal to 3e-7 and the similarity, difference and reconstruction losses to 1e-6.
OFFICIAL_MOSI = 1_136_161
STEP = Step(Stage("fit", 1), 0, 0.0)


def small(**fields: Any) -> Misa:
    torch.manual_seed(0)
    model = create("misa", SPEC, {"width": 16, "hidden": 32, **fields})
    assert isinstance(model, Misa)
    return model


def test_parameters_are_those_of_the_official_code_but_for_what_it_never_uses() -> None:
    model = create("misa", InputSpec(text=768, audio=5, vision=20))
    norm_of_glove_text = 2 * (2 * 300)
    shared_or_private_discriminator = 128 * 4 + 4
    ours = sum(p.numel() for p in model.parameters())
    assert ours == 1_134_445
    assert ours + norm_of_glove_text + shared_or_private_discriminator == OFFICIAL_MOSI


def test_invariant_codes_come_from_one_space_and_specific_ones_from_three() -> None:
    model = small()
    assert sum(p.numel() for p in model.invariant.parameters()) == 16 * 17
    assert sum(p.numel() for p in model.specific.parameters()) == 3 * 16 * 17


def test_the_similarity_loss_vanishes_where_the_modalities_are_alike() -> None:
    model, batch = small().eval(), make_train_batch(6)
    assert model.training_loss(batch, STEP)["similarity"] > 0.1
    with torch.no_grad():
        for parameter in model.invariant.parameters():
            parameter.zero_()  # every code is then one half
    assert model.training_loss(batch, STEP)["similarity"].item() == pytest.approx(0, abs=1e-6)


def test_descending_the_difference_loss_drives_the_codes_apart() -> None:
    model, batch = small().eval(), make_train_batch(12)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(80):
        optimiser.zero_grad()
        loss = model.training_loss(batch, STEP)["difference"]
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_overlap_is_zero_for_orthogonal_codes_and_greatest_for_equal_ones() -> None:
    first = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]])
    second = torch.tensor([[1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, 1.0]])
    assert overlap(first, second).item() == pytest.approx(0, abs=1e-10)
    # unit rows (+-1, -+1) / sqrt 2: every product over four samples is +-2
    assert overlap(first, first).item() == pytest.approx(4, rel=1e-4)


def test_the_reconstruction_takes_both_codes() -> None:
    model, batch = small().eval(), make_train_batch(4)
    loss = model.training_loss(batch, STEP)["reconstruction"]
    loss.backward()  # type: ignore[no-untyped-call]
    for codes in (model.invariant, model.specific, model.rebuild):
        assert all(p.grad is not None and bool(p.grad.any()) for p in codes.parameters())


def test_weights_of_the_losses_are_those_of_the_config() -> None:
    names = ("similarity", "difference", "reconstruction")
    batch = make_train_batch(5)
    one = small(**{f"{n}_weight": 1.0 for n in names}).eval().training_loss(batch, STEP)
    two = small(**{f"{n}_weight": 2.0 for n in names}).eval().training_loss(batch, STEP)
    for name in names:
        torch.testing.assert_close(two[name], 2 * one[name])
    torch.testing.assert_close(two["task"], one["task"])


def test_the_text_is_the_mean_of_its_states() -> None:
    model, batch = small().eval(), make_batch(3, fixed=True)
    shuffled = Batch(Sequences(batch.text.values.flip(1), batch.text.length), batch.audio, batch.vision)
    torch.testing.assert_close(model(shuffled).sentiment, model(batch).sentiment, atol=1e-5, rtol=1e-5)
    audio = Batch(batch.text, Sequences(batch.audio.values.flip(1), batch.audio.length), batch.vision)
    assert not torch.allclose(model(audio).sentiment, model(batch).sentiment)  # whereas audio is read in order


def test_recurrent_weights_start_orthogonal() -> None:
    reader = small().readers["vision"]
    for name, weight in reader.named_parameters():
        if "weight_hh" in name:
            torch.testing.assert_close(weight.T @ weight, torch.eye(weight.shape[1]), atol=1e-5, rtol=0)


def test_a_batch_of_one_has_finite_gradients() -> None:
    model, batch = small().train(), make_train_batch(1)
    assert isinstance(batch, TrainBatch)
    torch.stack(list(model.training_loss(batch, STEP).values())).sum().backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
