"""The tables of a study, written beside its file: what `sentibench report` does."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmark.commands import read_panels, study_folder
from benchmark.panel import Panel
from benchmark.report.leaderboard import leaderboard, per_scenario
from benchmark.report.table import Table
from benchmark.store import replace_file
from benchmark.study import Study
from protocols import InputError


@dataclass(frozen=True)
class Report:
    """Leaderboards of a study.

    Attributes:
        tables: (data set with split, protocol, leaderboard), in the order of the study.
        files: What was written.
    """

    tables: tuple[tuple[str, str, Table], ...]
    files: tuple[Path, ...]


def report(study: Study, root: Path) -> Report:
    """Write `leaderboard.md`, `leaderboard.csv` and `scenarios.md` (MAE under every scenario) of a study.

    Args:
        study: The study.
        root: Folder of the run store.

    Raises:
        InputError: when nothing of the study has been run.
    """
    folder = study_folder(study, root)
    folder.mkdir(parents=True, exist_ok=True)
    tables, frames, details = [], [], []
    for panel in read_panels(study, root):
        for protocol in _protocols(panel):
            table = leaderboard(panel, protocol)
            tables.append((_title(panel), protocol, table))
            frame = pd.read_csv(io.StringIO(table.csv()))
            frame.insert(0, "protocol", protocol)
            frame.insert(0, "dataset", _title(panel))
            frames.append(frame)
            details.append(per_scenario(panel, protocol))
    if not tables:
        raise InputError(f"study '{study.name}': nothing is finished yet; run it to the end first")
    texts = {
        "leaderboard.md": "\n".join(table.markdown() for _, _, table in tables),
        "leaderboard.csv": pd.concat(frames, ignore_index=True).to_csv(index=False),
        "scenarios.md": "\n".join(table.markdown() for table in details),
    }
    for name, text in texts.items():
        replace_file(folder / name, lambda path, t=text: path.write_text(t, encoding="utf-8"))
    return Report(tuple(tables), tuple(folder / name for name in texts))


def _protocols(panel: Panel) -> list[str]:
    return list(dict.fromkeys(panel.points["protocol"]))


def _title(panel: Panel) -> str:
    return f"{panel.dataset}/{panel.split}"
