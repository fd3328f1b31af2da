"""Data sets with labels of any range, from the import to predictions: what is defined is reported, the rest is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from benchmark.cli.main import sentibench as group
from benchmark.data.samples import PARTS
from benchmark.data.sources import load_samples
from benchmark.runs.data import model_sizes
from tests.npz import write_npz
from tests.samples import make_samples

RANGES = {"stars": (1.0, 5.0), "unit": (0.0, 1.0), "valence": (1.0, 9.0)}
SAYS = "no accuracies or F1: those need labels mapped at import"


def sentibench(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(group, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


def write_file(folder: Path, bounds: tuple[float, float], name: str = "toy") -> Path:
    """Sixty samples of word vectors whose labels fill a range."""
    samples = make_samples(words=False)
    low, high = bounds
    label = (low + (samples.label.astype(np.float64) + 3) / 6 * (high - low)).astype(np.float32)
    parts = np.array(list(PARTS))[samples.splits["official"]]
    return write_npz(samples, range(60), folder / f"{name}.npz", **{"label": label, "split.official": parts})


@pytest.fixture
def one_study(tmp_path: Path) -> Path:
    """A study of three ranges and of CH-SIMS's, run for an epoch; the folder of runs."""
    for name, (low, high) in (RANGES | {"signed": (-1.0, 1.0)}).items():
        path = write_file(tmp_path, (low, high), name)
        assert (SAYS in sentibench("data", "import", name, path, "--label-range", low, high)) == (name in RANGES)
    chosen = [word for name in (*RANGES, "signed") for word in ("--dataset", name)]
    options = ["--models", "constant,late-fusion-dropout", "--protocols", "complete", "--seeds", 1, "--epochs", 1]
    options += ["--out", tmp_path / "runs", "--name", "ranges", "--executor", "inline"]
    planned = sentibench("run", *chosen, *options, "--dry-run")
    assert [line.partition(":")[0] for line in planned.splitlines() if SAYS in line] == list(RANGES)
    sentibench("run", *chosen, *options)
    return tmp_path / "runs"


def test_a_study_of_any_ranges_reports_what_is_defined_and_says_what_is_not(one_study: Path, tmp_path: Path) -> None:
    out = ("--out", one_study)
    records = json.loads(sentibench("report", "ranges", "--json", *out))
    for record in records:
        name = record["dataset"].partition("/")[0]
        metrics = {c["name"] for c in record["columns"]} & {"mae", "corr", "acc5_sims", "macro_f1_sims", "mae_clipped"}
        whole = name not in RANGES
        assert metrics == {"mae", "corr"} | ({"acc5_sims", "macro_f1_sims", "mae_clipped"} if whole else set())
        assert any(SAYS in note["text"] for note in record["footnotes"]) != whole
        label = load_samples(name).label
        codes = load_samples(name).splits["official"]
        constant = next(row for row in record["rows"] if row["model"] == "constant")
        floor = np.abs(label[codes == PARTS["test"]] - np.median(label[codes == PARTS["train"]])).mean()
        assert constant["mae"] == pytest.approx(floor, abs=1e-6)
    report = sentibench("report", "ranges", "--metric", "f1_sims", "--table", "scenarios", *out)
    assert "signed: complete: F1 (SIMS)" in report
    assert "stars: complete" not in report
    columns = sentibench("report", "ranges", "--columns", "macro_f1_sims", *out)
    assert "Macro-F1 (SIMS)" in columns
    assert "stars" not in columns
    drawn = sentibench("plot", "ranges", "--kind", "confusion", "--kind", "cost", "--format", "png", *out)
    assert "signed_official-confusion.png" in drawn
    assert "stars_official-confusion" not in drawn
    assert "A - B" in sentibench(
        "compare", "constant", "late-fusion-dropout", "--dataset", "stars", "--study", "ranges", *out
    ).replace("−", "-")
    sentibench("site", "ranges", tmp_path / "page.html", *out)
    assert "0 to do" in sentibench("run", one_study / "studies" / "ranges" / "study.yaml", "--dry-run", *out)


def test_new_samples_are_predicted_on_the_scale_of_the_labels(one_study: Path, tmp_path: Path) -> None:
    """Predicting the test part from a file gives what the run filed, whatever the middle of the range."""
    for name, bounds in RANGES.items():
        file = tmp_path / f"{name}-predicted.csv"
        sentibench(
            "predict", "ranges:late-fusion-dropout", write_file(tmp_path, bounds, "new"), "--dataset", name,
            "--out", one_study, "--output", file,
        )  # fmt: skip
        now = pd.read_csv(file)
        assert not [column for column in now if column.endswith("_class")]
        (folder,) = (one_study / name / "official").glob("late-fusion-dropout-*")
        filed = pd.read_parquet(folder / "predictions.parquet").set_index("sample_id")["prediction"]
        found = now.set_index("sample_id")["prediction"][filed.index]
        np.testing.assert_allclose(found, filed, rtol=0, atol=1e-5)
        assert bounds[0] - 1 < filed.mean() < bounds[1] + 1


@pytest.mark.parametrize("bounds", [*RANGES.values(), (-3.0, 3.0), (-1.0, 1.0)])
def test_models_are_made_for_labels_around_0(bounds: tuple[float, float]) -> None:
    sizes = model_sizes({"text": 4, "audio": 3, "vision": 2}, bounds, 10, None)
    low, high = sizes.label_range
    assert low == -high
    assert (low + sizes.label_centre, high + sizes.label_centre) == bounds
