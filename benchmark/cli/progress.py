"""Display of long work: a study as a matrix of models and seeds, other work as a bar, and the time left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from benchmark.runs.executors import Event
    from benchmark.runs.record import RunRecord
    from benchmark.study.plan import Plan


#: Seconds between two lines without a terminal.
MINUTE = 60.0
#: Share of training in the work of a run, for estimates of the time left.
_TRAINING = 0.9
#: Work of a run by the operations of a prediction: this power of them, which fits measured times, and a part that all
#: runs have.
_POWER, _ALWAYS = 0.75, 10_000


class MinuteLines:
    """Prints one line per minute without a terminal: the current runs, and an estimate of the time left.

    Attributes:
        share: Share of all work that is done, from 0 to 1.
        earlier: Share that earlier commands have done, of trainings that are continued.
    """

    def __init__(self, console: Console) -> None:
        self.share = self.earlier = 0.0
        self._console = console
        self._running: dict[str, tuple[Event, float]] = {}
        self._began = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._print, daemon=True)

    def start(self) -> None:
        """Start printing, unless on a terminal."""
        if not self._console.is_terminal:
            self._thread.start()

    def stop(self) -> None:
        """Stop printing."""
        self._stopped.set()

    def event(self, name: str, event: Event) -> None:
        """Record an event of a run or training."""
        if event.phase == "end":
            self._running.pop(name, None)
        else:
            self._running[name] = event, time.monotonic()

    def line(self) -> str:
        """Return the line: time left, current runs, and for how long a run has reported nothing, from a minute on."""
        now, texts, left = time.monotonic(), [], self.left()
        for name, (event, said) in self._running.copy().items():
            silent = f" (silent for {now - said:.0f} s)" if now - said >= MINUTE else ""
            texts.append(f"{name}: {event}{silent}")
        return "; ".join([left, *texts] if left else texts)

    def left(self) -> str:
        """Return the estimated time left, such as `about 30 min left`; empty before anything is done."""
        done = self.share - self.earlier
        if done <= 0:
            return ""
        return f"about {(time.monotonic() - self._began) * (1 - self.share) / done / 60:.0f} min left"

    def _print(self) -> None:
        while not self._stopped.wait(MINUTE):
            if self._running:
                self._console.print(self.line(), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar with the time left, or one line per minute without a terminal; yields a function of (done, total)."""
    from benchmark.runs.executors import Event

    console = Console(stderr=True)
    lines = MinuteLines(console)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)
            lines.share = done / max(total, 1)
            lines.event(what, Event(f"{done} of {total}"))

        lines.event(what, Event("start"))
        lines.start()
        try:
            yield tell
        finally:
            lines.stop()


def _works(plan: Plan, todo: Sequence[int]) -> dict[int, float]:
    """Estimate each run's share of all work from the operations of its model, or their mean if they are unknown."""
    powers = {i: None if (count := plan.runs[i].operations) is None else count**_POWER for i in todo}
    known = [power for power in powers.values() if power is not None]
    usual = sum(known) / max(len(known), 1)
    works = {i: _ALWAYS + (usual if power is None else power) for i, power in powers.items()}
    whole = sum(works.values())
    return {i: work / whole for i, work in works.items()}


class StudyDisplay:
    """Shows a study as a live matrix of validation MAE on a terminal, else as one line per finished run and per
    minute.
    """

    def __init__(self, plan: Plan, todo: Sequence[int], console: Console) -> None:
        self._plan, self._console = plan, console
        self._cells = [Text("done", style="dim") for _ in plan.runs]
        for number in todo:
            self._cells[number] = Text("·", style="dim")
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"), console=console,
        )  # fmt: skip
        self._total: TaskID = self._progress.add_task("runs", total=len(todo), left="")
        self._finished = 0
        self._shares: dict[int, float] = {}
        self._works = _works(plan, todo)
        self._done = 0.0
        self._maes: dict[int, str] = {}
        self._minutes = MinuteLines(console)
        self._todo = len(todo)
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> StudyDisplay:
        if self._console.is_terminal and self._todo:
            self._live.start()
        self._minutes.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._minutes.stop()
        self._live.stop()

    def event(self, number: int, event: Event) -> None:
        """Show an event of a run."""
        share = event.done / max(event.total, 1)
        if event.phase == "start":
            self._cells[number] = Text("start", style="yellow")
        elif event.phase == "resume":
            self._shares[number] = _TRAINING * share
            self._minutes.earlier += _TRAINING * share * self._works[number]
        elif event.phase == "train":
            if event.valid_mae is not None:
                self._maes[number] = f" {event.valid_mae:.3f}"
            self._cells[number] = Text(f"{int(event.done)}/{event.total}{self._maes.get(number, '')}", style="yellow")
            self._shares[number] = _TRAINING * share
        elif event.phase == "evaluate":
            self._cells[number] = Text(f"test {event.done}/{event.total}", style="cyan")
            self._shares[number] = _TRAINING + (1 - _TRAINING) * share
        self._minutes.event(self._name(number), event)
        self._count()

    def record(self, number: int, record: RunRecord) -> None:
        """Show how a run ended."""
        self._finished += 1
        self._done += self._works[number]
        self._progress.advance(self._total)
        self._shares.pop(number, None)
        self._count()
        seconds = record.seconds.get("train", 0.0) + record.seconds.get("evaluate", 0.0)
        if record.status == "failed":
            self._cells[number] = Text("failed", style="bold red")
            line = f"failed: {record.error}"
        else:
            # never the test error: developers of a model would select by it; the report of the study shows it
            mae = f" {record.valid_mae:.3f}" if record.valid_mae is not None else ""
            self._cells[number] = Text(f"✓{mae}", style="green")
            chosen = f"validation MAE{mae} after {record.epochs} epochs, " if mae else ""
            line = f"{chosen}{seconds:.0f} s"
        if not self._console.is_terminal or record.status == "failed":
            text = f"[{self._finished}/{self._todo}] {self._name(number)}: {line}"
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _name(self, number: int) -> str:
        return self._plan.runs[number].title

    def _count(self) -> None:
        self._minutes.share = self._done + sum(share * self._works[i] for i, share in self._shares.items())
        self._progress.update(self._total, left=self._minutes.left())

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
