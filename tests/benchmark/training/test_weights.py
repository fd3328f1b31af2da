"""The weights of a run in a file, for every text side."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from benchmark.data.config import EncoderConfig
from benchmark.data.encoding import InnerLayers, TextEncoder, TextSide, WordEmbeddings
from benchmark.data.states import StateCache
from benchmark.training.weights import copy_weights, equal_weights, load_weights, trained_modules


def text_of(kind: str, folder: Path) -> TextSide | None:
    if kind == "values":
        return None
    encoder = TextEncoder(EncoderConfig(name=str(folder), mode="frozen" if kind == "cache" else "finetune"))
    return {"cache": StateCache(encoder, "r", None), "fine-tuned": encoder, "inside": WordEmbeddings(encoder)}[kind]


@pytest.mark.parametrize("kind", ["values", "cache", "fine-tuned", "inside"])
def test_an_encoder_is_trained_kept_and_loaded_only_where_it_is_fine_tuned(
    tiny_encoder: Path, tmp_path: Path, kind: str
) -> None:
    text, model, file = text_of(kind, tiny_encoder), nn.Linear(2, 1), tmp_path / "model.safetensors"
    first = copy_weights(model, text)
    assert any(name.startswith("encoder.") for name in first) == (kind == "fine-tuned")
    assert {"model.weight", "model.bias"} <= set(first)
    save_file(first, file)
    with torch.no_grad():
        for parameter in trained_modules(model, text).parameters():
            parameter += 1
    assert not any(torch.equal(first[f"model.{name}"], value) for name, value in model.state_dict().items())
    assert not equal_weights(first, copy_weights(model, text))
    load_weights(model, text, file, "cpu")
    assert equal_weights(first, copy_weights(model, text))
    if text is not None:
        assert (text.width, text.trained, text.seconds) == (16, kind == "fine-tuned", 0.0)
        assert isinstance(text.inner(), InnerLayers) == (kind == "inside")
