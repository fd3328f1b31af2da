"""The estimator sees the surroundings of a position and the other modalities."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines import Batch, InputSpec, Sequences
from protocols import MODALITIES
from senti_ifusion.config import SentiIFusionConfig
from senti_ifusion.encoders import ModalityEncoders
from senti_ifusion.integrity import IntegrityEstimator, at_same_time
from senti_ifusion.light.config import LightConfig
from senti_ifusion.light.integrity import PointwiseEstimator

SPEC = InputSpec(text=6, audio=4, vision=5)
STEPS, SAMPLES = 12, 32


def foreign(seed: int, *, half: bool) -> tuple[Batch, Tensor]:
    """Samples of one speaker each, with frames of another speaker in audio; their places, `(B, T)`.

    With `half`, both speakers have every second frame, and vision shows the speaker.
    """
    generator = torch.Generator().manual_seed(seed)
    speakers = torch.randn(2, SAMPLES, 1, 4, generator=generator)
    chance = torch.rand(SAMPLES, STEPS, generator=generator)
    away = (torch.arange(STEPS) % 2 == 0).expand(SAMPLES, -1) ^ (chance[:, :1] < 0.5) if half else chance < 0.25
    noise = 0.1 * torch.randn(SAMPLES, STEPS, 4, generator=generator)
    audio = torch.where(away.unsqueeze(-1), speakers[1], speakers[0]) + noise
    face = torch.cat([speakers[0], torch.ones(SAMPLES, 1, 1)], dim=-1).expand(-1, STEPS, -1)
    text = torch.randn(SAMPLES, STEPS, 6, generator=generator)
    length = torch.full((SAMPLES,), STEPS)
    return Batch(*(Sequences(values.contiguous(), length) for values in (text, audio, face))), away


def learned(estimator: torch.nn.Module, *, half: bool) -> float:
    """Share of frames of unseen samples that a trained estimator judges right."""
    encoders = ModalityEncoders(SPEC, SentiIFusionConfig(width=8, heads=2))
    optimiser = torch.optim.AdamW(estimator.parameters(), lr=1e-2)
    for seed in range(90):
        batch, away = foreign(seed, half=half)
        logits = estimator.train()(batch, encoders).logits["audio"]
        optimiser.zero_grad()
        F.binary_cross_entropy_with_logits(logits, (~away).float()).backward()
        optimiser.step()
    with torch.no_grad():
        batch, away = foreign(1000, half=half)
        return float(((estimator.eval()(batch, encoders).logits["audio"] < 0) == away).float().mean())


def test_a_minority_of_foreign_frames_is_recognised_by_its_surroundings() -> None:
    torch.manual_seed(0)
    assert learned(IntegrityEstimator(SPEC, SentiIFusionConfig()), half=False) > 0.93
    assert learned(PointwiseEstimator(SPEC, LightConfig()), half=False) < 0.85


def test_the_other_modality_shows_which_of_two_speakers_belongs() -> None:
    torch.manual_seed(0)
    assert learned(IntegrityEstimator(SPEC, SentiIFusionConfig()), half=True) > 0.8


def test_values_of_another_modality_are_taken_at_the_same_relative_time() -> None:
    values = torch.arange(4.0)[None, :, None].expand(2, -1, 1)
    of = Sequences(torch.zeros(2, 4, 1), torch.tensor([4, 2]))
    to = Sequences(torch.zeros(2, 8, 1), torch.tensor([8, 2]))
    found = at_same_time(values, of, to).squeeze(-1)
    assert found[0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert found[1, :2].tolist() == [0, 1]
    assert (found[1] <= 1).all()  # never beyond the end of the other stream


def test_a_position_of_zeros_is_compared_with_nothing() -> None:
    """Marked gaps leave no trace in the features of the frames around them."""
    torch.manual_seed(0)
    estimator = IntegrityEstimator(SPEC, SentiIFusionConfig()).eval()
    batch, _ = foreign(0, half=False)
    values = batch.audio.values.clone()
    values[:, 5] = 0.0
    around = estimator.around["audio"]
    padding, full = batch.audio.padding, (values != 0).any(dim=-1)
    with torch.no_grad():
        differences = around._differences(values, full)  # type: ignore[operator]
        likeness = around._likeness(values, full)  # type: ignore[operator]
    assert not differences[:, 6, 4:8].any()
    assert not likeness[:, 5, :2].any()
    assert padding.any().logical_not()
    assert set(MODALITIES) == set(estimator.around)
