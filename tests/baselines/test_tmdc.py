"""TMDC beside its official code, its two stages, and the complementation of missing modalities."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from baselines import Batch, InputSpec, Sequences, Stage, Step, create
from baselines.tmdc import ProductAttention, Tmdc
from protocols import MODALITIES
from tests.model_batches import SPEC, make_batch, make_train_batch

#: Parameters of YetZzzzzz/TMDC (commit 828ed64), 256 wide, at the widths 768, 5 and 20. With its weights and means
#: instead of samples, predictions under all seven conditions and those of single representations were equal to 1e-8.
OFFICIAL = 5_330_955
DENOISING, COMPLEMENTATION = Stage("denoising", 1, selects=False), Stage("complementation", 1)


def small(**fields: object) -> Tmdc:
    torch.manual_seed(0)
    model = create("tmdc", SPEC, {"width": 16, "steps": 3, **fields})
    assert isinstance(model, Tmdc)
    return model.eval()


def changed(batch: Batch, modality: str) -> Batch:
    values = {m: Sequences(batch[m].values + (m == modality), batch[m].length) for m in MODALITIES}
    return Batch(values["text"], values["audio"], values["vision"])


def test_parameters_are_those_of_the_official_code_and_a_detector() -> None:
    model = create("tmdc", InputSpec(text=768, audio=5, vision=20))
    detector = 768 + 1
    assert sum(p.numel() for p in model.parameters()) == OFFICIAL + detector


def test_the_attention_is_a_product_without_softmax() -> None:
    torch.manual_seed(0)
    attention, target, source = ProductAttention(4, 2), torch.randn(1, 3, 4), torch.randn(1, 5, 4)
    query, key, value = attention.query(target), attention.key(source), attention.value(source)
    heads = [(query[..., h] @ key[..., h].transpose(1, 2) / 2**0.5) @ value[..., h] for h in (slice(0, 2), slice(2, 4))]
    picked = torch.cat(heads, dim=-1)
    torch.testing.assert_close(attention(target, source), target + picked + attention.mlp(picked))


@pytest.mark.parametrize("missing", [m for m in product([False, True], repeat=3) if not all(m)])
def test_a_missing_modality_is_complemented_from_the_others_and_never_read(missing: tuple[bool, ...]) -> None:
    model, batch = small(), make_batch(4, fixed=True)
    flags = torch.tensor([missing]).expand(4, 3)

    def predict(given: Batch) -> torch.Tensor:
        return model._complement(model._denoise(given), flags)

    plain = predict(batch)
    for modality, gone in zip(MODALITIES, missing, strict=True):
        assert torch.equal(predict(changed(batch, modality)), plain) == gone


def test_nothing_left_is_treated_as_everything_there() -> None:
    model, batch = small(), make_batch(3, fixed=True)
    parts = model._denoise(batch)
    none, all_ = torch.zeros(3, 3, dtype=torch.bool), torch.ones(3, 3, dtype=torch.bool)
    assert torch.equal(model._complement(parts, all_), model._complement(parts, none))


def test_stages_have_their_losses_and_parameters() -> None:
    model, batch = small(), make_train_batch(4)
    assert set(model.training_loss(batch, Step(DENOISING, 0, 0.0))) == {"single", "divergence"}
    assert set(model.training_loss(batch, Step(COMPLEMENTATION, 0, 0.0))) == {"task", "detection"}
    names = {id(p): name for name, p in model.named_parameters()}
    first, second = (
        {names[id(p)] for group in model.parameter_groups(stage) for p in group.parameters}
        for stage in (DENOISING, COMPLEMENTATION)
    )
    assert first | second == set(names.values())
    assert {name.partition(".")[0] for name in first - second} == {"score", "bottleneck"}
    assert {name.partition(".")[0] for name in second - first} == {"head", "detector"}


def test_stage_one_reads_complete_samples_and_stage_two_incomplete_ones() -> None:
    model, batch = small(), make_train_batch(4)
    for sequences in (batch.complete.text, batch.input.text):
        sequences.values.requires_grad_()
    for stage, read, unread in (
        (DENOISING, batch.complete, batch.input),
        (COMPLEMENTATION, batch.input, batch.complete),
    ):
        loss = torch.stack(list(model.training_loss(batch, Step(stage, 0, 0.0)).values())).sum()
        gradients = torch.autograd.grad(loss, [read.text.values, unread.text.values], allow_unused=True)
        assert gradients[0] is not None
        assert gradients[1] is None


def test_predictions_use_means_and_training_samples() -> None:
    model, batch = small(), make_batch(3)
    assert torch.equal(model._denoise(batch).specific[0], model._denoise(batch).gaussians["specific"][0].loc)
    model.train()
    assert not torch.equal(model._denoise(batch).common[0], model._denoise(batch).common[0])
