"""LMF beside its official code, and beside the full product that it decomposes."""

from __future__ import annotations

import torch

from baselines import InputSpec, create
from baselines.layers.tensor_fusion import LowRankFusion, tensor_fusion
from baselines.lmf import Lmf
from tests.model_batches import SPEC

#: Trainable parameters of thuiar/MMSA (commit a94e65d) with its settings for MOSI, text of width 768; its optimiser
#: leaves four of them, the fusion's weights and bias, as they are.
OFFICIAL_MOSI = 505_071


def test_parameters_are_those_of_the_official_code() -> None:
    model = create("lmf", InputSpec(text=768, audio=5, vision=20))
    assert sum(p.numel() for p in model.parameters()) == OFFICIAL_MOSI


def test_it_is_a_linear_map_of_the_full_product_with_weights_of_low_rank() -> None:
    torch.manual_seed(0)
    fusion = LowRankFusion([2, 3, 4], 5, rank=2)
    torch.nn.init.normal_(fusion.bias)
    vectors = [torch.randn(6, width) for width in (2, 3, 4)]
    weights = torch.einsum("r,rio,rjo,rko->ijko", fusion.weights[0], *fusion.factors).flatten(0, 2)
    torch.testing.assert_close(fusion(vectors), tensor_fusion(vectors) @ weights + fusion.bias)


def test_parameters_grow_with_the_sum_of_the_widths_not_their_product() -> None:
    def count(width: int) -> int:
        return sum(p.numel() for p in LowRankFusion([width, width, width], 1, rank=4).parameters())

    assert count(100) - count(50) == 4 * 3 * 50


def test_the_weights_of_the_factors_are_trained() -> None:
    model = create("lmf", SPEC, {"width": 16})
    assert isinstance(model, Lmf)
    (group,) = model.parameter_groups(model.stages(1)[0])
    trained = {id(p) for p in group.parameters}
    assert {id(p) for p in model.fusion.parameters()} <= trained
