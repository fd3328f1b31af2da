"""ALMT beside its paper and its official code."""

from __future__ import annotations

import pytest
import torch

from baselines import InputSpec, create
from baselines.almt import Almt
from baselines.layers.almt import CrossTransformer
from protocols import InputError
from tests.model_batches import SPEC, make_batch

#: Trainable parameters of Haoyu-ha/ALMT (commit da94610) with configs/mosi.yaml, text encoder excluded.
OFFICIAL_MOSI = 2_603_649
WIDTH, TOKENS = 128, 8


def test_parameters_are_those_of_the_official_code_but_for_the_named_differences() -> None:
    model = create("almt", InputSpec(text=768, audio=5, vision=20))
    ours = sum(p.numel() for p in model.parameters())
    tables = (3 * TOKENS + 50 + 375 + 500) * WIDTH  # learned positions of the three encoders
    norms = (3 + 2) * 2 * 2 * WIDTH + 2 * 2 * WIDTH  # of key and value; of value in the fusion
    hyper_norms = 3 * 2 * WIDTH
    unread = TOKENS * WIDTH  # positions of language's tokens in the fusion
    assert ours == 2_477_313
    assert ours + tables + norms + hyper_norms + unread == OFFICIAL_MOSI


def test_the_extra_token_is_read_whatever_the_other_tokens_of_the_target_are() -> None:
    torch.manual_seed(0)
    fusion = CrossTransformer(16, 3, 2, 2, read_extra=True).eval()
    source = torch.randn(2, 3, 16)
    read = fusion(source, torch.randn(2, 3, 16))
    assert read.shape == (2, 1, 16)
    assert torch.equal(read, fusion(source, torch.zeros(2, 3, 16)))
    assert not torch.allclose(read, fusion(source + 1.5, torch.zeros(2, 3, 16)).roll(1, 0))


def test_language_decides_what_the_hyper_modality_takes_from_audio_and_vision() -> None:
    torch.manual_seed(0)
    model = create("almt", SPEC, {"width": 16, "head_width": 8, "tokens": 3}).eval()
    assert isinstance(model, Almt)
    audio, vision = torch.randn(2, 3, 16), torch.randn(2, 3, 16)
    first, second = ([torch.randn(2, 3, 16) for _ in range(3)] for _ in range(2))
    same = model.hyper(first, audio, vision)
    assert not torch.allclose(same, model.hyper(second, audio, vision), atol=1e-3)
    # where all tokens of audio and of vision say the same, there is nothing to choose from
    flat = [values[:, :1].expand(-1, 3, -1) for values in (audio, vision)]
    torch.testing.assert_close(model.hyper(first, *flat), model.hyper(second, *flat))


def test_as_many_scales_as_hyper_layers() -> None:
    for layers in (1, 2, 4):
        model = create("almt", SPEC, {"width": 16, "head_width": 8, "tokens": 2, "hyper_layers": layers})
        assert model.eval()(make_batch(2)).sentiment.isfinite().all()


def test_heads_that_do_not_divide_the_width_are_one_clear_line() -> None:
    with pytest.raises(InputError, match=r"'heads'.*must divide the width, 16") as error:
        create("almt", SPEC, {"width": 16, "heads": 3})
    assert "\n" not in str(error.value)
