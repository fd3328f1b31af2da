"""Writing of an examination's tables and figures into a folder, as in `sentibench plot diagnostics`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from benchmark.diagnostics.examining import Examination
from benchmark.diagnostics.integrity_data import calibration_data, decay_data
from benchmark.diagnostics.integrity_figure import plot_calibration, plot_decay
from benchmark.diagnostics.integrity_points import integrity_points
from benchmark.diagnostics.integrity_table import calibration_table, dominance_table
from benchmark.diagnostics.permutation_data import permutation_data
from benchmark.diagnostics.permutation_figure import plot_permutation
from benchmark.diagnostics.permutation_table import permutation_table
from benchmark.diagnostics.placing import along_axes
from benchmark.diagnostics.recovery_data import recovery_data
from benchmark.diagnostics.recovery_figure import plot_recovery
from benchmark.diagnostics.recovery_table import recovery_table
from benchmark.evaluation.protocol_results import dataset_title
from benchmark.evaluation.shape import ProtocolShape
from benchmark.evaluation.statistics import DRAWS
from benchmark.figures.writing import FORMATS, check_formats
from benchmark.files import csv_frame, replace_text, safe_name
from benchmark.tables.table import Table
from protocols import InputError


@dataclass(frozen=True)
class Written:
    """Written tables and figures.

    Attributes:
        folder: Folder of the files.
        tables: Over all protocols: permutation, recovery, calibration, dominance, as far as they exist.
        by_point: The same for every protocol, point by point.
        files: Written files.
        absent: Reasons for missing diagnostics, a line each.
    """

    folder: Path
    tables: tuple[Table, ...]
    by_point: tuple[Table, ...]
    files: tuple[Path, ...]
    absent: tuple[str, ...]


def write_diagnostics(
    found: Examination, folder: Path, formats: Sequence[str] = FORMATS, *, draws: int = DRAWS, level: float = 0.95
) -> Written:
    """Make every table and figure of an examination.

    `permutation.csv`, `recovery.csv` and `integrity.csv` hold all numbers, tidy; `diagnostics.md` and `diagnostics.tex`
    the tables for readers; each figure has the CSV that it is drawn from beside it.

    The folder is made if it is missing.

    Raises:
        InputError: for an unknown format, or a file that cannot be written.
    """
    check_formats(formats)
    made: dict[str, pd.DataFrame] = {}
    absent = []
    if found.answers is None:
        absent.append(f"permutation: {found.model} does not weight by integrity")
    else:
        made["permutation"] = permutation_data(found.answers, found.points, draws=draws, level=level)
    for name, make, source in (
        ("recovery", recovery_data, found.recovery),
        ("integrity", partial(integrity_points, positions=found.positions), found.statements),
    ):
        try:
            made[name] = make(source, found.points, draws=draws, level=level)
        except InputError as error:
            absent.append(f"{name}: {error}")
    subject = f"{found.model} on {dataset_title(found.dataset, found.split)}"
    makers = _makers(made)
    tables = tuple(make(data, subject, None) for make, data in makers)
    by_point = tuple(
        make(data, subject, str(protocol))
        for protocol in dict.fromkeys(found.points["protocol"])
        for make, data in makers
        if (data["protocol"] == protocol).any()
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror or error}); choose another folder") from error
    texts = {f"{name}.csv": csv_frame(data) for name, data in made.items()}
    files = [replace_text(folder / name, text) for name, text in texts.items()]
    files.append(replace_text(folder / "diagnostics.md", "\n".join(table.markdown() for table in (*tables, *by_point))))
    files.append(replace_text(folder / "diagnostics.tex", "\n".join(table.latex() for table in (*tables, *by_point))))
    files += _figures(found, made, folder, formats, subject, draws, level)
    return Written(folder, tables, by_point, tuple(files), tuple(absent))


def _makers(
    made: dict[str, pd.DataFrame],
) -> list[tuple[Callable[[pd.DataFrame, str, str | None], Table], pd.DataFrame]]:
    makers: list[tuple[Callable[[pd.DataFrame, str, str | None], Table], pd.DataFrame]] = []
    for name, make in (("permutation", permutation_table), ("recovery", recovery_table)):
        if name in made:
            makers.append((make, made[name]))
    integrity = made.get("integrity")
    if integrity is not None and integrity["mae"].notna().any():
        makers.append((calibration_table, integrity))
    if integrity is not None and integrity["leads"].notna().any():
        makers.append((dominance_table, integrity))
    return makers


def _figures(
    found: Examination,
    made: dict[str, pd.DataFrame],
    folder: Path,
    formats: Sequence[str],
    subject: str,
    draws: int,
    level: float,
) -> list[Path]:
    files: list[Path] = []
    integrity = made.get("integrity")
    for protocol, points in found.points.groupby("protocol", sort=False):
        stem = safe_name(str(protocol))
        under = f"{subject}, {protocol}"
        for name, plot, head in (
            ("permutation", plot_permutation, "what the integrity scores are worth"),
            ("recovery", plot_recovery, "recovery error"),
        ):
            own = made[name][made[name]["protocol"] == protocol] if name in made else pd.DataFrame()
            if len(own) and len(along_axes(own[own["scenario"].ne("")])):
                files += plot(own, folder / f"{stem}-{name}", f"{under}: {head}", formats=formats)
        if integrity is not None and integrity["mae"].notna().any():
            data = calibration_data(found.statements, points)
            files += plot_calibration(
                data, folder / f"{stem}-calibration", f"{under}: estimated integrity", formats=formats
            )
        if integrity is not None and ProtocolShape(points).curves:
            data = decay_data(found.statements, points, draws=draws, level=level)
            title = f"{under}: error of the estimates, and dominance"
            files += plot_decay(data, folder / f"{stem}-integrity", title, formats=formats)
    return files
