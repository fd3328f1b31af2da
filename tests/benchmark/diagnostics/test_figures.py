"""Figures of diagnostics: what they show is in the csv beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.diagnostics.permutation_data import permutation_data
from benchmark.diagnostics.permutation_figure import plot_permutation
from benchmark.diagnostics.placing import along_axes
from benchmark.diagnostics.recovery_data import FEATURE, SEMANTIC, recovery_data
from benchmark.diagnostics.recovery_figure import plot_recovery
from protocols import MODALITIES, InputError
from tests.benchmark.diagnostics.made_examination import made_answers, made_points, made_recovery


def test_a_grid_has_a_panel_for_every_value_of_its_first_axis() -> None:
    placed = along_axes(made_points("uncertain"))
    assert placed["panel"].unique().tolist() == [f"drop rate {v}" for v in ("0", "0.25", "0.5", "0.75")]
    assert set(placed["along"]) == {"missing rate"}
    assert len(placed) == 16  # the point whose rates are drawn is on no axis
    assert along_axes(made_points("inter-subsets")).empty


def test_a_grid_has_a_figure_of_recovery_for_each_depth(tmp_path: Path) -> None:
    data = made_recovery(0.6, semantic=0.8, protocols=("uncertain",))
    recovery = recovery_data(data, made_points("uncertain"), draws=30)
    files = plot_recovery(recovery, tmp_path / "r", "title", formats=("svg",))
    assert [path.name for path in files] == [
        f"r-{depth}.{form}" for depth in (FEATURE, SEMANTIC) for form in ("csv", "svg")
    ]
    for depth, file in zip((FEATURE, SEMANTIC), files[::2], strict=True):
        assert set(pd.read_csv(file)["depth"]) == {depth}
        assert f"title, {depth} level" in file.with_suffix(".svg").read_text()
    one = plot_recovery(recovery[recovery["depth"] == FEATURE], tmp_path / "f", formats=("svg",))
    assert [path.name for path in one] == ["f.csv", "f.svg"]


@pytest.mark.parametrize("width", [3.4, 7.0])
def test_figures_are_drawn_from_the_csv_beside_them(width: float, tmp_path: Path) -> None:
    permutation = permutation_data(made_answers(0.5), made_points(), draws=30)
    recovery = recovery_data(made_recovery(0.6), made_points(), draws=30)
    files = plot_permutation(permutation, tmp_path / "p", "title", width=width, formats=("svg",))
    files += plot_recovery(recovery, tmp_path / "r", "title", width=width, formats=("svg",))
    files += plot_recovery(
        recovery[recovery["depth"] == SEMANTIC], tmp_path / "s", "title", width=width, formats=("svg",)
    )
    assert [path.name for path in files] == ["p.csv", "p.svg", "r.csv", "r.svg", "s.csv", "s.svg"]
    for label in ("own estimates", "shuffled estimates", "true integrity", "drop rate"):
        assert label in files[1].read_text()
    for label in (*MODALITIES, "all of the modality lost", "feature level", "semantic level", "smooth L1"):
        assert label in files[3].read_text()
    assert "title, semantic level" in files[5].read_text()
    assert "smooth L1" not in files[5].read_text()
    nowhere = permutation.assign(axis="available", x=np.nan)
    with pytest.raises(InputError, match="no numeric axis"):
        plot_permutation(nowhere, tmp_path / "n", formats=("svg",))
    assert not (tmp_path / "n.csv").exists()
