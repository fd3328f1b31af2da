"""The figures of a study, drawn beside its file: what `sentibench plot` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmark.evaluation.metrics import metric_names
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import protocol_names, protocols_called
from benchmark.figures.kinds import WIDTHS, FigureKind, FigureRequest, figure_kind, figure_kinds
from benchmark.figures.writing import FORMATS, check_formats
from benchmark.results.study_results import StudyResults
from protocols import InputError, parse, unknown_name


def plot(
    results: StudyResults,
    formats: Sequence[str] = FORMATS,
    *,
    kinds: Sequence[str] = ("curves",),
    protocol: str | None = None,
    metrics: Sequence[str] = (),
    models: Sequence[str] = (),
    scenario: str | None = None,
    width: str = "text",
    required: bool = True,
    on_skip: Callable[[str], None] | None = None,
    written: Callable[[Path], None] | None = None,
) -> tuple[Path, ...]:
    """Draw figures of a study; each from a CSV beside it.

    Args:
        results: Results of a study in a run store.
        formats: Of `png`, `pdf`, `svg`.
        kinds: Names of kinds; `all` is every one that the study has something to show for.
        protocol: Only this one; calibration, cost and ranks are over it, instead of the most telling one or all.
        metrics: Of curves, one by one of heat maps, cost, ranks and confusion matrices; by default those that each
            kind is known by (MAE, Acc-5 and F1; MAE; Acc-7).
        models: To be shown in full; by default all of a few, else a choice (see `emphasis`).
        scenario: Of the confusion matrices; `complete` by default.
        width: `column` (3.4 inches) or `text` (7 inches); files of the first end in `-column`.
        required: Each kind asked for by name must have something to show; else those without are left out.
        on_skip: Is given a line for every kind that is left out, and why.
        written: Is given each file, kind by kind, as they are written.

    Returns:
        The files, CSV first for each figure.

    Raises:
        InputError: when nothing of the study has been run, something asked for is unknown, or a kind has nothing to
            show (unless it is one of `all`, or not required).
    """
    everything = "all" in kinds
    wanted = list(figure_kinds().values()) if everything else [figure_kind(name) for name in dict.fromkeys(kinds)]
    if width not in WIDTHS:
        raise unknown_name("width", width, WIDTHS)
    check_formats(formats)
    _check_names(results.panels, protocol, metrics, models)
    folder = results.folder
    folder.mkdir(parents=True, exist_ok=True)
    request = FigureRequest(
        folder, formats, protocol, metrics, models, str(parse(scenario)) if scenario else None, width
    )
    files: list[Path] = []
    for kind in wanted:
        drawn, reasons = _draw(kind, results, request)
        if not drawn and required and not everything:
            raise InputError(reasons[0])
        if not drawn and on_skip:
            on_skip(f"{kind.name} left out: {reasons[0]}")
        files += drawn
        if written:
            for path in drawn:
                written(path)
    if not files and required:
        raise InputError(f"study '{results.name}': there is nothing to draw of it yet; run it under some protocols")
    return tuple(files)


def _check_names(panels: Sequence[Panel], protocol: str | None, metrics: Sequence[str], models: Sequence[str]) -> None:
    names = list(dict.fromkeys(name for panel in panels for name in protocol_names(panel)))
    if protocol and not protocols_called(protocol, names):
        raise unknown_name("protocol of the study", protocol, names)
    known = list(dict.fromkeys(name for panel in panels for name in metric_names(panel.label_range)))
    present = list(dict.fromkeys(str(name) for panel in panels for name in panel.cells["model"]))
    for what, wanted, there in (("metric", metrics, known), ("model of the study", models, present)):
        for name in wanted:
            if name not in there:
                raise unknown_name(what, name, there)


def _draw(kind: FigureKind, results: StudyResults, request: FigureRequest) -> tuple[list[Path], list[str]]:
    """The figures of one kind, and why there are none where there are none."""
    files: list[Path] = []
    reasons: list[str] = []
    for subject in kind.subjects(results):
        try:
            found = [file for item in kind.items(subject, request) for file in request.write(subject, item)]
        except InputError as error:
            found, reason = [], str(error)
        else:
            reason = f"{subject.dataset}: {kind.nothing}"
        files += found
        reasons += [] if found else [reason]
    return files, reasons or [kind.nothing]
