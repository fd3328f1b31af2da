"""Samples made in memory, in studies: filed under their hash or a name, trained on, and predicted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import sentibench as sb
from benchmark.data.samples import Samples
from benchmark.runs.executors import InlineExecutor
from benchmark.study.filing import read_study
from benchmark.study.running import RunOutcome, run
from benchmark.study.study import Study, make_study
from tests.frames import COLUMNS, frame


def without_text() -> Samples:
    return sb.from_frame(frame(), **{role: column for role, column in COLUMNS.items() if role != "text"})


def done(study: Study, root: Path) -> RunOutcome:
    return run(study, root, InlineExecutor())


def test_a_study_of_samples_is_filed_under_their_hash(tmp_path: Path) -> None:
    samples = without_text()
    fields: dict[str, Any] = {"datasets": [samples], "models": ["constant"], "protocols": ["complete"], "seeds": 1}
    made = done(make_study(fields), tmp_path)
    (name,) = made.plan.study.datasets
    assert name == f"frame-{samples.fingerprint()[:12]}"
    assert not made.failed
    file = tmp_path / "studies" / "study" / "study.yaml"
    assert done(read_study(str(file), {}), tmp_path).executed == 0
    assert sb.results(fields, out=tmp_path).datasets == (f"{name}/given",)
    assert make_study({**fields, "datasets": [samples.save("podcast")]}).datasets == ["podcast"]


def test_new_samples_are_predicted(tmp_path: Path) -> None:
    made = done(make_study({"datasets": [without_text()], "models": ["constant"], "seeds": 1}), tmp_path)
    new = sb.from_arrays({"audio": [np.ones((2, 5)), None]})
    predicted = sb.predict(made.records[0].id, new, out=tmp_path)
    assert predicted["sample_id"].tolist() == ["row1", "row2"]
    assert predicted["prediction"].nunique() == 1
