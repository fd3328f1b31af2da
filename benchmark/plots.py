"""The figures of a study, drawn beside its file: what `sentibench plot` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.commands import read_panels, study_folder
from benchmark.report.curves import curve_data, plot_curves, plottable
from benchmark.report.estimates import protocol_names
from benchmark.study import Study


def plot(study: Study, root: Path, formats: Sequence[str] = ("png", "pdf")) -> tuple[Path, ...]:
    """Draw the curves of every protocol of a study that has an axis; each from a CSV beside it.

    Raises:
        InputError: when nothing of the study has been run.
    """
    folder = study_folder(study, root)
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for panel in read_panels(study, root):
        for protocol in protocol_names(panel):
            if plottable(panel, protocol):
                dataset = f"{panel.dataset}/{panel.split}"
                stem = "".join(c if c.isalnum() or c in "-_=," else "_" for c in f"{dataset}-{protocol}")
                title = f"{dataset}: {protocol}"
                files += plot_curves(curve_data(panel, protocol), folder / stem, title, formats=formats)
    return tuple(files)
