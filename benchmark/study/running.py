"""Running a study: train and evaluate its missing runs.

>>> study = make_study({"datasets": ["synthetic:size=tiny"], "models": ["constant", "text-only"]})
>>> outcome = run(study, Path("out"))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.data.sources import store_faults
from benchmark.runs.executors import Event, Executor, LocalExecutor, usual_executor
from benchmark.runs.executors.local import workers_need_main
from benchmark.runs.job import Job
from benchmark.runs.record import RunRecord
from benchmark.runs.resuming import SUFFIX, remove_training_folder
from benchmark.runs.spec import ORACLE
from benchmark.runs.store import RunStore
from benchmark.runs.text_states import text_states
from benchmark.study.callbacks import Callback, Followers, make_callbacks
from benchmark.study.filing import save_study
from benchmark.study.plan import Plan, PlannedRun, prepare
from benchmark.study.study import Study
from benchmark.training import CHECKPOINT_SECONDS
from protocols import Displayed, InputError
from protocols.registry import check_importable


@dataclass(frozen=True, repr=False)
class RunOutcome(Displayed):
    """Outcome of `run`.

    Attributes:
        plan: The resolved study.
        records: The record of every run of the plan, in its order; including those that were finished before.
        executed: Number of runs that were trained or evaluated now.
        root: Folder of the run store.
    """

    plan: Plan
    records: tuple[RunRecord, ...]
    executed: int
    root: Path

    def facts(self) -> tuple[str, Mapping[str, object]]:
        """Return numbers of runs, the folder, and the first failure."""
        facts: dict[str, object] = {"runs": len(self.records), "executed now": self.executed}
        facts |= {"failed": len(self.failed), "folder": self.root}
        if self.failed:
            facts["first failure"] = f"{self.failed[0].spec.title}: {self.failed[0].error}"
        return f"study '{self.plan.study.name}'", facts

    @property
    def failed(self) -> tuple[RunRecord, ...]:
        """Records of runs that ended with an error."""
        return tuple(r for r in self.records if r.status == "failed")


def records_of(plan: Plan, root: Path) -> tuple[RunRecord | None, ...]:
    """Read the record of every run of a plan, in its order: None for a run that is missing."""
    store = RunStore(root)
    return tuple(store.find(planned.spec) for planned in plan.runs)


def pending(plan: Plan, root: Path, known: Sequence[RunRecord | None] | None = None) -> list[int]:
    """Return the positions of the runs of a plan that are missing, failed, or without a scenario or their epochs.

    Args:
        plan: The plan.
        root: Folder of the run store.
        known: Value of `records_of`, if they have been read.
    """
    lacking = []
    wanted: dict[bool, set[str]] = {}
    for number, (planned, record) in enumerate(zip(plan.runs, known or records_of(plan, root), strict=True)):
        oracle = planned.spec.model == ORACLE
        if oracle not in wanted:
            wanted[oracle] = {s.fingerprint for s in plan.scenarios_of(planned)}
        if record is None or record.status != "done" or record.lacks(wanted[oracle], epochs=plan.study.optimism):
            lacking.append(number)
    return lacking


def run(
    study: Study | Plan,
    root: Path,
    executor: Executor[int, RunRecord] | None = None,
    listener: Callable[[int, Event], None] | None = None,
    device: str = "cpu",
    on_record: Callable[[int, RunRecord], None] | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    callbacks: Sequence[Callback | str] = (),
    known: Sequence[RunRecord | None] | None = None,
) -> RunOutcome:
    """Do the missing runs of a study; finished runs are reused.

    Args:
        study: The study, or its plan.
        root: Folder of the run store.
        executor: Executor of the runs; default: worker processes, see `runs_at_once`.
        listener: Function of (position in the plan, event), called for every event of a run.
        device: `cpu`, `cuda` or `cuda:1`.
        on_record: Function of (position in the plan, record), called as each record is filed.
        checkpoint_seconds: Seconds between two states of a training, from which a killed one continues; 0 for one after
            every epoch.
        callbacks: Callbacks, themselves or by name.
        known: Value of `records_of`, if they have been read.

    Raises:
        InputError: for a study that cannot be resolved; a run that fails is in the outcome instead.
    """
    resolved = prepare(study) if isinstance(study, Study) else study
    if executor is None or isinstance(executor, LocalExecutor) or workers_need_main():
        check_importable("model", dict.fromkeys(planned.spec.model for planned in resolved.runs))
    chosen = make_callbacks(callbacks)
    store = RunStore(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        store.sweep()
        save_study(resolved.study, root)
    except OSError as error:
        raise InputError(f"{root}: cannot be written ({error.strerror}); give another --out") from None
    known = known or records_of(resolved, root)
    todo = pending(resolved, root, known)
    for line in (
        store_faults(planned.spec.dataset for planned in resolved.runs) if not todo else ()
    ):  # else workers look
        raise InputError(line)
    plugins = tuple(str(Path(p).resolve()) for p in resolved.study.plugins)

    def job(planned: PlannedRun) -> Job:
        scenarios = tuple(str(s) for s in resolved.scenarios_of(planned))
        return Job(
            planned.spec, scenarios, root.resolve(), device, plugins, resolved.study.optimism, checkpoint_seconds
        )

    fresh: dict[int, RunRecord] = {}
    followers = Followers(resolved, todo, chosen)

    def tell(number: int, event: Event) -> None:
        followers.event(number, event)
        if listener:
            listener(number, event)

    with text_states(root), executor or usual_executor(device=device) as workers:
        # slow models first: a long run that is begun last leaves other workers idle
        sizes = {i: resolved.runs[i].operations for i in todo}
        for number in sorted(todo, key=lambda i: math.inf if (size := sizes[i]) is None else size, reverse=True):
            workers.add(number, job(resolved.runs[number]))
        for number, record in workers.outcomes(tell):
            fresh[number] = record
            followers.record(number, record)
            if on_record:
                on_record(number, record)
    store.sweep()  # remains of killed workers
    records = tuple(
        before if before is not None and not todo else _filed(resolved, planned, store, fresh.get(number))
        for number, (planned, before) in enumerate(zip(resolved.runs, known, strict=True))
    )
    for record in records if any(root.glob(f"*/*/.*{SUFFIX}")) else ():
        remove_training_folder(store.folder(record.spec), finished=record.status == "done")
    return RunOutcome(resolved, records, len(todo), root)


def _filed(plan: Plan, planned: PlannedRun, store: RunStore, fresh: RunRecord | None) -> RunRecord:
    """Return the record on file; that of a failed run if the run, or one of its cells, is not there.

    Raises:
        InputError: if a run that was finished before has vanished.
    """
    if fresh is not None and fresh.status == "failed":
        return fresh
    found = store.find(planned.spec)
    wanted = (s.fingerprint for s in plan.scenarios_of(planned))
    if found is not None and not found.lacks(wanted, epochs=plan.study.optimism):
        return found
    known = fresh or found
    if known is None:
        raise InputError(f"{planned.spec.title}: its record vanished from {store.root}; run the study again")
    gone = f"was done, but is no longer in {store.root} with all its cells; the same command makes it whole again"
    return known.model_copy(update={"status": "failed", "error": gone})
