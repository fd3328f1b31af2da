"""The suite in Python: every verb of the command line as a function.

>>> import sentibench as sb
>>> data = "synthetic:size=tiny,max_length=12"
>>> study = sb.run({"datasets": [data], "models": ["constant"], "protocols": ["inter-drop"], "seeds": 1})
>>> table = sb.results(study).to_frame(metrics=["mae"])
>>> table[["model", "scenario", "value"]].head(2)
      model        scenario     value
0  constant    drop(rate=0)  1.336667
1  constant  drop(rate=0.1)  1.336667
>>> masks = sb.parse("drop(rate=0.5) + random_positions(rate=0.2)").masks(sb.load(data), split="test")
>>> masks.integrity().shape
(120, 3)

Importing it is quick: what a function needs is imported when it is called.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sentibench.shadows import refuse_overwritten, refuse_shadows

if TYPE_CHECKING:
    import pandas as pd

    from baselines import register
    from benchmark.data.importers.memory import from_arrays, from_frame, from_hf
    from benchmark.data.samples import Samples
    from benchmark.data.sources import load
    from benchmark.papers.reproduce import Reproduction
    from benchmark.publishing.figures import Figures
    from benchmark.publishing.tables import Report
    from benchmark.results.study_results import StudyResults
    from benchmark.study.callbacks import Callback, register_callback
    from benchmark.study.merging import Merged
    from benchmark.study.plan import Plan
    from benchmark.study.running import RunOutcome
    from benchmark.study.study import Study
    from benchmark.tables.comparison import Comparison
    from protocols import parse

    #: A study: what `run` returned, fields, a name, a file, a published folder, or None for the one that was run last.
    StudyLike: TypeAlias = "RunOutcome | StudyResults | Study | Plan | Mapping[str, Any] | str | Path | None"

__all__ = [
    "Callback",
    "compare",
    "export",
    "from_arrays",
    "from_frame",
    "from_hf",
    "load",
    "merge",
    "parse",
    "plot",
    "predict",
    "predictions",
    "register",
    "register_callback",
    "report",
    "reproduce",
    "results",
    "run",
    "score",
    "site",
]

#: Folder of runs, tables and figures unless another is named.
OUT = "results/runs"

#: Names that other modules define -> the module.
_ELSEWHERE = {
    "Callback": "benchmark.study.callbacks",
    "from_arrays": "benchmark.data.importers.memory",
    "from_frame": "benchmark.data.importers.memory",
    "from_hf": "benchmark.data.importers.memory",
    "load": "benchmark.data.sources",
    "parse": "protocols",
    "register": "baselines",
    "register_callback": "benchmark.study.callbacks",
}


def run(
    study: Study | Mapping[str, Any] | str | Path,
    *,
    out: str | Path = OUT,
    workers: int | None = None,
    device: str = "cpu",
    callbacks: Sequence[Callback | str] = (),
    progress: bool | None = None,
) -> RunOutcome:
    """Train and evaluate a study; finished runs are reused.

    Works in scripts, with or without a main guard, and in notebooks. Models that a notebook, or a script without a
    guard, registers itself are trained in this process, one after the other, since worker processes cannot import them.

    Args:
        study: Fields as in a study file (`datasets`, `models`, `protocols`, `seeds`, ...), a name, or a file. Among
            `datasets` may be samples, as `from_frame` returns them.
        out: Folder of runs, tables and figures.
        workers: Worker processes; by default one a core, on a GPU at most one per 12 GiB of its free memory.
        device: `cpu`, `cuda` or `cuda:1`.
        callbacks: Objects of subclasses of `Callback`, or names of registered ones.
        progress: Show progress; None: only in a notebook.

    Returns:
        The plan, and the record of every run, of failed ones with their error.

    Raises:
        InputError: for a study that cannot be resolved, such as an unknown name.
    """
    from benchmark.runs.executors import usual_executor
    from benchmark.study.filing import read_study
    from benchmark.study.notebook import NotebookProgress, in_notebook
    from benchmark.study.running import run as run_study
    from benchmark.study.study import Study, make_study

    root = Path(out)
    if isinstance(study, Mapping):
        chosen = make_study(dict(study))
    else:
        chosen = study if isinstance(study, Study) else read_study(str(study), {}, root)
    shown = [NotebookProgress()] if (in_notebook() if progress is None else progress) else []
    followed = [*callbacks, *shown]
    return run_study(chosen, root, usual_executor(workers, device), device=device, callbacks=followed)


def merge(*folders: str | Path, into: str | Path) -> Merged:
    """Combine folders of runs made on several machines; see `benchmark.study.merging.merge`."""
    from benchmark.study.merging import merge as combine

    return combine([Path(folder) for folder in folders], Path(into))


def results(study: StudyLike = None, *, out: str | Path = OUT) -> StudyResults:
    """The results of a study that was run.

    Args:
        study: What `run` returned, fields, a name, a file, or a published folder; None for the study that was run last.
        out: Folder of runs, where `study` does not know it.

    Raises:
        InputError: when there is no such study, or nothing of it has been run.
    """
    from benchmark.results.opening import find_results, open_results
    from benchmark.results.study_results import StudyResults
    from benchmark.study.running import RunOutcome
    from benchmark.study.study import make_study

    if isinstance(study, StudyResults):
        return study
    if isinstance(study, RunOutcome):
        return open_results(study.plan, study.root)
    if study is None or isinstance(study, (str, Path)):
        return find_results(study, Path(out))
    return open_results(make_study(dict(study)) if isinstance(study, Mapping) else study, Path(out))


def predictions(study: StudyLike = None, *, out: str | Path = OUT) -> pd.DataFrame:
    """Return the predictions of a study, one row per data set, model, seed, scenario and test sample.

    Args:
        study, out: See `results`.

    Raises:
        InputError: when nothing of the study has been run.
    """
    return results(study, out=out).predictions()


def report(
    study: StudyLike = None, *, out: str | Path = OUT, metric: str = "mae", draws: int = 2000, level: float = 0.95
) -> Report:
    """Write the tables of a study beside its file.

    Args:
        study, out: See `results`.
        metric: Metric of the tables that show one.
        draws: Bootstrap draws.
        level: Confidence level of intervals, ranks and tests.

    Raises:
        InputError: when nothing of the study has been run, or for an unknown metric.
    """
    from benchmark.publishing.tables import report as write
    from benchmark.tables.kinds import TableSettings
    from senti_ifusion.ablation import ABLATION

    return write(results(study, out=out), TableSettings(metric, variants=ABLATION, draws=draws, level=level))


def plot(
    study: StudyLike = None,
    *,
    out: str | Path = OUT,
    kinds: Sequence[str] = ("all",),
    protocol: str | None = None,
    metrics: Sequence[str] = (),
    models: Sequence[str] = (),
    formats: Sequence[str] = (),
    against: str | None = None,
) -> Figures:
    """Draw the figures of a study; a notebook shows them.

    Args:
        study, out: See `results`.
        kinds: Kinds of figures, such as `curves`; `all` draws every one that the study has something to show for.
        protocol: Draw this protocol only.
        metrics: Metrics to draw; each kind has its own by default.
        models: Models shown in full.
        formats: Also write files in these formats (`png`, `pdf`, `svg`) beside the study's file, each figure with the
            CSV that it is drawn from.
        against: Model to which curves show paired differences, instead of values.

    Returns:
        The figures, of matplotlib. The label of each is the name of its files.

    Raises:
        InputError: for an unknown name, or a kind without anything to show.
    """
    from benchmark.publishing import figures

    found = results(study, out=out)
    if formats:
        figures.plot(found, formats, kinds=kinds, protocol=protocol, metrics=metrics, models=models, against=against)
    return figures.draw(found, kinds=kinds, protocol=protocol, metrics=metrics, models=models, against=against)


def export(
    study: StudyLike = None,
    form: str = "hf-card",
    folder: str | Path | None = None,
    *,
    out: str | Path = OUT,
    draws: int = 2000,
    level: float = 0.95,
) -> tuple[Path, ...]:
    """Write one record per model and data set for other programs; see `benchmark.publishing.exporting.export`.

    Args:
        study, out: See `results`.
        form: `hf-card`, `mteb-json` or `lm-eval-json`.
        folder: Folder to write to; default: `export/FORM` beside the tables of the study.
        draws, level: Bootstrap draws, and confidence level of intervals.
    """
    from benchmark.publishing.exporting import export as write

    found = results(study, out=out)
    return write(found, form, Path(folder or found.folder / "export" / form), draws=draws, level=level)


def compare(
    a: str,
    b: str,
    *,
    study: str | None = None,
    dataset: str | None = None,
    protocols: Sequence[str] = (),
    metrics: Sequence[str] = (),
    by_scenario: bool = False,
    out: str | Path = OUT,
    draws: int = 2000,
    level: float = 0.95,
) -> Comparison:
    """Paired tests of two models; see `benchmark.results.comparing.compare`."""
    from benchmark.results.comparing import compare as compare_rows

    return compare_rows(
        a, b, Path(out), study=study, dataset=dataset, protocols=protocols, metrics=metrics, by_scenario=by_scenario,
        draws=draws, level=level,
    )  # fmt: skip


def score(
    predictions: str | Path,
    *,
    dataset: str | None = None,
    protocols: Sequence[str] = (),
    name: str = "",
    beside: str | None = None,
    absent: str = "refuse",
    scale: str | tuple[float, float] | None = None,
    out: str | Path = OUT,
) -> StudyResults:
    """Evaluate predictions made elsewhere; see `benchmark.results.external.scoring.score`."""
    from benchmark.results.external.scoring import score as rate

    return rate(
        Path(predictions), Path(out), dataset=dataset, protocols=protocols, name=name, beside=beside, absent=absent,
        scale=scale,
    )  # fmt: skip


def predict(
    run: str | Path,
    samples: Samples | str | Path,
    *,
    text: str = "",
    seed: int | None = None,
    dataset: str | None = None,
    out: str | Path = OUT,
    device: str = "cpu",
) -> pd.DataFrame:
    """Predict the sentiment of new samples with a trained run.

    Args:
        run: A run's folder, the first digits of its id, or STUDY:MODEL, whose seeds are averaged.
        samples: Samples, a file of them (npz or CSV) with any modality missing, or a clip.
        text: Words spoken in a clip.
        seed, dataset: With STUDY:MODEL, use only runs of this seed, or of this data set.
        out, device: See `run`.

    Returns:
        One row a sample; see `benchmark.prediction.predict.predict`.

    Raises:
        InputError: for an unknown run, or samples that it cannot read.
    """
    from benchmark.prediction.predict import find_runs
    from benchmark.prediction.predict import predict as predict_samples

    folders = find_runs(str(run), Path(out), seed=seed, dataset=dataset)
    given = Path(samples) if isinstance(samples, str) else samples
    return predict_samples(folders, given, device, text=text)


def reproduce(
    name: str,
    *,
    dataset: str | None = None,
    models: Sequence[str] = (),
    seeds: int | Sequence[int] | None = None,
    train: bool = True,
    out: str | Path = OUT,
    workers: int | None = None,
    device: str = "cpu",
) -> Reproduction:
    """Measure a table or figure of a paper, and show it beside the published numbers.

    Args:
        name: One of `sentibench reproduce list`.
        dataset: Measure on this data set instead.
        models: Names, instead of the table's own.
        seeds: Number of seeds, or a list.
        train: True to run missing runs; False to show finished ones only.
        out, workers, device: See `run`.

    Raises:
        InputError: for an unknown name, or data that are not on this machine.
    """
    from benchmark.papers.reproduce import prepare
    from benchmark.runs.executors import usual_executor
    from benchmark.study.running import run as run_study

    chosen = seeds if isinstance(seeds, int | None) else list(seeds)
    entry = prepare(name, dataset=dataset, models=list(models), seeds=chosen)
    for plan in entry.plans if train else ():
        run_study(plan, Path(out), usual_executor(workers, device), device=device)
    return entry.present(Path(out))


def site(study: StudyLike = None, page: str | Path = "index.html", *, out: str | Path = OUT) -> Path:
    """Write the interactive page of a study: one HTML file with all data in it.

    Args:
        study, out: See `results`.
        page: The file, or an existing folder for `index.html` in it.

    Raises:
        InputError: when nothing of the study has been run, or the file cannot be written.
    """
    from benchmark.site import build

    return build(results(study, out=out), Path(page))


def main() -> None:
    """The command line."""
    from benchmark.cli.main import main as call

    call()


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        return getattr(importlib.import_module(_ELSEWHERE[name]), name)
    raise AttributeError(f"module 'sentibench' has no attribute '{name}'; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)


refuse_shadows()
refuse_overwritten()
