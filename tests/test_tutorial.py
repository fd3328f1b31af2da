"""The tutorial's promise: a training of a published study, made again, has the published predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.results.measured import read_measured
from benchmark.results.opening import open_results
from benchmark.runs.executors import InlineExecutor
from benchmark.study.filing import read_study
from benchmark.study.running import run

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = ROOT / "results" / "measured" / "synthetic"
#: Largest difference of a published and a new MAE where processors or libraries differ: about half of an interval.
TOLERANCE = 0.05


def test_a_training_made_again_has_the_published_predictions(tmp_path: Path) -> None:
    again = {"name": "again", "models": ["audio-only"], "protocols": ["inter-drop"], "seeds": [1]}
    study = read_study(str(ROOT / "results" / "studies" / "synthetic.yaml"), again)
    assert not run(study, tmp_path, InlineExecutor()).failed
    made, published = (
        results.select(models=["audio-only"]).panels[0]
        for results in (open_results(study, tmp_path), read_measured(PUBLISHED))
    )
    assert np.array_equal(made.sample_ids, published.sample_ids)
    assert np.array_equal(made.label, published.label)
    rows = published.cells.reset_index().merge(made.cells, on=["model", "seed", "scenario"])["index"]
    assert len(rows) == len(made.cells) == 10
    before = published.predictions[rows.to_numpy()]
    if _same_machine():
        assert np.abs(made.predictions - before).max() < 1e-5
    errors = [np.abs(predictions - made.label).mean() for predictions in (made.predictions, before)]
    assert abs(errors[0] - errors[1]) < TOLERANCE


def _same_machine() -> bool:
    """Return True if this processor and torch are those of the published runs."""
    made = json.loads((PUBLISHED / "runs.json").read_text(encoding="utf-8"))["provenance"][0]
    return (made["cpu_capability"], made["libraries"]["torch"]) == (
        torch.backends.cpu.get_cpu_capability(), torch.__version__,
    )  # fmt: skip


@pytest.mark.parametrize("study", ["synthetic", "mosi", "mmmo"])
def test_the_studies_are_those_that_were_published(study: str) -> None:
    filed = read_study(str(ROOT / "results" / "studies" / f"{study}.yaml"), {})
    assert filed == read_study(str(ROOT / "results" / "measured" / study / "study.yaml"), {})
