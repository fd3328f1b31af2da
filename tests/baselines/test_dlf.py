"""DLF beside its official code, and its language-focused attraction."""

from __future__ import annotations

import pytest
import torch

from baselines import Batch, InputSpec, Sequences, Stage, Step, create
from baselines.dlf import Dlf
from tests.model_batches import SPEC, make_batch, make_train_batch

#: Trainable parameters of pwang322/DLF (commit 251bf2c) for aligned MOSI, text encoder excluded. With its weights,
#: convolutions over one step, the mask of later steps off and our position codes, predictions and those of the four
#: other heads were equal to 3e-7, the losses of the decoupling to 1e-7.
OFFICIAL_MOSI = 2_923_308
STEP = Step(Stage("fit", 1), 0, 0.0)


def small(**fields: object) -> Dlf:
    torch.manual_seed(0)
    model = create("dlf", SPEC, {"width": 16, "layers": 1, "memory_layers": 1, "steps": 4, **fields})
    assert isinstance(model, Dlf)
    return model.eval()


def test_parameters_are_those_of_the_official_code_but_for_what_no_loss_trains() -> None:
    width, steps = 50, 46
    flat = steps * width
    heads_of_common_features = 3 * ((flat * width + width) + (width * flat + flat) + (flat + 1))
    maps_of_specific_features = 3 * (flat * width + width)
    layer = 4 * (width * width + width) + (4 * width * width + 4 * width) + (4 * width * width + width) + 4 * width
    transformers_towards_audio_and_vision = 4 * (2 * layer + 2 * width)
    ours = sum(p.numel() for p in create("dlf", InputSpec(text=768, audio=5, vision=20)).parameters())
    unused = heads_of_common_features + maps_of_specific_features + transformers_towards_audio_and_vision
    assert ours == 1_628_605
    assert ours + unused == OFFICIAL_MOSI


def test_language_attends_to_audio_and_vision_and_not_the_other_way_round() -> None:
    model, batch = small(), make_batch(3, fixed=True)
    batch.text.values.requires_grad_()
    batch.audio.values.requires_grad_()
    state = model._run(batch)
    for modality, reads_audio in (("text", False), ("audio", True), ("vision", False)):
        score = state.specific[modality].score.sum()
        text, audio = torch.autograd.grad(
            score, [batch.text.values, batch.audio.values], retain_graph=True, allow_unused=True
        )
        assert text.any()
        assert (audio is not None and bool(audio.any())) == reads_audio


def test_all_three_lie_on_the_time_axis_of_the_text() -> None:
    model, batch = small(), make_batch(3, fixed=True)
    longer = Sequences(torch.cat([batch.vision.values] * 2, dim=1), batch.vision.length * 2)
    assert model(Batch(batch.text, batch.audio, longer)).sentiment.shape == (3,)
    lengths: list[tuple[int, ...]] = []
    for transformer in model.memory.transformers.values():
        transformer.register_forward_pre_hook(lambda _, given: lengths.append(tuple(given[0].shape[:2])))
    model(Batch(batch.text, batch.audio, longer))
    assert lengths == [tuple(batch.text.values.shape[:2])] * 3


def test_the_weight_of_the_text_is_that_of_the_config() -> None:
    batch = make_train_batch(5)
    one, three = (small(text_weight=w).training_loss(batch, STEP)["specific"] for w in (1.0, 3.0))
    error = (small()._run(batch.input).specific["text"].score - batch.label).abs().mean()
    assert (three - one).item() == pytest.approx(2 * error.item(), rel=1e-5)
