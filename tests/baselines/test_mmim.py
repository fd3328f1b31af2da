"""MMIM beside its paper and its official code."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from baselines import InputSpec, Stage, Step, create
from baselines.mmim import LOWER_BOUND, MAIN, ClassEntropy, Mmim
from tests.model_batches import SPEC, make_batch, make_train_batch

#: Parameters of declare-lab/Multimodal-Infomax (commit cd0774c), text encoder excluded. With its weights copied and
#: text_vector='cls', predictions and the quadratic part of the likelihood were equal to the last bit, the entropy to
#: 2e-3 (our ridge), and the contrastive loss, with its negatives exchanged, to 1e-6.
OFFICIAL_MOSI = 281_673
STAGE = Stage("fit", 5, sweeps=(LOWER_BOUND, MAIN))


def small(**fields: Any) -> Mmim:
    torch.manual_seed(0)
    model = create("mmim", SPEC, {"width": 16, **fields})
    assert isinstance(model, Mmim)
    return model


def test_parameters_are_those_of_the_official_code() -> None:
    model = create("mmim", InputSpec(text=768, audio=5, vision=20))
    assert sum(p.numel() for p in model.parameters()) == OFFICIAL_MOSI


def test_the_sweeps_share_all_parameters_out_between_them() -> None:
    model = small()
    sweeps = [
        {id(p) for group in model.parameter_groups(STAGE, sweep) for p in group.parameters} for sweep in STAGE.sweeps
    ]
    assert sweeps[0] == {id(p) for p in model.conditional.parameters()}
    assert sweeps[0] & sweeps[1] == set()
    assert sweeps[0] | sweeps[1] == {id(p) for p in model.parameters()}
    assert model.stages(7) == [Stage("fit", 7, sweeps=(LOWER_BOUND, MAIN))]


def test_the_first_sweep_makes_audio_and_vision_likelier_given_text() -> None:
    model, batch = small().eval(), make_train_batch(16)
    optimiser = torch.optim.Adam(
        [p for group in model.parameter_groups(STAGE, LOWER_BOUND) for p in group.parameters], 1e-2
    )
    sentiment = model(batch.input).sentiment.detach()
    losses = []
    for _ in range(30):
        terms = model.training_loss(batch, Step(STAGE, 0, 0.0, LOWER_BOUND))
        assert list(terms) == ["likelihood"]
        optimiser.zero_grad()
        terms["likelihood"].backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(terms["likelihood"].item())
    assert losses[-1] < losses[0] - 1
    assert torch.equal(model(batch.input).sentiment, sentiment)  # q predicts nothing of the sentiment


def test_the_main_sweep_raises_the_bound_through_the_vectors() -> None:
    model, batch = small(bound_weight=1.0).eval(), make_train_batch(16)
    step = Step(STAGE, 0, 0.0, MAIN)
    optimiser = torch.optim.Adam([p for g in model.parameter_groups(STAGE, MAIN) for p in g.parameters], 1e-2)
    bounds = []
    for _ in range(20):
        loss = model.training_loss(batch, step)["bound"]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        assert any(bool(p.grad.any()) for p in model.readers.parameters() if p.grad is not None)
        optimiser.step()
        bounds.append(-loss.item())
    assert bounds[-1] > bounds[1] + 0.1


def test_the_contrast_reaches_fusion_and_readers() -> None:
    model, batch = small().eval(), make_train_batch(8)
    model.training_loss(batch, Step(STAGE, 0, 0.0, MAIN))["contrast"].backward()  # type: ignore[no-untyped-call]
    for part in (model.contrast, model.readers, model.fusion):
        assert all(p.grad is not None and bool(p.grad.any()) for p in part.parameters())
    assert all(p.grad is None for p in model.conditional.parameters())


def test_entropy_remembers_the_last_batches_and_leaves_out_neutral_samples() -> None:
    torch.manual_seed(0)
    entropy = ClassEntropy(8, capacity=12)  # two dimensions
    values, label = torch.randn(6, 8), torch.tensor([1.0, -1.0, 2.0, -2.0, 0.0, 0.0])
    assert entropy(values, label) == 0  # two of each class are too few
    assert entropy.sign.tolist()[:6] == [1, -1, 1, -1, 0, 0]
    second = entropy(values + 1, label)
    assert second != 0
    assert second.requires_grad
    assert not entropy.samples.requires_grad
    third = entropy(values, label)
    again = ClassEntropy(8, capacity=12)
    again.load_state_dict(entropy.state_dict())
    assert torch.equal(again(values, label), entropy(values, label))
    assert third.isfinite()


def test_without_memory_the_batch_alone_counts() -> None:
    torch.manual_seed(0)
    entropy = ClassEntropy(8, capacity=0)
    values, label = torch.randn(8, 8), torch.tensor([1.0, -1.0]).repeat(4)
    first = entropy(values, label)
    entropy(5 * values, label)
    assert torch.equal(entropy(values, label), first)


@pytest.mark.parametrize("sign", [0.0, 1.0])
def test_a_batch_of_one_class_has_no_entropy_and_a_finite_loss(sign: float) -> None:
    entropy = ClassEntropy(8, capacity=16)
    assert entropy(torch.randn(8, 8, generator=torch.Generator().manual_seed(0)), torch.full((8,), sign)) == 0


def test_the_papers_text_vector_is_the_first_state() -> None:
    batch = make_batch(3)
    assert torch.equal(small(text_vector="cls").vectors(batch)["text"], batch.text.values[:, 0])
    mean = batch.text.values.sum(1) / batch.text.length[:, None]
    torch.testing.assert_close(small().vectors(batch)["text"], mean)
