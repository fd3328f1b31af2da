"""The suite as functions: what the command line's verbs call.

>>> from benchmark.study.running import run, report
>>> outcome = run(make_study({"datasets": ["synthetic:size=tiny"], "models": ["constant", "text-only"]}), Path("out"))
>>> files = report(outcome.plan, Path("out"))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from baselines import load_plugin
from benchmark.evaluation.panel import Panel
from benchmark.results.from_runs import required_panels
from benchmark.runs.execution import Job
from benchmark.runs.executors import Event, Executor, Listener, LocalExecutor
from benchmark.runs.store import RunRecord, RunStore, replace_file
from benchmark.study.study import Plan, PlannedRun, Study, load_study, make_study, plan
from protocols import InputError, unknown_name

#: Studies that ship with the suite.
SHIPPED = Path(__file__).parent / "studies"

__all__ = [
    "RunOutcome",
    "last_study",
    "pending",
    "prepare",
    "read_panels",
    "read_study",
    "run",
    "save_study",
    "study_folder",
]


@dataclass(frozen=True)
class RunOutcome:
    """What `run` did.

    Attributes:
        plan: The resolved study.
        records: The record of every run of the plan, in its order; those that were there before included.
        executed: How many were trained or evaluated now.
    """

    plan: Plan
    records: tuple[RunRecord, ...]
    executed: int

    @property
    def failed(self) -> tuple[RunRecord, ...]:
        """Runs that ended with an error."""
        return tuple(r for r in self.records if r.status == "failed")


def prepare(study: Study) -> Plan:
    """Load the plugins of a study and resolve it; raises InputError for anything unknown or misspelt."""
    for plugin in study.plugins:
        load_plugin(plugin)
    return plan(study)


def pending(plan: Plan, root: Path) -> list[int]:
    """Positions of the runs of a plan that are not there, failed, or lack a scenario or its epochs."""
    store = RunStore(root)
    lacking = []
    for number, planned in enumerate(plan.runs):
        wanted = {s.fingerprint for s in plan.scenarios_of(planned)}
        record = store.done(planned.spec)
        if record is None or record.lacks(wanted, epochs=plan.study.optimism):
            lacking.append(number)
    return lacking


def run(
    study: Study | Plan,
    root: Path,
    executor: Executor | None = None,
    listener: Listener | None = None,
    device: str = "cpu",
    on_record: Callable[[int, RunRecord], None] | None = None,
) -> RunOutcome:
    """Do what is missing of a study; what is there stays.

    Args:
        study: The study, or its plan.
        root: Folder of the run store.
        executor: Worker processes by default.
        listener: Told what every job is doing; `Event.job` is a position in the plan.
        device: `cpu`, `cuda` or `cuda:1`.
        on_record: Told each record as it is filed, with its position in the plan.

    Raises:
        InputError: for a study that cannot be resolved; a run that fails is in the outcome instead.
    """
    resolved = prepare(study) if isinstance(study, Study) else study
    store = RunStore(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        store.sweep()
        save_study(resolved.study, root)
    except OSError as error:
        raise InputError(f"{root}: cannot be written ({error.strerror}); give another --out") from None
    todo = pending(resolved, root)
    plugins = tuple(str(Path(p).resolve()) for p in resolved.study.plugins)

    def job(planned: PlannedRun) -> Job:
        scenarios = tuple(str(s) for s in resolved.scenarios_of(planned))
        return Job(planned.spec, scenarios, root.resolve(), device, plugins, resolved.study.optimism)

    jobs = [job(resolved.runs[i]) for i in todo]

    def renumber(event: Event) -> None:
        if listener:
            listener(replace(event, job=todo[event.job]))

    fresh: dict[int, RunRecord] = {}
    with store.text_states():
        for number, record in (executor or LocalExecutor()).map(jobs, renumber):
            fresh[todo[number]] = record
            if on_record:
                on_record(todo[number], record)
    store.sweep()  # of workers that were killed meanwhile
    records = []
    for number, planned in enumerate(resolved.runs):
        found = fresh.get(number) or store.find(planned.spec)
        if found is None:
            raise InputError(f"{planned.spec.title}: its record vanished from {root}; run the study again")
        records.append(found)
    return RunOutcome(resolved, tuple(records), len(jobs))


def study_folder(study: Study, root: Path) -> Path:
    """Where tables and figures of a study go."""
    return root / "studies" / study.name


def save_study(study: Study, root: Path) -> None:
    """File the study beside its runs, so that reports can be made from the folder alone."""
    folder = study_folder(study, root)
    folder.mkdir(parents=True, exist_ok=True)
    # reports are made from other folders, too
    study = study.model_copy(update={"plugins": [str(Path(p).resolve()) for p in study.plugins]})
    text = yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False)
    replace_file(folder / "study.yaml", lambda path: path.write_text(text, encoding="utf-8"))


def last_study(root: Path) -> Study:
    """The study that was run last under `root`.

    Raises:
        InputError: when there is none.
    """
    files = sorted(root.glob("studies/*/study.yaml"), key=lambda p: p.stat().st_mtime)
    if not files:
        raise InputError(f"no study under {root}; run one first, or name its folder with --out")
    return load_study(files[-1])


def read_panels(study: Study, root: Path) -> list[Panel]:
    """The results of a study that are there.

    Raises:
        InputError: when nothing of it has been run.
    """
    return required_panels(prepare(study), root)


def read_study(name: str | None, fields: Mapping[str, Any], root: Path | None = None) -> Study:
    """A study from a file, from those that were run or ship with the suite, or from fields alone.

    Args:
        name: Path of a YAML file, or the name of a study under `root` or of a shipped one such as `demo`; None for
            fields alone.
        fields: Replace those of the file.
        root: Folder of the run store whose studies are known by name, before the shipped ones.

    Raises:
        InputError: for a missing file or a wrong field.
    """
    if name is None:
        if not fields.get("datasets") or not fields.get("models"):
            raise InputError("name a study file, or give --dataset and --models (the demo: sentibench run demo)")
        return make_study(dict(fields))
    known = {path.stem: path for path in SHIPPED.glob("*.yaml")}
    known |= {path.parent.name: path for path in root.glob("studies/*/study.yaml")} if root else {}
    path = Path(name)
    if name in known and not path.is_file():  # a folder of that name, such as the demo's own, is no study
        path = known[name]
    elif not path.is_file() and path.suffix not in {".yaml", ".yml"}:
        where = f"under {root}; --out names another folder; " if root else ""
        raise unknown_name("study", name, known, hint=f"({where}or give a YAML file)")
    study = load_study(path)
    if not fields:
        return study
    filed = study.model_dump(mode="json")
    for key in ("encoder", "optimisation"):  # what is not given stays as the file has it
        if key in fields:
            fields = {**fields, key: {**filed[key], **fields[key]}}
    return make_study({**filed, **fields}, name)
