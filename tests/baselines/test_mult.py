"""MulT beside its paper and its official code."""

from __future__ import annotations

import torch

from baselines import InputSpec, create
from baselines.mult import Mult
from protocols import MODALITIES
from tests.model_batches import SPEC, make_batch

#: Trainable parameters of yaohungt/Multimodal-Transformer (commit a670936) with its default arguments: d = 30, five
#: layers and heads, convolutions over one step.
OFFICIAL = 1_085_251


def test_parameters_are_those_of_the_official_code() -> None:
    official = {"width": 30, "layers": 5, "memory_layers": 5, "heads": 5, "audio_kernel": 1, "vision_kernel": 1}
    model = create("mult", InputSpec(text=768, audio=5, vision=20), official)
    assert sum(p.numel() for p in model.parameters()) == OFFICIAL


def test_the_published_size() -> None:
    model = create("mult", InputSpec(text=768, audio=5, vision=20))
    assert isinstance(model, Mult)
    heads = {part.num_heads for part in model.modules() if isinstance(part, torch.nn.MultiheadAttention)}
    assert heads == {10}
    assert len(model.cross.transformers) == 6
    assert sum(p.numel() for p in model.parameters()) == 1_557_961


def test_every_modality_is_enriched_by_each_of_the_others() -> None:
    torch.manual_seed(0)
    model = create("mult", SPEC, {"width": 16, "layers": 1, "memory_layers": 1}).eval()
    assert isinstance(model, Mult)
    batch = make_batch(3, fixed=True)
    steps = {m: model.project[m](batch[m]).detach().requires_grad_() for m in MODALITIES}
    enriched = model.cross(steps, {m: batch[m].padding for m in MODALITIES})
    for target, sources in (
        ("text", ("audio", "vision")),
        ("audio", ("text", "vision")),
        ("vision", ("text", "audio")),
    ):
        for values, source in zip(enriched[target], sources, strict=True):
            read = torch.autograd.grad(
                values.square().sum(), list(steps.values()), allow_unused=True, retain_graph=True
            )
            assert {m for m, g in zip(steps, read, strict=True) if g is not None} == {target, source}
