"""Figures of labels and lengths: drawn from the CSV beside them, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark.figures.distributions import distribution_data, plot_distributions
from protocols import InputError

LABELS = {"edges": (-3.0, -1.0, 1.0, 3.0), "counts": {"train": (2, 1, 1), "valid": (0, 0, 0), "test": (0, 3, 1)}}
LENGTHS = {"text": {"edges": (0.5, 10.5, 20.5), "counts": {"train": (4, 0), "test": (1, 3)}}}


def description(**changes: Any) -> dict[str, Any]:
    plain = {"name": "toy", "split": "fold0", "label_range": (-3.0, 3.0), "labels": LABELS}
    return {**plain, "length_histograms": LENGTHS, **changes}


def test_shares_are_of_the_part() -> None:
    table = distribution_data({"label": LABELS})
    assert table[table["part"] == "train"]["share"].tolist() == [0.5, 0.25, 0.25]
    assert table.groupby("part")["share"].sum().to_dict() == {"test": 1.0, "train": 1.0, "valid": 0.0}
    assert (table["high"] - table["low"] == 2.0).all()


def test_every_figure_has_its_csv_and_is_the_same_each_time(tmp_path: Path) -> None:
    files = plot_distributions(description(), tmp_path / "a" / "b")
    assert {p.name for p in files} == {
        f"toy-fold0-{what}.{form}" for what in ("labels", "lengths") for form in ("csv", "png", "pdf", "svg")
    }
    assert sorted(p.name for p in (tmp_path / "a" / "b").iterdir()) == sorted(p.name for p in files)
    again = plot_distributions(description(), tmp_path / "again")
    assert [p.read_bytes() for p in files] == [p.read_bytes() for p in again]
    pd.testing.assert_frame_equal(pd.read_csv(files[0]), distribution_data({"label": LABELS}))
    svg = next(p for p in files if p.name.endswith("labels.svg")).read_text()
    assert "n = 4" in svg
    assert "train" in svg
    assert "valid" not in svg  # a part without samples is not drawn


def test_a_data_set_without_lengths_has_labels_only(tmp_path: Path) -> None:
    files = plot_distributions(description(length_histograms={}), tmp_path, formats=("svg",))
    assert [p.name for p in files] == ["toy-fold0-labels.csv", "toy-fold0-labels.svg"]


def test_one_length_for_all_is_drawn(tmp_path: Path) -> None:
    single = {"audio": {"edges": (0.5, 1.5), "counts": {"train": (4,), "test": (4,)}}}
    assert len(plot_distributions(description(length_histograms=single), tmp_path, formats=("png",))) == 4


def test_bad_requests_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="svg"):
        plot_distributions(description(), tmp_path / "new", formats=("svgg",))
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        plot_distributions(description(), tmp_path / "file")
