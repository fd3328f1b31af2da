"""Results of a study as records for other programs: one per model and data set, and folders of trained models."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import ORACLE, ProtocolResults
from benchmark.evaluation.statistics import DRAWS, confidence_intervals
from benchmark.evaluation.statistics.precision import quantity
from benchmark.files import replace_file, replace_text, safe_name
from benchmark.publishing.model_card import model_card
from benchmark.publishing.references import References, references
from benchmark.results.study_results import StudyResults
from benchmark.runs.record import RECORD, WEIGHTS, RunRecord, write_record
from benchmark.runs.store import RunStore
from protocols import InputError, unknown_name

#: Metric that leaderboards of mteb sort by, where higher is better.
_MAIN = "corr"
#: Fields that mteb requires of `model_meta.json` and that have no meaning here: null.
_META = (
    "loader", "release_date", "languages", "n_parameters", "memory_usage_mb", "max_tokens", "embed_dim", "license",
    "open_weights", "public_training_code", "public_training_data", "similarity_fn_name", "use_instructions",
    "training_datasets",
)  # fmt: skip
#: Fields of a run's provenance that say where it was run, and are left out of an exported folder.
_PRIVATE = ("host", "command")


@dataclass(frozen=True, eq=False)
class Exported:
    """A model on a data set: its record for other programs, and its trained runs.

    Attributes:
        content: The record, plain values: `model`, `dataset`, `training`, `seeds`, `versions`, `statistics`,
            `protocols`.
        runs: Records of its finished runs; empty for predictions made elsewhere.
    """

    content: dict[str, Any]
    runs: tuple[RunRecord, ...]

    @property
    def dataset(self) -> str:
        """Data set and split, as the name of a file."""
        return safe_name(f"{self.content['dataset']['name']}/{self.content['dataset']['split']}")

    @property
    def model(self) -> str:
        """Row of the tables, as the name of a file."""
        return safe_name(self.content["model"]["row"])


def export(
    results: StudyResults, form: str, folder: Path, *, draws: int = DRAWS, level: float = 0.95
) -> tuple[Path, ...]:
    """Write one record per model and data set; existing files of the same names are replaced.

    Args:
        results: Results of a study.
        form: `hf-card` (a folder per model with weights, `config.json` and model card, which `predict` reads),
            `mteb-json` or `lm-eval-json`.
        folder: Folder to write to.
        draws: Bootstrap draws behind the intervals.
        level: Confidence level of the intervals.

    Returns:
        The files.

    Raises:
        InputError: for an unknown form, no trained run to write with `hf-card`, or a folder that cannot be written to.
    """
    if form not in FORMS:
        raise unknown_name("format to export to", form, FORMS)
    cited = references(results)
    found = list(exported(results, cited, draws=draws, level=level))
    if form == "hf-card" and not any(one.runs for one in found):
        raise InputError(f"study '{results.name}': no trained run to export; use mteb-json or lm-eval-json")
    try:
        return tuple(path for one in found for path in FORMS[form](one, folder, results, cited))
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror or error}); choose another folder") from None


def exported(
    results: StudyResults, cited: References, *, draws: int = DRAWS, level: float = 0.95
) -> Iterator[Exported]:
    """Return models with their records, by data set; the oracle, which is not a model, is left out."""
    panels: dict[int, list[ProtocolResults]] = {}
    for found in results.by_protocol(draws=draws, level=level):
        panels.setdefault(id(found.panel), []).append(found)
    for protocols in panels.values():
        panel = protocols[0].panel
        for model in dict.fromkeys(m for found in protocols for m in found.estimates if m != ORACLE):
            runs = _runs(results, panel, model)
            yield Exported(_content(results, protocols, model, runs, cited), runs)


def _runs(results: StudyResults, panel: Panel, model: str) -> tuple[RunRecord, ...]:
    if "runs" not in panel.runs:
        return ()
    ids = [run for text in panel.runs.loc[panel.runs["model"] == model, "runs"] for run in str(text).split(",")]
    return tuple(results.records[run] for run in ids if run in results.records)


def _content(
    results: StudyResults,
    protocols: Sequence[ProtocolResults],
    model: str,
    runs: Sequence[RunRecord],
    cited: References,
) -> dict[str, Any]:
    panel = protocols[0].panel
    spec = runs[0].spec if runs else None
    provenance = runs[0].provenance if runs else {}
    named = cited.models.get(model)
    seeds = sorted(int(seed) for seed in panel.cells.loc[panel.cells["model"] == model, "seed"].unique())
    return {
        "study": results.name,
        "model": {
            "row": model,
            "name": spec.model if spec else model,
            "title": named.title if named else model,
            "citation": named.key if named else "",
            "version": spec.model_version if spec else None,
            "config": spec.config if spec else None,
            "external": model in panel.external,
        },
        "dataset": {
            "name": panel.dataset,
            "split": panel.split,
            "sha256": spec.data_sha256 if spec else None,
            "label_range": list(panel.label_range),
            "test_samples": len(panel.label),
            "test_videos": len(set(panel.video_ids.tolist())),
        },
        "training": {
            "regime": panel.regime,
            "encoder": spec.encoder.model_dump(mode="json") if spec and spec.encoder else None,
            "encoder_revision": spec.encoder_revision if spec else None,
            "scaling": spec.scaling if spec else None,
            "selection": panel.selection,
        },
        "seeds": seeds,
        "versions": {name: provenance.get(name) for name in ("sentibench", "git_commit", "python", "libraries")},
        "statistics": {"level": protocols[0].level, "draws": protocols[0].draws},
        "protocols": [_scores(found, model) for found in protocols if model in found.estimates],
    }


def _scores(found: ProtocolResults, model: str) -> dict[str, Any]:
    name, _, version = found.protocol.partition("@")
    own = found.estimates[model]
    table = confidence_intervals({model: own}, {"mean": found.scenarios}, level=found.level)
    metrics = {}
    for row in table.to_dict("records"):
        metric = str(row["metric"])
        whole = math.isfinite(float(row["value"]))
        variance = quantity(_mean, [(own, found.scenarios)], metric).variance if whole else math.nan
        numbers = {key: _known(float(row[key])) for key in ("value", "low", "high", "sd")}
        metrics[metric] = {**numbers, "standard_error": _known(math.sqrt(variance) if variance >= 0 else math.nan)}
    remarks = [found.implausible[model]] if model in found.implausible else []
    return {
        "name": name,
        "version": version or None,
        "scenarios": list(found.scenarios),
        "metrics": metrics,
        "remarks": remarks,
    }


def _mean(curve: Any) -> Any:
    return curve.mean(axis=-1)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _json(content: object) -> str:
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, text)
    return path


def _hf_card(one: Exported, folder: Path, results: StudyResults, cited: References) -> list[Path]:
    """A folder with a model card, `config.json`, and a folder with record and weights for each run."""
    if not one.runs or results.root is None:
        return []
    place = folder / f"{one.dataset}-{one.model}"
    store = RunStore(results.root)
    several = len({run.spec.split for run in one.runs}) > 1
    files = []
    for run in one.runs:
        target = place / (f"seed-{run.spec.seed}-{safe_name(run.spec.split)}" if several else f"seed-{run.spec.seed}")
        target.mkdir(parents=True, exist_ok=True)
        weights = store.folder(run.spec) / WEIGHTS
        if weights.is_file():
            replace_file(target / WEIGHTS, partial(shutil.copyfile, weights))
            files.append(target / WEIGHTS)
        kept = {name: value for name, value in run.provenance.items() if name not in _PRIVATE}
        sums = {name: digests for name, digests in run.files.items() if name == WEIGHTS}
        replace_file(target / RECORD, partial(write_record, run.model_copy(update={"provenance": kept, "files": sums})))
        files.append(target / RECORD)
    key = one.content["model"]["citation"]
    card = model_card(one.content, place.name, cited.bibtex([key]) if key else "")
    return [*files, _written(place / "config.json", _json(one.content)), _written(place / "README.md", card)]


def _mteb(one: Exported, folder: Path, results: StudyResults, cited: References) -> list[Path]:
    """Files as mteb keeps them: MODEL/REVISION/TASK.json, with a subset for each protocol, and `model_meta.json`."""
    content = one.content
    place = folder / one.model / str(content["versions"]["sentibench"] or "external")
    scores = [
        {
            "hf_subset": "@".join(filter(None, (own["name"], own["version"]))),
            "languages": ["und"],
            "main_score": own["metrics"][_MAIN]["value"],
            **{name: number["value"] for name, number in own["metrics"].items()},
            **{f"{n}_{end}": number[end] for n, number in own["metrics"].items() for end in ("low", "high")},
        }
        for own in content["protocols"]
    ]
    task = {
        "dataset_revision": content["dataset"]["sha256"] or "not recorded",
        "task_name": f"sentibench-{one.dataset}",
        "mteb_version": None,
        "scores": {"test": scores},
        "evaluation_time": None,
        "kg_co2_emissions": None,
        "sentibench": content,
    }
    meta = dict.fromkeys(_META) | {
        "name": f"sentibench/{content['model']['row']}",
        "revision": place.name,
        "framework": ["PyTorch"],
        "citation": cited.bibtex([key]) if (key := content["model"]["citation"]) else None,
    }
    return [
        _written(place / f"{task['task_name']}.json", _json(task)),
        _written(place / "model_meta.json", _json(meta)),
    ]


def _lm_eval(one: Exported, folder: Path, results: StudyResults, cited: References) -> list[Path]:
    """A file as lm-eval writes it, with a task for each protocol."""
    content = one.content
    tasks = {f"sentibench_{one.dataset}_{safe_name(own['name'])}": own for own in content["protocols"]}
    size = content["dataset"]["test_samples"]
    done = {
        "results": {task: {"alias": task, **_with_errors(own["metrics"])} for task, own in tasks.items()},
        "configs": {task: {"task": task, "dataset_path": content["dataset"]["name"], "metadata": own["version"]}
                    for task, own in tasks.items()},
        "versions": {task: own["version"] for task, own in tasks.items()},
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": {task: {name: METRICS[name].higher_is_better for name in own["metrics"]}
                             for task, own in tasks.items()},
        "n-samples": {task: {"original": size, "effective": size} for task in tasks},
        "config": {"model": content["model"]["name"], "model_args": content["model"]["config"],
                   "random_seed": content["seeds"]},
        "git_hash": content["versions"]["git_commit"],
        "model_name": content["model"]["row"],
        "task_hashes": dict.fromkeys(tasks, content["dataset"]["sha256"]),
        "sentibench": content,
    }  # fmt: skip
    return [_written(folder / one.model / f"results_{one.dataset}.json", _json(done))]


def _with_errors(metrics: Mapping[str, Mapping[str, float | None]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, number in metrics.items():
        error = number["standard_error"]
        found |= {f"{name},none": number["value"], f"{name}_stderr,none": "N/A" if error is None else error}
    return found


_Write = Callable[[Exported, Path, StudyResults, References], list[Path]]
#: Formats by name.
FORMS: Mapping[str, _Write] = {"hf-card": _hf_card, "mteb-json": _mteb, "lm-eval-json": _lm_eval}
