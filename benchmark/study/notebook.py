"""Progress of a study in a notebook: one line that is replaced as epochs and runs end."""

from __future__ import annotations

import html
import importlib
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmark.runs.executors import Event
from benchmark.runs.record import RunRecord
from benchmark.study.callbacks import Callback
from benchmark.study.plan import PlannedRun
from benchmark.words import plural

#: Seconds between two updates, so that short epochs do not flood the page.
_PULSE = 0.5


def in_notebook() -> bool:
    """Return True in a notebook, whose kernel can show and replace output."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return hasattr(shell, "kernel")


class NotebookProgress(Callback):
    """Shows how many runs are done, the latest epoch, and failures; needs IPython and nothing else."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._total = self._done = 0
        self._failed: list[str] = []
        self._next = 0.0

    def on_study_start(self, runs: Sequence[PlannedRun]) -> None:
        """Show an empty bar; nothing where all runs are finished."""
        self._total = len(runs)
        if runs:
            self._show("starting", now=True)

    def on_epoch(self, run: PlannedRun, event: Event) -> None:
        """Show the epoch."""
        self._show(f"{run.title}: epoch {int(event.done)} of {event.total}, validation MAE {event.valid_mae:.3f}")

    def on_record(self, run: PlannedRun, record: RunRecord) -> None:
        """Count the run."""
        self._done += 1
        if record.status == "failed":
            self._failed.append(f"failed: {run.title}: {record.error}")
        self._show("" if self._done == self._total else f"{run.title}: {record.status}", now=True)

    def _show(self, text: str, *, now: bool = False) -> None:
        if not now and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PULSE
        lines = [f"{self._done} of {plural(self._total, 'run')} {text}", *self._failed]
        bar = f'<progress value="{self._done}" max="{self._total}"></progress> '
        ipython: Any = importlib.import_module("IPython.display")
        page = ipython.HTML(bar + "<br>".join(map(html.escape, lines)))
        if self._handle is None:
            self._handle = ipython.display(page, display_id=True)
        else:
            self._handle.update(page)
