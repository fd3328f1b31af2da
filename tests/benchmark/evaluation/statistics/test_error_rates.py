"""Share of equal models that are called different, at a size for every day; `error_rates` measures it in full.

All is seeded. With a true share of 4.5 %, what is found in 120 studies or more is within the bounds with probability
above 0.95; Holm's correction for the comparisons with the best alone has shares of 12 % and more for 22 models.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmark.evaluation.statistics import corrected, draw_weights, resample
from tests.benchmark.evaluation.statistics.error_rates import equal_models, estimates_of, share_put_out


@pytest.mark.parametrize(
    ("models", "seeds", "videos", "studies"), [(2, 5, 31, 200), (10, 3, 31, 160), (22, 3, 31, 120)]
)
def test_equal_models_share_the_first_rank(models: int, seeds: int, videos: int, studies: int) -> None:
    share = share_put_out(studies, models, seeds, videos)
    assert 0.008 <= share <= 0.085


def test_seeds_that_vary_unevenly_change_little() -> None:
    assert share_put_out(120, 10, 3, 31, uneven=5.0) <= 0.1


def test_a_better_model_is_found_among_many() -> None:
    assert share_put_out(40, 22, 5, 93, apart=0.25) >= 0.95


def test_studies_are_what_resample_makes_of_such_predictions() -> None:
    errors = np.random.default_rng(0).random((3, 4, 12)) + equal_models(np.random.default_rng(1), 3, 4, 12)
    names = [f"m{i:02d}" for i in range(3)]
    cells = pd.DataFrame([(m, s, "complete") for m in names for s in range(4)], columns=["model", "seed", "scenario"])
    said = np.repeat(errors.reshape(12, 12), 5, axis=1)  # five samples a video
    found = resample(
        np.zeros(60), np.repeat([f"v{i:02d}" for i in range(12)], 5), cells, said, metrics=["mae"], draws=400, seed=7
    )
    built = estimates_of(errors, draw_weights(400, 12, 7, "videos"))
    for name in names:
        for array in ("values", "draws", "seed_draws"):
            np.testing.assert_allclose(getattr(found[name], array), getattr(built[name], array), atol=1e-12)
        assert found[name].effective_videos == built[name].effective_videos
    assert corrected(found, "mae", ["complete"]) == pytest.approx(corrected(built, "mae", ["complete"]))
