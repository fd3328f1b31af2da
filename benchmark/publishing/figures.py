"""The figures of a study, drawn beside its file: what `sentibench plot` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmark.evaluation.metrics import metric_names
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import protocol_names
from benchmark.figures.writing import FORMATS, check_formats
from benchmark.publishing.figure_kinds import NOTHING, PANEL_KINDS, WIDTHS, Wish, draw_integrity
from benchmark.study.running import read_panels, study_folder
from benchmark.study.study import Study
from protocols import InputError, parse, unknown_name

#: What can be drawn.
KINDS = (*PANEL_KINDS, "integrity")


def plot(
    study: Study,
    root: Path,
    formats: Sequence[str] = FORMATS,
    *,
    kinds: Sequence[str] = ("curves",),
    protocol: str | None = None,
    metrics: Sequence[str] = (),
    models: Sequence[str] = (),
    scenario: str | None = None,
    width: str = "text",
    required: bool = True,
    told: Callable[[str], None] | None = None,
    written: Callable[[Path], None] | None = None,
) -> tuple[Path, ...]:
    """Draw figures of a study; each from a CSV beside it.

    Args:
        study: The study.
        root: Folder of the run store.
        formats: Of `png`, `pdf`, `svg`.
        kinds: Of `KINDS`; `all` is every one that the study has something to show for.
        protocol: Only this one; calibration, cost and ranks are over it, instead of the most telling one or all.
        metrics: Of curves, one by one of heat maps, cost, ranks and confusion matrices; by default those that each
            kind is known by (MAE, Acc-5 and F1; MAE; Acc-7).
        models: To be shown in full; by default all of a few, else a choice (see `emphasis`).
        scenario: Of the confusion matrices; `complete` by default.
        width: `column` (3.4 inches) or `text` (7 inches); files of the first end in `-column`.
        required: Each kind asked for by name must have something to show; else those without are left out.
        told: Is given a line for every kind that is left out, and why.
        written: Is given each file, kind by kind, as they are written.

    Returns:
        The files, CSV first for each figure.

    Raises:
        InputError: when nothing of the study has been run, something asked for is unknown, or a kind has nothing to
            show (unless it is one of `all`, or not required).
    """
    for kind in kinds:
        if kind not in (*KINDS, "all"):
            raise unknown_name("kind of figure", kind, (*KINDS, "all"))
    if width not in WIDTHS:
        raise unknown_name("width", width, WIDTHS)
    check_formats(formats)
    panels = read_panels(study, root)
    _check_wishes(panels, protocol, metrics, models)
    wanted = str(parse(scenario)) if scenario else None
    folder = study_folder(study, root)
    folder.mkdir(parents=True, exist_ok=True)
    wish = Wish(folder, formats, protocol, metrics, models, wanted, width)
    files: list[Path] = []
    named = required and "all" not in kinds
    for kind in KINDS if "all" in kinds else dict.fromkeys(kinds):
        try:
            drawn, reasons = draw_integrity(study, root, wish) if kind == "integrity" else _draw(kind, panels, wish)
        except InputError as error:
            drawn, reasons = [], [str(error)]
        if not drawn and named:
            raise InputError(reasons[0])
        if not drawn and told:
            told(f"{kind} left out: {reasons[0]}")
        files += drawn
        if written:
            for path in drawn:
                written(path)
    if not files and required:
        raise InputError(f"study '{study.name}': there is nothing to draw of it yet; run it under some protocols")
    return tuple(files)


def _check_wishes(panels: Sequence[Panel], protocol: str | None, metrics: Sequence[str], models: Sequence[str]) -> None:
    names = list(dict.fromkeys(name for panel in panels for name in protocol_names(panel)))
    if protocol and not any(protocol in (name, name.partition("@")[0]) for name in names):
        raise unknown_name("protocol of the study", protocol, names)
    known = list(dict.fromkeys(name for panel in panels for name in metric_names(panel.label_range)))
    present = list(dict.fromkeys(str(name) for panel in panels for name in panel.cells["model"]))
    for what, wanted, there in (("metric", metrics, known), ("model of the study", models, present)):
        for name in wanted:
            if name not in there:
                raise unknown_name(what, name, there)


def _draw(kind: str, panels: Sequence[Panel], wish: Wish) -> tuple[list[Path], list[str]]:
    """The figures of one kind, and why there are none where there are none."""
    files: list[Path] = []
    reasons: list[str] = []
    for panel in panels:
        try:
            found = PANEL_KINDS[kind](panel, wish)
        except InputError as error:
            found, reason = [], str(error)
        else:
            reason = f"{panel.dataset}: {NOTHING[kind]}"
        files += found
        reasons += [] if found else [reason]
    return files, reasons
