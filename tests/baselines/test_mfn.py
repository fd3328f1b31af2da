"""MFN beside its official code and its equations."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines import Batch, InputSpec, create
from baselines.layers.alignment import align_to_text
from baselines.mfn import Mfn
from tests.model_batches import SPEC, make_batch

#: Trainable parameters of thuiar/MMSA (commit a94e65d) with its settings for MOSI, text of width 768.
OFFICIAL_MOSI = 2_172_657


def small(**fields: object) -> Mfn:
    torch.manual_seed(0)
    model = create("mfn", SPEC, {"width": 16, "memory": 8, **fields})
    assert isinstance(model, Mfn)
    return model.eval()


def test_parameters_are_those_of_the_official_code() -> None:
    model = create("mfn", InputSpec(text=768, audio=5, vision=20))
    assert sum(p.numel() for p in model.parameters()) == OFFICIAL_MOSI


def one_by_one(model: Mfn, batch: Batch, sample: int) -> Tensor:
    """The paper's recurrence for one sample, step after step."""
    *streams, length = align_to_text(batch)
    state = [(torch.zeros(1, width), torch.zeros(1, width)) for width in (16, 32, 16)]
    memory = torch.zeros(1, model.config.memory)
    for now in range(int(length[sample])):
        before = torch.cat([c for _, c in state], dim=-1)
        state = [
            cell(values[sample : sample + 1, now], pair)
            for cell, values, pair in zip(model.cells, streams, state, strict=True)
        ]
        window = torch.cat([before, *[c for _, c in state]], dim=-1)
        attended = model.attention(window).softmax(dim=-1) * window
        both = torch.cat([attended, memory], dim=-1)
        proposal = model.proposal(attended).tanh()
        memory = model.retain(both).sigmoid() * memory + model.update(both).sigmoid() * proposal
    sentiment: Tensor = model.head(torch.cat([*[h for h, _ in state], memory], dim=-1))[0, 0]
    return sentiment


def test_a_batch_gives_what_the_recurrence_gives_sample_by_sample() -> None:
    model, batch = small(), make_batch(5)
    with torch.no_grad():
        expected = torch.stack([one_by_one(model, batch, sample) for sample in range(5)])
        torch.testing.assert_close(model(batch).sentiment, expected, atol=1e-6, rtol=1e-5)


def test_a_closed_update_gate_leaves_the_memory_empty() -> None:
    model = small()
    pairs, length = torch.randn(3, 4, 2 * (16 + 32 + 16)), torch.tensor([4, 2, 1])
    with torch.no_grad():
        assert model._remember(pairs, length).abs().max() > 1e-3
        torch.nn.init.constant_(list(model.update.parameters())[-1], -1e4)
        assert torch.equal(model._remember(pairs, length), torch.zeros(3, 8))
