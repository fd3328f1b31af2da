"""Speed of what every study does often. `make bench` measures; the ordinary test run only checks that it works."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from protocols import MODALITIES, Layout, get_protocol


def layout(n: int, longest: dict[str, int]) -> Layout:
    rng = np.random.Generator(np.random.Philox(key=[0, n]))
    lengths = {m: rng.integers(1, longest[m], n).tolist() for m in MODALITIES}
    return Layout.of_lengths("bench", [f"s{i}" for i in range(n)], **lengths)


@pytest.mark.parametrize(("name", "n"), [("mosi", 686), ("mosei", 22_856)])
@pytest.mark.parametrize("protocol", ["intra-random", "inter-drop", "uncertain"])
def test_masks_of_a_protocol(benchmark: Any, name: str, n: int, protocol: str) -> None:
    data = layout(n, {"text": 50, "audio": 375 if name == "mosi" else 200, "vision": 500 if name == "mosi" else 200})
    scenarios = get_protocol(protocol).scenarios
    masks = benchmark.pedantic(lambda: [s.masks(data) for s in scenarios], rounds=3, warmup_rounds=1)
    assert len(masks) == len(scenarios)
