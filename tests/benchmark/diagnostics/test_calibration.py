"""Calibration of estimated integrity, and the modality that leads, in tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmark.diagnostics.integrity_points import integrity_points
from benchmark.diagnostics.integrity_table import calibration_table, dominance_table
from benchmark.evaluation.metrics import integrity_scores
from protocols import MODALITIES, InputError
from tests.benchmark.diagnostics.made_examination import made_points


def test_calibration_is_that_of_the_metrics_and_shares_sum_to_one() -> None:
    rng = np.random.default_rng(0)
    scenarios = made_points()["scenario"].tolist()
    tables = []
    for scenario in scenarios:
        table = pd.DataFrame({"sample_id": [f"s{i}" for i in range(60)], "video_id": [f"v{i // 6}" for i in range(60)]})
        for m in MODALITIES:
            table[f"observed_{m}"] = rng.random(60)
            table[f"integrity_{m}"] = np.clip(table[f"observed_{m}"] + rng.normal(0, 0.1, 60), 0, 1)
        tables.append(table.assign(model="x", seed=0, scenario=scenario, dominant=rng.integers(0, 3, 60).astype(float)))
    said = pd.concat(tables, ignore_index=True)
    found = integrity_points(said, made_points(), draws=50)
    for scenario in ("", scenarios[4]):
        here = said if not scenario else said[said["scenario"] == scenario]
        scores = integrity_scores(*(here[[f"{k}_{m}" for m in MODALITIES]] for k in ("observed", "integrity")))
        own = found[found["scenario"] == scenario].set_index("modality")
        assert np.allclose(own["mae"], scores["mae"][own.index])
        assert np.allclose(own["spearman"], scores["spearman"][own.index])
        assert np.isclose(own["leads"].sum(), 1)
    assert len(calibration_table(found, "x", "inter-drop").rows) == len(scenarios) + 1
    assert len(dominance_table(found, "x").rows) == 1
    blind = said.assign(observed_vision=0.0)
    found = integrity_points(blind, made_points(), draws=50)
    vision = found[found["modality"] == "vision"]
    assert vision[["true", "mae", "mae_low", "spearman"]].isna().all(axis=None)
    assert vision["leads"].notna().all()
    assert found.loc[found["modality"] == "audio", "mae"].notna().all()
    for table in (calibration_table(found, "x"), dominance_table(found, "x")):
        assert [cell.text for cell in table.rows[0].cells].count("–") == (2 if "Calibration" in table.title else 1)
    silent = said.assign(dominant=np.nan, **{f"integrity_{m}": np.nan for m in MODALITIES})
    with pytest.raises(InputError, match="neither estimates integrity"):
        integrity_points(silent, made_points(), draws=20)
