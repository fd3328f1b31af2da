"""Do 95 % intervals hold the truth in 95 % of populations, and do equal models differ in 5 %?

Of 500 populations with a true share of 95 %, between 93 and 97 % are found with probability 0.96 (binomial). All is
seeded, so that the tests cannot flicker: what they state is that the share is about right for few seeds and few videos,
whether seeds matter little or as much as videos.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.evaluation.statistics import compare, confidence_intervals
from tests.benchmark.evaluation.statistics.made_up import Population

COUNT = 500
#: Effect of a seed: little, and about as much as that of drawing 30 videos.
LITTLE, MUCH = 0.03, 0.1


@pytest.mark.parametrize(("seeds", "effect"), [(3, MUCH), (5, LITTLE)])
def test_intervals_hold_the_truth_and_equal_models_rarely_differ(seeds: int, effect: float) -> None:
    population = Population(seed=effect)
    found = population.pairs(COUNT, seeds, videos=30, draws=1000)
    table = confidence_intervals({name: own for name, own in found.items() if name.startswith("a")})
    for metric, truth in population.truth.items():
        rows = table[table["metric"] == metric]
        share = np.mean((rows["low"] <= truth) & (truth <= rows["high"]))
        assert 0.93 <= share <= 0.97, (metric, share)
        p = [compare(found[f"a{k}"], found[f"b{k}"], metric, ["complete"])["p"] for k in range(COUNT)]
        false = np.mean(np.array(p) < 0.05)
        assert 0.01 <= false <= 0.07, (metric, false)  # rather too few than too many claims, see `resampling`
