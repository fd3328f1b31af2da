"""`tune`: search the hyper-parameters of a model on validation data, under a fixed budget, resumable.

>>> outcome = tune(Tuning(model="lnln", datasets=("mosi", "mosei")), Path("results/tuning"), budget=20)
>>> outcome.best.fields, outcome.best.valid_mae

A trial is one point of the space, trained on each data set, or on each fold of it, with each seed; its value is the
mean validation MAE under the regime's own validation draw, each training with equal weight. The first trial has the
initial settings. The same call continues an existing search, with any budget and any number
of workers, and gives the same results on the processor.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from benchmark.files import replace_text
from benchmark.runs.executors import Event, Executor, usual_executor
from benchmark.runs.resuming import remove_training_folder
from benchmark.runs.spec import RunSpec
from benchmark.runs.text_states import text_states
from benchmark.training import CHECKPOINT_SECONDS
from benchmark.tuning.files import write_results
from benchmark.tuning.journal import Journal, Key, Suggestion, TrainingRecord, key_of
from benchmark.tuning.plan import Tuning, TuningPlan, plan_tuning
from benchmark.tuning.suggest import ROUND, check_installed, suggest
from benchmark.tuning.training import Training
from benchmark.tuning.trials import Trial, limits, ranked
from protocols import InputError

__all__ = ["Tuning", "TuningOutcome", "TuningPlan", "pending", "plan_tuning", "tune"]

#: Number of a trial, and one of its trainings.
Which = tuple[int, Key]
Trainings = Executor[Which, TrainingRecord]
Listener = Callable[[Which, Event], None]


@dataclass(frozen=True)
class TuningOutcome:
    """Outcome of a search.

    Attributes:
        plan: The search.
        folder: Folder of the search.
        trials: All existing trials, in order: those of the budget, and of an earlier, larger one.
        trained: Number of trainings that were done now.
    """

    plan: TuningPlan
    folder: Path
    trials: tuple[Trial, ...]
    trained: int = field(compare=False, default=0)

    @property
    def best(self) -> Trial | None:
        """The trial with the lowest mean validation MAE; None if none is done."""
        return next(iter(ranked(self.trials)), None)

    @property
    def best_file(self) -> Path:
        """File with the settings of the best trial, as a study reads them."""
        return self.folder / "best.yaml"


def tune(
    tuning: Tuning | TuningPlan,
    root: Path,
    budget: int,
    executor: Trainings | None = None,
    device: str = "cpu",
    listener: Listener | None = None,
    on_trial: Callable[[Trial], None] | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> TuningOutcome:
    """Do the missing trainings of a search; finished ones are reused.

    Leaves in `plan.folder(root)`: `search.json` (everything that the search depends on), `journal.jsonl`, `trials.csv`
    and `best.yaml`.

    Args:
        tuning: The search, or its plan.
        root: Folder of searches.
        budget: Total number of trials, including the first settings and those of earlier commands.
        executor: Executor of the trainings; default: worker processes, see `runs_at_once`.
        device: `cpu`, `cuda` or `cuda:1`.
        listener: Function called for every event of a training.
        on_trial: Function called with each trial as it ends.
        checkpoint_seconds: Seconds between two states of a training, from which a killed one continues.

    Raises:
        InputError: for a search that cannot be resolved, or that another process is running.
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
        raise InputError(f"{folder}: another process is running this search; wait for it, or end it") from None
    try:
        text = json.dumps(resolved.content, indent=2) + "\n"
        replace_text(folder / "search.json", text)
        search = _Search(resolved, folder, device, listener or (lambda *_: None), on_trial or (lambda _: None))
        search.checkpoint_seconds = checkpoint_seconds
        with text_states(folder), executor or usual_executor(device=device) as chosen:
            for start in range(0, budget, ROUND):
                search.round(start, min(start + ROUND, budget), chosen)
        write_results(resolved, folder, search.trials())
        search.remove_states()
        return TuningOutcome(resolved, folder, search.trials(), search.trained)
    finally:
        lock.release()


def pending(resolved: TuningPlan, root: Path, budget: int) -> list[int]:
    """Return the numbers of the trials of a budget that have trainings left; writes nothing."""
    search = _Search(resolved, resolved.folder(root), "cpu", lambda *_: None, lambda _: None)
    return [t.number for t in map(search.trial, range(budget)) if not t.ended or t.to_repeat]


class _Search:
    """State of a running search."""

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
        self.checkpoint_seconds = CHECKPOINT_SECONDS

    def remove_states(self) -> None:
        """Remove what killed trainings have left that are finished now."""
        for record in self._journal.trainings.values():
            if record.final and record.run:
                remove_training_folder(self._folder / record.run)

    def trial(self, number: int) -> Trial:
        """Return a trial as the journal has it; one that was not suggested yet has no fields."""
        records = self._journal.trainings
        keys = self.plan.keys
        trainings = {key: records[number, key] for key in keys if (number, key) in records}
        return Trial(number, self._journal.suggestions.get(number, {}), keys, trainings)

    def trials(self, count: int | None = None) -> tuple[Trial, ...]:
        """Return the first trials; default: all that were suggested."""
        return tuple(self.trial(number) for number in range(len(self._journal.suggestions) if count is None else count))

    def round(self, start: int, stop: int, executor: Trainings) -> None:
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
                self._begin(number, self.plan.specs[:1], executor)
            elif first.status == "done":
                self._begin(number, self.plan.specs[1:], executor)
        for (number, _), record in executor.outcomes(self._listener):
            self._waiting[number] -= 1
            self.trained += 1
            self._file(record, executor)

    def _begin(self, number: int, runs: Sequence[RunSpec], executor: Trainings) -> None:
        """Queue the trainings of a trial without a final result, given as the runs of the first settings."""
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
                self._file(rejected, executor)
                continue
            spec = base.model_copy(update={"config": config})
            known = next((r for r in self._journal.trainings.values() if r.run == spec.id and r.final), None)
            if known is not None:  # the space is small and the same settings came up again, or the data set was renamed
                self._file(known.model_copy(update={**which, "seconds": 0.0}), executor)
                continue
            first = base is self.plan.specs[0]
            ceiling = limits(self._earlier, fields, lenient=len(self.plan.datasets) > 1) if first else ()
            self._waiting[number] += 1
            root, seconds = self._folder.resolve(), self.checkpoint_seconds
            training = Training(number, spec, root, ceiling, self._device, self._plugins, seconds)
            executor.add((number, key), training)

    def _file(self, record: TrainingRecord, executor: Trainings) -> None:
        """Record how a training ended; the others of its trial are trained once the first ended well."""
        self._journal.add([record])
        if record.key == self.plan.keys[0] and record.status == "done":
            self._begin(record.trial, self.plan.specs[1:], executor)
        trial = self.trial(record.trial)
        if trial.ended and not self._waiting[record.trial]:
            self._on_trial(trial)
            write_results(self.plan, self._folder, self.trials())
