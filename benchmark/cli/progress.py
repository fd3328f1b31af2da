"""What a study shows while it runs: its matrix of models and seeds being filled in, and the time left."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from benchmark.runs.executors.base import Event
from benchmark.runs.store import RunRecord
from benchmark.study.study import Plan


class StudyDisplay:
    """Shows a study on a terminal as a live matrix, elsewhere as one line a finished run: validation MAE and time.

    Args:
        plan: The study.
        todo: Positions of the runs that will be done; the others are there already.
        console: Where to print.
    """

    def __init__(self, plan: Plan, todo: Sequence[int], console: Console) -> None:
        self._plan, self._console = plan, console
        self._cells = [Text("done", style="dim") for _ in plan.runs]
        for number in todo:
            self._cells[number] = Text("·", style="dim")
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(), console=console,
        )  # fmt: skip
        self._total: TaskID = self._progress.add_task("runs", total=len(todo))
        self._finished = 0
        self._todo = len(todo)
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> StudyDisplay:
        if self._console.is_terminal and self._todo:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def event(self, event: Event) -> None:
        """Show what a run is doing."""
        if event.phase == "start":
            self._cells[event.job] = Text("start", style="yellow")
        elif event.phase == "train":
            mae = f" {event.valid_mae:.3f}" if event.valid_mae is not None else ""
            self._cells[event.job] = Text(f"{event.done}/{event.total}{mae}", style="yellow")
        elif event.phase == "evaluate":
            self._cells[event.job] = Text(f"test {event.done}/{event.total}", style="cyan")

    def record(self, number: int, record: RunRecord) -> None:
        """Show how a run ended."""
        self._finished += 1
        self._progress.advance(self._total)
        planned = self._plan.runs[number]
        seconds = record.seconds.get("train", 0.0) + record.seconds.get("evaluate", 0.0)
        if record.status == "failed":
            self._cells[number] = Text("failed", style="bold red")
            line = f"failed: {record.error}"
        else:
            # never of the test part: who develops a model would choose by it; the report of the study shows it
            mae = f" {record.valid_mae:.3f}" if record.valid_mae is not None else ""
            self._cells[number] = Text(f"✓{mae}", style="green")
            chosen = f"validation MAE{mae} after {record.epochs} epochs, " if mae else ""
            line = f"{chosen}{seconds:.0f} s"
        if not self._console.is_terminal or record.status == "failed":
            name = f"{planned.dataset} {planned.label} seed {planned.spec.seed} split {planned.spec.split}"
            self._console.print(
                f"[{self._finished}/{self._todo}] {name}: {line}", markup=False, highlight=False, soft_wrap=True
            )

    def _render(self) -> Group:
        return Group(*self._matrices(), self._progress)

    def _matrices(self) -> list[Table]:
        tables = []
        for dataset in dict.fromkeys(r.dataset for r in self._plan.runs):
            here = [(i, r) for i, r in enumerate(self._plan.runs) if r.dataset == dataset]
            splits = list(dict.fromkeys(r.spec.split for _, r in here))
            columns = list(dict.fromkeys((r.spec.seed, r.spec.split) for _, r in here))
            table = Table(title=Text(f"{dataset}: validation MAE"), title_justify="left", box=None, pad_edge=False)
            table.add_column("model")
            for seed, split in columns:
                table.add_column(f"s{seed}" if len(splits) == 1 else f"s{seed} {split}", min_width=8, no_wrap=True)
            for label in dict.fromkeys(r.label for _, r in here):
                found = {(r.spec.seed, r.spec.split): self._cells[i] for i, r in here if r.label == label}
                table.add_row(Text(label), *(found.get(column, Text("")) for column in columns))
            tables.append(table)
        return tables
