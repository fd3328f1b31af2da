"""Figures of a study, drawn beside its file, as in `sentibench plot`."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from matplotlib.figure import Figure

from benchmark.evaluation.metrics import metric_names
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import protocol_names, protocols_called
from benchmark.figures.kinds import FIGURES, WIDTHS, FigureKind, FigureRequest, Item
from benchmark.figures.writing import FORMATS, check_formats
from benchmark.results.study_results import StudyResults
from protocols import InputError, parse, unknown_name

T = TypeVar("T")


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
    against: str | None = None,
    folder: Path | None = None,
    required: bool = True,
    on_skip: Callable[[str], None] | None = None,
    written: Callable[[Path], None] | None = None,
) -> tuple[Path, ...]:
    """Draw figures of a study; each with the CSV it is drawn from.

    Args:
        results: Results of a study in a run store, or of a published folder.
        formats: Formats, of `png`, `pdf`, `svg`.
        kinds: Names of kinds; `all` is every one that applies to the study.
        protocol: Draw this protocol only; calibration, cost and ranks are over it, instead of the preferred one or all.
        metrics: Metrics of curves and, one by one, of heat maps, cost, ranks and confusion matrices; default: those
            that each kind commonly shows (MAE, Acc-5 and F1; MAE; Acc-7).
        models: Models shown in full; default: all of a few, else a choice (see `emphasis`).
        scenario: Scenario of the confusion matrices; default: `complete`.
        width: `column` (3.4 inches) or `text` (7 inches); files of the first end in `-column`.
        against: Model to which curves and overviews show paired differences; None for the values.
        folder: Folder of the files; default: that of the study, which results of a published folder lack.
        required: True if each kind chosen by name must apply; else those that do not apply are left out.
        on_skip: Function called with a line for every kind that is left out, with the reason.
        written: Function called with each file as it is written.

    Returns:
        The files, CSV first for each figure.

    Raises:
        InputError: if no run of the study is finished, a choice is unknown, or a kind does not
            apply (unless it is one of `all`, or not required).
    """
    check_formats(formats)
    folder = folder or results.folder
    request = _request(results, folder, formats, protocol, metrics, models, scenario, width, against)
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(_collected(results, kinds, request, request.write, required, on_skip, written))


class Figures(tuple[Figure, ...]):
    """Figures of a study; a notebook shows all of them. Their labels are the names that their files would have."""

    def _repr_html_(self) -> str:
        pages = []
        for figure in self:
            content = io.BytesIO()
            figure.savefig(content, format="png", dpi=100)
            name, data = html.escape(str(figure.get_label())), base64.b64encode(content.getvalue()).decode()
            pages.append(f'<img alt="{name}" src="data:image/png;base64,{data}">')
        return "<br>".join(pages)


def draw(
    results: StudyResults,
    *,
    kinds: Sequence[str] = ("curves",),
    protocol: str | None = None,
    metrics: Sequence[str] = (),
    models: Sequence[str] = (),
    scenario: str | None = None,
    width: str = "text",
    against: str | None = None,
) -> Figures:
    """Draw figures of a study without writing them; see `plot` for arguments and errors."""
    request = _request(results, Path(), (), protocol, metrics, models, scenario, width, against)
    return Figures(_collected(results, kinds, request, request.draw))


def _request(
    results: StudyResults,
    folder: Path,
    formats: Sequence[str],
    protocol: str | None,
    metrics: Sequence[str],
    models: Sequence[str],
    scenario: str | None,
    width: str,
    against: str | None,
) -> FigureRequest:
    if width not in WIDTHS:
        raise unknown_name("width", width, WIDTHS)
    _check_names(results.panels, protocol, metrics, [*models, *([against] if against else [])])
    chosen = str(parse(scenario)) if scenario else None
    return FigureRequest(folder, formats, protocol, metrics, models, chosen, width, against)


def _collected(
    results: StudyResults,
    kinds: Sequence[str],
    request: FigureRequest,
    make: Callable[[Any, Item], list[T]],
    required: bool = True,
    on_skip: Callable[[str], None] | None = None,
    written: Callable[[T], None] | None = None,
) -> list[T]:
    """Return the results of `make` of all figures of some kinds; see `plot`."""
    everything = "all" in kinds
    wanted = list(FIGURES.all().values()) if everything else [FIGURES.get(name) for name in dict.fromkeys(kinds)]
    made: list[T] = []
    for kind in wanted:
        drawn, reasons = _draw(kind, results, request, make)
        if not drawn and required and not everything:
            raise InputError(reasons[0])
        if not drawn and on_skip:
            on_skip(f"{kind.name} left out: {reasons[0]}")
        made += drawn
        if written:
            for item in drawn:
                written(item)
    if not made and required:
        raise InputError(f"study '{results.name}': nothing to draw yet; run it under some protocols")
    return made


def _check_names(panels: Sequence[Panel], protocol: str | None, metrics: Sequence[str], models: Sequence[str]) -> None:
    names = list(dict.fromkeys(name for panel in panels for name in protocol_names(panel)))
    if protocol and not protocols_called(protocol, names):
        raise unknown_name("protocol of the study", protocol, names)
    known = list(dict.fromkeys(name for panel in panels for name in metric_names(panel.label_range)))
    present = list(dict.fromkeys(name for panel in panels for name in panel.models))
    for what, wanted, there in (("metric", metrics, known), ("model of the study", models, present)):
        for name in wanted:
            if name not in there:
                raise unknown_name(what, name, there)


def _draw(
    kind: FigureKind, results: StudyResults, request: FigureRequest, make: Callable[[Any, Item], list[T]]
) -> tuple[list[T], list[str]]:
    """Return the figures of one kind, and the reasons why data sets have none."""
    files: list[T] = []
    reasons: list[str] = []
    for subject in kind.subjects(results):
        try:
            found = [file for item in kind.items(subject, request) for file in make(subject, item)]
        except InputError as error:
            found, reason = [], str(error)
        else:
            reason = f"{subject.dataset}: {kind.nothing}"
        files += found
        reasons += [] if found else [reason]
    return files, reasons or [kind.nothing]
