"""Speed of what every study does often. `make bench` measures; the ordinary test run only checks that it works."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from protocols import MODALITIES, Layout, get_protocol, protocols
from tests.protocols.layouts import with_salience


def layout(n: int, longest: dict[str, int]) -> Layout:
    rng = np.random.Generator(np.random.Philox(key=[0, n]))
    lengths = {m: rng.integers(1, longest[m], n).tolist() for m in MODALITIES}
    made = with_salience(Layout.of_lengths("bench", [f"s{i}" for i in range(n)], **lengths))
    return replace(made, donors=lambda: made)


#: Padded lengths of the public files; real samples are shorter, so this is the worst that can come.
SIZES = {
    "mosi": (686, {"text": 50, "audio": 375, "vision": 500}),
    "mosei": (22_856, {"text": 50, "audio": 500, "vision": 500}),
}
#: Seconds for all masks of one protocol on one core.
LIMIT = {"mosi": 0.2, "mosei": 10.0}


@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("protocol", list(protocols()))
def test_masks_of_a_protocol(benchmark: Any, size: str, protocol: str) -> None:
    data, scenarios = layout(*SIZES[size]), get_protocol(protocol).scenarios

    def draw() -> int:
        fresh = replace(data)  # nothing is remembered from the round before
        return sum(1 for scenario in scenarios if scenario.masks(fresh))

    if benchmark.disabled and size == "mosei":
        scenarios = scenarios[:1]  # the ordinary run only sees that it works
    assert benchmark.pedantic(draw, rounds=1 if size == "mosei" else 3, warmup_rounds=1) == len(scenarios)
    if not benchmark.disabled:
        assert benchmark.stats.stats.min < LIMIT[size]
