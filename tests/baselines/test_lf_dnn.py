"""LF-DNN beside its official code."""

from __future__ import annotations

import torch

from baselines import InputSpec, Sequences, create
from baselines.layers.subnetworks import StreamSubNetwork, TextSubNetwork

#: Trainable parameters of thuiar/MMSA (commit a94e65d) with its settings for MOSI, text of width 768.
OFFICIAL_MOSI = 597_171


def test_parameters_are_those_of_the_official_code() -> None:
    model = create("lf-dnn", InputSpec(text=768, audio=5, vision=20))
    assert sum(p.numel() for p in model.parameters()) == OFFICIAL_MOSI


def test_streams_are_read_as_bags_of_frames_and_text_as_a_sequence() -> None:
    torch.manual_seed(0)
    values, length = torch.randn(3, 6, 5), torch.tensor([6, 6, 6])
    turned = Sequences(values.flip(1), length)
    stream, text = StreamSubNetwork(5, 8).eval(), TextSubNetwork(5, 8, 4).eval()
    with torch.no_grad():
        torch.testing.assert_close(stream(turned), stream(Sequences(values, length)))
        assert not torch.allclose(text(turned), text(Sequences(values, length)), atol=1e-3)


def test_the_mean_is_over_valid_frames() -> None:
    torch.manual_seed(0)
    stream = StreamSubNetwork(5, 8).eval()
    frame = torch.randn(1, 1, 5)
    longer = torch.cat([frame, frame, torch.zeros(1, 4, 5)], dim=1)
    with torch.no_grad():
        once = stream(Sequences(frame, torch.tensor([1])))
        torch.testing.assert_close(stream(Sequences(longer, torch.tensor([2]))), once)
