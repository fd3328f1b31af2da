"""Predictions made elsewhere, rated: what `sentibench score` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.data.config import EncoderConfig
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import ProtocolResults, protocol_points
from benchmark.results.external.faults import protocols_named
from benchmark.results.external.joining import add_external, external_panel
from benchmark.results.external.reading import External, Inspection, inspect_predictions
from benchmark.results.external.samples import EvaluationSet, evaluation_set
from benchmark.results.opening import panel_of
from benchmark.results.study_results import StudyResults
from protocols import InputError, Protocol


@dataclass(frozen=True, eq=False)
class ScoringTask:
    """What predictions are wanted for.

    Attributes:
        samples: Test samples.
        protocols: Protocols whose scenarios are predicted.
        panel: Results that the predictions are set beside; None where they stand alone.
    """

    samples: EvaluationSet
    protocols: tuple[Protocol, ...]
    panel: Panel | None

    def inspect(self, predictions: Path, *, name: str = "", encoder: str | None = None) -> Inspection:
        """Read a file of predictions and say what is wrong with it; see `inspect_predictions`."""
        config = EncoderConfig(name=encoder) if encoder else None
        return inspect_predictions(predictions, self.samples, self.protocols, name=name, encoder=config)

    def results(self, external: External) -> StudyResults:
        """The predictions as results, beside those of the panel where there is one."""
        whole = add_external(self.panel, external) if self.panel is not None else external_panel(external)
        return StudyResults(external.models[0], (whole,))

    def rated(self, results: StudyResults) -> list[ProtocolResults]:
        """Results of the task's protocols under which the external models have predictions."""
        names = {p.name for p in self.protocols}
        return [
            found
            for found in results.by_protocol()
            if found.protocol in names and any(m in found.panel.external for m in found.estimates)
        ]


def scoring_task(
    root: Path, *, dataset: str | None = None, protocols: Sequence[str] = (), beside: str | None = None
) -> ScoringTask:
    """Samples and protocols to predict.

    Args:
        root: Folder of the run store.
        dataset: Data set, with or without split; by default that of `beside`.
        protocols: Names, or texts of scenarios; by default those of `beside`.
        beside: Study whose results the predictions are set beside: a name, a file or a published folder.

    Raises:
        InputError: for an unknown name, or where neither a data set with protocols nor a study is given.
    """
    asked = list(protocols)
    panel = panel_of(beside, dataset, root) if beside else None
    if panel is not None:
        dataset = dataset if dataset and "/" in dataset else f"{panel.dataset}/{panel.split}"
        asked = asked or list(dict.fromkeys(panel.points["protocol"]))
    if not dataset or not asked:
        raise InputError("name a data set and protocols, or a study to set the predictions beside")
    chosen = protocols_named(asked)
    if panel is not None:
        for protocol in chosen:
            protocol_points(panel, protocol.name)  # raises for one that the study does not have
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
) -> StudyResults:
    """Rate a file of predictions.

    Args:
        predictions: CSV or parquet file with columns `sample_id`, `scenario`, `seed`, `prediction`.
        root: Folder of the run store.
        dataset: See `scoring_task`.
        protocols: See `scoring_task`.
        name: Name of the row; by default that of the file.
        beside: See `scoring_task`.
        encoder: Text encoder whose tokens the masks were drawn on, for a column `masks_sha256`.

    Raises:
        InputError: for a file that cannot be rated, with everything that is wrong with it.
    """
    task = scoring_task(root, dataset=dataset, protocols=protocols, beside=beside)
    found = task.inspect(predictions, name=name, encoder=encoder)
    if found.external is None:
        raise InputError("; ".join(found.faults))
    return task.results(found.external)
