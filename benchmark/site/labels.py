"""Names and words of the page: kinds of models, and texts without hidden characters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from baselines.facts import model_info
from benchmark import words
from benchmark.evaluation.protocol_results import ORACLE
from benchmark.publishing.references import links
from benchmark.results.study_results import StudyResults
from protocols import InputError

#: Reference rows of every table: the floor, single modalities, the simplest fusion, and the bound.
REFERENCES = frozenset({"constant", "text-only", "audio-only", "vision-only", "late-fusion-dropout", ORACLE})

#: Kinds that readers may filter by, in order.
KINDS = ("reference", "baseline", "senti-ifusion", "external", "published")


def visible(value: Any) -> Any:
    """Return a value with every hidden character of its texts written out, in dictionaries and lists too."""
    if isinstance(value, str):
        return words.visible(value)
    if isinstance(value, Mapping):
        return {visible(str(key)): visible(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [visible(item) for item in value]
    return value


def describe_models(results: StudyResults) -> dict[str, dict[str, Any]]:
    """Describe every model of a study, by its name in tables; without a plan, a row is the model of its name.

    Returns:
        Fields `kind` (one of `KINDS`) and, but for the oracle, `model` (registered name), `title`, `paper`, `year`,
        `paper_url`, `code_url`, `modalities`, `differences`.
    """
    runs = results.plan.runs if results.plan else ()
    models = {run.label: run.spec.model for run in runs} or {name: name for name in results.models}
    return {row: _describe(model) for row, model in models.items()}


def _describe(name: str) -> dict[str, Any]:
    if name == ORACLE:
        return {"kind": "reference", "title": "the best possible prediction, known from the generator"}
    try:
        info = model_info(name)
    except InputError:  # its plugin is not loaded, but its results are readable
        return {"kind": "baseline", "model": name}
    kind = "reference" if name in REFERENCES else "baseline"
    if name.startswith("senti-ifusion"):
        kind = "senti-ifusion"
    return {
        "kind": kind,
        "model": name,
        "title": info.title,
        "paper": info.paper,
        "year": info.year,
        **links(name),
        "modalities": list(info.modalities),
        "differences": list(info.differences),
    }


def kind_of(model: str, described: Mapping[str, Mapping[str, Any]], external: Iterable[str]) -> str:
    """Return the kind of a row: external if its predictions were read from a file, whatever its name."""
    if model in set(external):
        return "external"
    return str(described.get(model, {}).get("kind", "reference" if model in REFERENCES else "baseline"))
