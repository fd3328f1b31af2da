"""Comparison of two models by name, wherever their results are, as in `sentibench compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.evaluation.metrics import metric_names
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import ProtocolResults, protocol_names, protocol_points
from benchmark.evaluation.statistics import DRAWS
from benchmark.results.opening import panel_of
from benchmark.tables.comparison import Comparison, compare_models, pair


def compare(
    a: str,
    b: str,
    root: Path,
    *,
    study: str | None = None,
    dataset: str | None = None,
    protocols: Sequence[str] = (),
    metrics: Sequence[str] = (),
    by_scenario: bool = False,
    draws: int = DRAWS,
    level: float = 0.95,
) -> Comparison:
    """Test two models in pairs.

    Args:
        a: Name of a row, the first digits of a run's id, or STUDY:MODEL.
        b: As `a`; another study must have results on the same samples.
        root: Folder of the run store.
        study: Name or file of the study, or a published folder; default: the study run last.
        dataset: Data set, if the study has several.
        protocols: Names of protocols; default: all.
        metrics: Names of metrics, or `all`; default: MAE, and every metric if one protocol is named.
        by_scenario: Compare scenario by scenario instead of by protocol mean.
        draws: Number of bootstrap draws.
        level: Confidence level of intervals and verdicts.

    Raises:
        InputError: for an unknown name, or models without a common protocol.
    """
    (first, row_a), (second, row_b) = (_study_of(given, study, root) for given in (a, b))
    panel_a = panel_of(first, dataset, root)
    same = first == second
    panel_b = panel_a if same else panel_of(second, dataset, root)
    both = pair(panel_a, row_a, panel_b, row_b, None if same else (a, b))
    chosen = metric_names(both.label_range) if "all" in metrics else metrics
    titles = dict.fromkeys(str(model) for model in both.cells["model"])
    suspect = {
        title: _implausible(panel, row, protocols, draws=draws, level=level)
        for title, panel, row in zip(titles, (panel_a, panel_b), (row_a, row_b), strict=True)
    }
    return compare_models(both, protocols, chosen, by_scenario=by_scenario, draws=draws, level=level, remarks=suspect)


def _implausible(panel: Panel, model: str, protocols: Sequence[str], *, draws: int, level: float) -> list[str]:
    """Why the results of a model are too good to be true, each reason once; empty where they are not."""
    found = (
        ProtocolResults.of(panel, name, draws=draws, level=level).implausible.get(model)
        for name in protocols or protocol_names(panel)
        if panel.cells["scenario"].isin(protocol_points(panel, name)["scenario"]).any()
    )
    return list(dict.fromkeys(text for text in found if text))


def _study_of(given: str, study: str | None, root: Path) -> tuple[str | None, str]:
    """Split `STUDY:MODEL` into study and model; for a bare name, the study is the given one."""
    name, colon, model = given.rpartition(":")
    known = (root / "studies" / name / "study.yaml").is_file() or Path(name).exists()
    return (name, model) if colon and name and known else (study, given)
