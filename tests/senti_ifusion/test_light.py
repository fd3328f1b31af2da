"""Fusion and light heads of version 11, which is registered as the light model."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from baselines import create
from senti_ifusion.framework import COMPLETION, FUSION
from senti_ifusion.light.config import LightConfig
from senti_ifusion.light.fusion import AdaptiveFusion
from senti_ifusion.light.model import SentiIFusionLight
from senti_ifusion.light.readers import Readers
from tests.model_batches import SPEC, make_batch, make_train_batch
from tests.senti_ifusion.steps import step_of, update

CONFIG = LightConfig(width=16, tokens=3, heads=2)
SMALL = {"width": 16, "tokens": 3, "heads": 2}
integrities = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(lambda i: torch.tensor([i], dtype=torch.float32))


def tokens(samples: int = 1, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, 3, CONFIG.tokens, CONFIG.width, generator=generator)


def build(**fields: object) -> SentiIFusionLight:
    torch.manual_seed(0)
    model = create("senti-ifusion-light", SPEC, SMALL | fields)
    assert isinstance(model, SentiIFusionLight)
    return model


@settings(deadline=None, max_examples=30)
@given(integrity=integrities, seed=st.integers(0, 50))
def test_the_dominant_modality_is_the_most_reliable(integrity: Tensor, seed: int) -> None:
    torch.manual_seed(seed)
    fused = AdaptiveFusion(CONFIG).eval()(tokens(seed=seed), integrity)
    assert ((fused.quality > 0) & (fused.quality < 1)).all()
    torch.testing.assert_close(fused.reliability, integrity * fused.quality)
    assert int(fused.dominant) == int(fused.reliability.argmax())
    assert fused.sentiment.isfinite().all()


def test_the_lead_is_shared_by_degrees() -> None:
    reliability = torch.tensor([[0.2, 0.8, 0.4], [0.0, 0.6, 0.0]], requires_grad=True)
    lead, weight, dominant = AdaptiveFusion(CONFIG).choose(reliability)
    squares = reliability.detach() ** 2  # the default tau is a half
    torch.testing.assert_close(lead, squares / squares.sum(dim=1, keepdim=True), atol=1e-4, rtol=0)
    torch.testing.assert_close(weight, reliability * (1 - lead))
    assert dominant.tolist() == [1, 1]
    (gradient,) = torch.autograd.grad(lead[0, 1], reliability)
    assert gradient[0, 1] > 0
    assert gradient[0, 0] < 0
    alone = AdaptiveFusion(CONFIG.model_copy(update={"choice_temperature": 0.01})).choose(reliability)[0]
    assert alone[0].tolist() == pytest.approx([0, 1, 0], abs=1e-6)


@pytest.mark.parametrize("reliability", [0.0, 1e-30])
def test_with_nothing_reliable_all_lead_alike(reliability: float) -> None:
    nothing = torch.full((2, 3), reliability, requires_grad=True)
    lead, weight, _ = AdaptiveFusion(CONFIG).choose(nothing)
    torch.testing.assert_close(lead, torch.full((2, 3), 1 / 3))
    (lead[:, 0].sum() + weight.sum()).backward()
    assert nothing.grad is not None
    assert nothing.grad.isfinite().all()


def test_the_content_of_an_unreliable_modality_does_not_matter() -> None:
    torch.manual_seed(0)
    fusion = AdaptiveFusion(CONFIG).eval()
    fusion.quality.forward = lambda completed: torch.ones(len(completed), 3)  # type: ignore[method-assign]
    one, other = tokens(seed=1), tokens(seed=1)
    other[:, 2] = tokens(seed=2)[:, 2]
    integrity = torch.tensor([[1.0, 0.5, 0.0]])
    torch.testing.assert_close(fusion(one, integrity).sentiment, fusion(other, integrity).sentiment)


@pytest.mark.parametrize(
    ("fields", "lead"), [({"dominant": "text"}, [1, 0, 0]), ({"adaptive_fusion": False}, [1 / 3] * 3)]
)
def test_the_variants_of_the_choice(fields: dict[str, object], lead: list[float]) -> None:
    fusion = AdaptiveFusion(LightConfig(width=16, heads=2, **fields))  # type: ignore[arg-type]
    assert fusion.choose(torch.tensor([[0.1, 0.9, 0.5]]))[0].tolist() == [pytest.approx(lead)]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_reader_answers_from_its_own_part_alone(count: int) -> None:
    torch.manual_seed(0)
    readers = Readers(CONFIG.model_copy(update={"readers": count})).eval()
    completed, integrity = tokens(5), torch.rand(5, 3)
    before = readers(completed, integrity)
    assert before.shape == (5, count)
    changed = completed.clone()
    changed[..., : CONFIG.width // count] += 1.0
    apart = (readers(changed, integrity) - before).abs().amax(dim=0)
    assert apart[0] > 1e-4
    assert not apart[1:].any()


def test_readers_start_near_the_median_and_divide_the_width() -> None:
    readers = Readers(CONFIG).eval()
    readers.start_at(torch.tensor([-1.0, 2.0, 2.5]))
    assert all(head.nonlinear[-1].bias.item() == 2.0 for head in readers.heads)  # type: ignore[union-attr, operator]
    with pytest.raises(ValueError, match="width 16 must be divisible by readers 3"):
        LightConfig(width=16, heads=2, readers=3)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_fusion_and_light_heads_answer_by_their_shares(share: float) -> None:
    model, batch = build(fusion_share=share).eval(), make_batch(6)
    with torch.no_grad():
        representation = model.represent(batch)
        fused = model.fusion(representation.completed, representation.integrity).sentiment
        light = model.light_head(representation.completed, representation.integrity).mean(dim=1)
        torch.testing.assert_close(model(batch).sentiment, share * fused + (1 - share) * light)


def test_the_fusion_is_asked_for_an_answer_of_its_own() -> None:
    model, batch = build(fusion_weight=0.5).eval(), make_train_batch(8)  # eval: no dropout
    terms = model.training_loss(batch, step_of(model, FUSION))
    representation = model.represent(batch.input)
    fused = model.fusion(representation.completed, representation.integrity).sentiment
    torch.testing.assert_close(terms["fused_task"], 0.5 * F.smooth_l1_loss(fused, batch.label))


def test_the_first_stage_leaves_the_fusion_untouched() -> None:
    model, batch = build(), make_train_batch(8)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    update(model, batch, step_of(model, COMPLETION))
    changed = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert not any(k.startswith("fusion.") for k in changed)
    assert {"encoders", "estimator", "completion", "prior", "light_head", "semantic"} <= {
        k.split(".")[0] for k in changed
    }
