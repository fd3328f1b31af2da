"""Laws of the led fusion."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from senti_ifusion.config import SentiIFusionConfig
from senti_ifusion.fusion import Guidance, LedFusion, shares_of_lead

CONFIG = SentiIFusionConfig(width=16, tokens=3, heads=2)
integrities = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(lambda i: torch.tensor([i], dtype=torch.float32))


def tokens(samples: int = 1, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, 3, CONFIG.tokens, CONFIG.width, generator=generator)


def fusion(**fields: object) -> LedFusion:
    torch.manual_seed(0)
    return LedFusion(CONFIG.model_copy(update=fields)).eval()


@settings(deadline=None, max_examples=30)
@given(integrity=integrities, seed=st.integers(0, 50))
def test_the_dominant_modality_is_the_most_reliable(integrity: Tensor, seed: int) -> None:
    torch.manual_seed(seed)
    fused = LedFusion(CONFIG).eval()(tokens(seed=seed), integrity)
    assert ((fused.quality > 0) & (fused.quality < 1)).all()
    torch.testing.assert_close(fused.reliability, integrity * fused.quality)
    assert int(fused.dominant) == int(fused.reliability.argmax())
    torch.testing.assert_close(fused.sentiment, fused.scales.mean(dim=1))
    assert fused.sentiment.isfinite().all()


def test_a_scale_reads_its_part_of_the_width_alone() -> None:
    led, completed, integrity = fusion(), tokens(5), torch.rand(5, 3)
    led.quality.forward = lambda completed: torch.ones(len(completed), 3)  # type: ignore[method-assign]
    changed = completed.clone()
    changed[..., : CONFIG.width // CONFIG.scales] += 1.0
    apart = (led(changed, integrity).scales - led(completed, integrity).scales).abs().amax(dim=0)
    assert apart[0] > 1e-4
    assert not apart[1:].any()


def test_the_less_reliable_is_quieter_and_the_leader_is_heard_as_it_is() -> None:
    guidance, part = Guidance(12, CONFIG), torch.zeros(1, 3, 12)  # of zeros, no modality answers more than another
    for key in guidance.keys:
        torch.nn.init.zeros_(key.bias)  # type: ignore[union-attr, arg-type]
    loud = guidance(part, torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[1.0, 0.5, 0.001]]))[0]
    expected = [1.0, 0.5**CONFIG.reliability_power, 0.001**CONFIG.reliability_power]
    assert loud.tolist() == pytest.approx(expected, rel=1e-3)


def test_the_lead_may_be_fixed() -> None:
    lead, dominant = shares_of_lead(torch.tensor([[0.1, 0.9, 0.5]]), CONFIG.model_copy(update={"dominant": "text"}))
    assert lead.tolist() == [[1.0, 0.0, 0.0]]
    assert dominant.tolist() == [0]


def test_without_a_lead_or_without_adaptive_fusion_the_reliability_does_not_matter() -> None:
    completed = tokens(4)
    for led, how in ((fusion(), {"led": False}), (fusion(adaptive_fusion=False), {})):
        integrity = torch.rand(4, 3)
        before = led(completed, integrity, **how).sentiment
        led.quality.forward = lambda completed: torch.rand(len(completed), 3)  # type: ignore[method-assign]
        assert torch.equal(led(completed, integrity, **how).sentiment, before)
    assert len(list(fusion(adaptive_fusion=False).guidance)) == 0


@pytest.mark.parametrize("reliability", [0.0, 1e-30])
def test_with_nothing_reliable_all_is_finite(reliability: float) -> None:
    integrity = torch.full((2, 3), reliability, requires_grad=True)
    fused = fusion()(tokens(2), integrity)
    fused.sentiment.sum().backward()  # type: ignore[no-untyped-call]
    assert fused.sentiment.isfinite().all()
    assert integrity.grad is not None
    assert integrity.grad.isfinite().all()


def test_scales_start_near_the_median_and_divide_the_width() -> None:
    led = fusion()
    led.start_at(torch.tensor([-1.0, 2.0, 2.5]))
    assert all(head.nonlinear[-1].bias.item() == 2.0 for head in led.heads)  # type: ignore[union-attr, operator]
    with pytest.raises(ValueError, match="width 16 must be divisible by scales 3"):
        SentiIFusionConfig(width=16, heads=2, scales=3)
