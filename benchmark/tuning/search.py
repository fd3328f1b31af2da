"""`tune`: search the hyper-parameters of a model on validation data, under a fixed budget, resumable.

>>> outcome = tune(Tuning(model="lnln", datasets=("mosi", "mosei")), Path("results/tuning"), budget=20)
>>> outcome.best.fields, outcome.best.valid_mae

A trial is one point of the space, trained on each data set, or on each fold of it, with each seed; its value is the
mean validation MAE under the regime's own validation draw, each training with equal weight. The first trial has the
settings that it begins with. A search goes on where it was when it is asked for again, with any budget and any number
of workers, and comes to the same on the processor.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from benchmark.runs.executors.local import usable_cores
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import replace_file
from benchmark.tuning.files import write_results
from benchmark.tuning.journal import Journal, Suggestion, TrainingRecord, key_of
from benchmark.tuning.plan import Tuning, TuningPlan, plan_tuning
from benchmark.tuning.suggest import ROUND, check_installed, suggest
from benchmark.tuning.training import Training
from benchmark.tuning.trials import Trial, limits, ranked
from benchmark.tuning.workers import Listener, LocalWorkers, Workers
from protocols import InputError

__all__ = ["Tuning", "TuningOutcome", "TuningPlan", "pending", "plan_tuning", "tune"]


@dataclass(frozen=True)
class TuningOutcome:
    """What a search came to.

    Attributes:
        plan: The search.
        folder: Where it is.
        trials: All that there are, in order: those of the budget, and of a larger one before.
        trained: Trainings that were done now.
    """

    plan: TuningPlan
    folder: Path
    trials: tuple[Trial, ...]
    trained: int = field(compare=False, default=0)

    @property
    def best(self) -> Trial | None:
        """The trial with the lowest mean validation MAE; None where none is done."""
        return next(iter(ranked(self.trials)), None)

    @property
    def best_file(self) -> Path:
        """Settings of the best trial, as a study reads them."""
        return self.folder / "best.yaml"


def tune(
    tuning: Tuning | TuningPlan,
    root: Path,
    budget: int,
    workers: Workers | None = None,
    device: str = "cpu",
    listener: Listener | None = None,
    on_trial: Callable[[Trial], None] | None = None,
) -> TuningOutcome:
    """Do what is missing of a search; what is there stays.

    Leaves in `plan.folder(root)`: `search.json` (what the search depends on), `journal.jsonl`, `trials.csv` and
    `best.yaml`.

    Args:
        tuning: The search, or its plan.
        root: Folder of searches.
        budget: Trials altogether, the first settings and those of earlier commands among them.
        workers: Where trainings run; worker processes by default, one a core.
        device: `cpu`, `cuda` or `cuda:1`.
        listener: Told what every training is doing.
        on_trial: Told each trial as it ends.

    Raises:
        InputError: for a search that cannot be resolved, or that another process is at.
    """
    if budget < 1:
        raise InputError(f"budget: expected at least 1 trial, found {budget}")
    check_installed()
    resolved = plan_tuning(tuning) if isinstance(tuning, Tuning) else tuning
    folder = resolved.folder(root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); name another folder with --out") from None
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{folder}: another process is at this search; wait for it, or end it") from None
    try:
        text = json.dumps(resolved.content, indent=2) + "\n"
        replace_file(folder / "search.json", lambda path: path.write_text(text, encoding="utf-8"))
        search = _Search(resolved, folder, device, listener or (lambda *_: None), on_trial or (lambda _: None))
        with workers or LocalWorkers(usable_cores() if device == "cpu" else 1) as chosen:
            for start in range(0, budget, ROUND):
                search.round(start, min(start + ROUND, budget), chosen)
        write_results(resolved, folder, search.trials())
        return TuningOutcome(resolved, folder, search.trials(), search.trained)
    finally:
        shutil.rmtree(folder / ".states", ignore_errors=True)
        lock.release()


def pending(resolved: TuningPlan, root: Path, budget: int) -> list[int]:
    """Numbers of the trials of a budget that have trainings left; writes nothing."""
    search = _Search(resolved, resolved.folder(root), "cpu", lambda *_: None, lambda _: None)
    return [t.number for t in map(search.trial, range(budget)) if not t.ended or t.to_repeat]


class _Search:
    """The state of a search at work."""

    def __init__(
        self, resolved: TuningPlan, folder: Path, device: str, listener: Listener, on_trial: Callable[[Trial], None]
    ) -> None:
        self.plan, self._folder, self._device = resolved, folder, device
        self._listener, self._on_trial = listener, on_trial
        self._journal = Journal(folder / "journal.jsonl")
        self._plugins = tuple(str(Path(p).resolve()) for p in resolved.tuning.plugins)
        self._earlier: tuple[Trial, ...] = ()
        self._waiting: Counter[int] = Counter()
        self.trained = 0

    def trial(self, number: int) -> Trial:
        """A trial as the journal has it; one that was not suggested yet has no fields."""
        records = self._journal.trainings
        keys = self.plan.keys
        trainings = {key: records[number, key] for key in keys if (number, key) in records}
        return Trial(number, self._journal.suggestions.get(number, {}), keys, trainings)

    def trials(self, count: int | None = None) -> tuple[Trial, ...]:
        """The first trials; by default all that were suggested."""
        return tuple(self.trial(number) for number in range(len(self._journal.suggestions) if count is None else count))

    def round(self, start: int, stop: int, workers: Workers) -> None:
        """Suggest and train the trials from `start` to `stop` - 1: one round, or the beginning of one."""
        earlier = self.trials(start)
        for number in range(start, stop):
            if number not in self._journal.suggestions:
                peers = {n: self._journal.suggestions[n] for n in range(start, number)}
                tuning = self.plan.tuning
                fields = suggest(self.plan.space, self.plan.first, earlier, peers, number, tuning.search_seed)
                self._journal.add([Suggestion(trial=number, fields=fields)])
        self._earlier = earlier if self.plan.tuning.prune else ()
        for number in range(start, stop):
            first = self._journal.trainings.get((number, self.plan.keys[0]))
            if first is None or not first.final:
                self._begin(number, self.plan.specs[:1], workers)
            elif first.status == "done":
                self._begin(number, self.plan.specs[1:], workers)
        while self._waiting.total():
            training, record = workers.next(self._listener)
            self._waiting[training.trial] -= 1
            self.trained += 1
            self._file(record, workers)

    def _begin(self, number: int, runs: Sequence[RunSpec], workers: Workers) -> None:
        """Queue those trainings of a trial that have no lasting result, given as the runs of the first settings."""
        fields = self._journal.suggestions[number]
        for base in runs:
            key = key_of(base)
            which = {"trial": number, "dataset": key[0], "seed": key[1]}
            there = self._journal.trainings.get((number, key))
            if there is not None and there.final:
                continue
            try:
                config = self.plan.config(fields)
            except InputError as error:
                rejected = TrainingRecord(**which, run="", status="rejected", error=str(error))
                self._file(rejected, workers)
                continue
            spec = base.model_copy(update={"config": config})
            known = next((r for r in self._journal.trainings.values() if r.run == spec.id and r.final), None)
            if known is not None:  # the space is small and the same settings came up again, or the data set was renamed
                self._file(known.model_copy(update={**which, "seconds": 0.0}), workers)
                continue
            first = base is self.plan.specs[0]
            ceiling = limits(self._earlier, fields, lenient=len(self.plan.datasets) > 1) if first else ()
            self._waiting[number] += 1
            workers.add(Training(number, spec, self._folder.resolve(), ceiling, self._device, self._plugins))

    def _file(self, record: TrainingRecord, workers: Workers) -> None:
        """Keep how a training ended; the others of its trial are trained once the first ended well."""
        self._journal.add([record])
        if record.key == self.plan.keys[0] and record.status == "done":
            self._begin(record.trial, self.plan.specs[1:], workers)
        trial = self.trial(record.trial)
        if trial.ended and not self._waiting[record.trial]:
            self._on_trial(trial)
            write_results(self.plan, self._folder, self.trials())
