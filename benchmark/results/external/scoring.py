"""Evaluation of external predictions, as in `sentibench score`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.data.config import EncoderConfig
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import ProtocolResults, protocol_points
from benchmark.results.external.answers import USUAL, AnswerRules
from benchmark.results.external.faults import protocols_named
from benchmark.results.external.joining import add_external, external_panel
from benchmark.results.external.reading import External, Inspection, inspect_predictions
from benchmark.results.external.samples import EvaluationSet, evaluation_set
from benchmark.results.opening import panel_of
from benchmark.results.study_results import StudyResults
from protocols import InputError, Protocol


@dataclass(frozen=True, eq=False)
class ScoringTask:
    """Samples and protocols to predict."""

    samples: EvaluationSet
    protocols: tuple[Protocol, ...]
    panel: Panel | None

    def inspect(
        self, predictions: Path, *, name: str = "", encoder: str | None = None, rules: AnswerRules = USUAL
    ) -> Inspection:
        """Read a file of predictions and describe its faults; see `inspect_predictions`."""
        config = EncoderConfig(name=encoder) if encoder else None
        return inspect_predictions(predictions, self.samples, self.protocols, name=name, encoder=config, rules=rules)

    def results(self, external: External) -> StudyResults:
        """Return the predictions as results, added to those of the panel if there is one."""
        whole = add_external(self.panel, external) if self.panel is not None else external_panel(external)
        return StudyResults(external.models[0], (whole,))

    def rated(self, results: StudyResults) -> list[ProtocolResults]:
        """Return results of the task's protocols under which the external models have predictions, maybe incomplete."""
        names = {p.name for p in self.protocols}
        return [
            found
            for found in results.by_protocol()
            if found.protocol in names and (found.panel.external & {*found.estimates, *_with_incomplete(found)})
        ]


def _with_incomplete(results: ProtocolResults) -> set[str]:
    """Return the models that have predictions for some samples only, under any scenario of a protocol."""
    gaps = (gap for gap in results.panel.missing if gap.reason != "not evaluated")
    return {gap.model for gap in gaps if set(gap.scenarios) & set(results.scenarios)}


def scoring_task(
    root: Path, *, dataset: str | None = None, protocols: Sequence[str] = (), beside: str | None = None
) -> ScoringTask:
    """Choose samples and protocols to predict.

    Args:
        root: Folder of the run store.
        dataset: Data set, with or without split; default: that of `beside`.
        protocols: Names of protocols, or texts of scenarios; default: those of `beside`.
        beside: Study to whose results the predictions are added: a name, a file or a published folder.

    Raises:
        InputError: for an unknown name, or if neither a data set with protocols nor a study is given.
    """
    asked = list(protocols)
    panel = panel_of(beside, dataset, root) if beside else None
    if panel is not None:
        dataset = dataset if dataset and "/" in dataset else f"{panel.dataset}/{panel.split}"
        asked = asked or list(dict.fromkeys(panel.points["protocol"]))
    if not dataset or not asked:
        raise InputError("name a data set and protocols, or a study to add the predictions to")
    chosen = protocols_named(asked)
    if panel is not None:
        for protocol in chosen:
            protocol_points(panel, protocol.name)  # raises for a protocol that is not in the study
    return ScoringTask(evaluation_set(dataset), tuple(chosen), panel)


def score(
    predictions: Path,
    root: Path,
    *,
    dataset: str | None = None,
    protocols: Sequence[str] = (),
    name: str = "",
    beside: str | None = None,
    encoder: str | None = None,
    absent: str = "refuse",
    scale: str | tuple[float, float] | None = None,
) -> StudyResults:
    """Evaluate a file of predictions.

    `predictions` is a CSV, parquet or JSONL file with columns `sample_id`, `scenario`, `seed`, `prediction`; `name` is
    that of the row, by default that of the file. Other arguments are those of `scoring_task` and
    `inspect_predictions`, and:

    Args:
        absent: Treatment of samples without an answer: `refuse` (an empty prediction is a fault, and a missing row
            leaves its scenario without a number), `constant` (they get the median of the training labels) or `exclude`
            (they are left out for every model).
        scale: Lowest and highest possible answer, mapped to the labels' range; `words` for negative, neutral, positive.

    Raises:
        InputError: for a file with faults, listing all of them.
    """
    task = scoring_task(root, dataset=dataset, protocols=protocols, beside=beside)
    found = task.inspect(predictions, name=name, encoder=encoder, rules=AnswerRules.of(absent, scale))
    if found.external is None:
        raise InputError("; ".join(found.faults))
    return task.results(found.external)
