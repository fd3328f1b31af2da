"""How each kind of figure is drawn from the results of a study; `benchmark.publishing.figures` chooses among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.diagnostics import Diagnostics, read_diagnostics
from benchmark.diagnostics.integrity_data import calibration_data, decay_data
from benchmark.diagnostics.integrity_figure import plot_calibration, plot_decay
from benchmark.evaluation.metrics import METRICS, metric_names
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import dataset_title, protocol_names
from benchmark.figures.confusion import class_metrics, confusion_data, plot_confusion
from benchmark.figures.cost import cost_data, plot_cost
from benchmark.figures.curves import curve_data, default_metrics, on_axes, plot_curves, plottable
from benchmark.figures.grid import grid_data, has_grid, plot_grid
from benchmark.figures.ranks import plot_ranks, rank_data
from benchmark.figures.subsets import has_names, plot_subsets, subset_data
from benchmark.figures.writing import COLUMN_WIDTH, TEXT_WIDTH
from benchmark.study.study import Study
from benchmark.words import plural
from protocols import InputError

WIDTHS = {"column": COLUMN_WIDTH, "text": TEXT_WIDTH}
#: Protocols that say most about a model in one number, the first that is there.
_TELLING = ("uncertain", "intra-random", "inter-drop", "complete")


@dataclass(frozen=True)
class Wish:
    """What was asked for, and where it goes; the fields are the arguments of `benchmark.publishing.figures.plot`."""

    folder: Path
    formats: Sequence[str]
    protocol: str | None
    metrics: Sequence[str]
    models: Sequence[str]
    scenario: str | None
    width: str

    def stem(self, panel: Panel | Diagnostics, *parts: str) -> Path:
        """The path of a figure without ending."""
        name = f"{panel.dataset}/{panel.split}-{'-'.join(filter(None, parts))}"
        ending = "-column" if self.width == "column" else ""
        return self.folder / ("".join(c if c.isalnum() or c in "-_=," else "_" for c in name) + ending)

    def chosen(self, panel: Panel) -> list[str]:
        """The wanted protocols of a panel."""
        return [p for p in protocol_names(panel) if self.protocol in (None, p, p.partition("@")[0])]

    def main(self, names: Sequence[str]) -> str:
        """The wanted protocol, else the most telling one."""
        if self.protocol:
            return next((n for n in names if self.protocol in (n, n.partition("@")[0])), names[0])
        return next((n for t in _TELLING for n in names if n.partition("@")[0] == t), names[0])

    def known(self, panel: Panel, otherwise: Sequence[str]) -> Sequence[str]:
        """The wanted metrics that are defined on a panel's labels."""
        return [m for m in self.metrics if m in metric_names(panel.label_range)] or otherwise

    def shown(self, present: Sequence[str]) -> list[str] | None:
        """The wanted models that are there; None: the figure's own choice."""
        return [m for m in self.models if m in present] or None


def _place(panel: Panel | Diagnostics) -> str:
    return dataset_title(panel.dataset, panel.split)


def _sizes(panel: Panel) -> str:
    videos = plural(len(set(panel.video_ids.tolist())), "video")
    return f"{plural(len(panel.label), 'test sample')} of {videos}; trained under '{panel.regime}'."


def _models(panel: Panel, wish: Wish) -> list[str] | None:
    return wish.shown([str(name) for name in dict.fromkeys(panel.cells["model"])])


def _suffix(metric: str) -> str:
    return "" if metric == "mae" else metric


def _curves(panel: Panel, wish: Wish) -> list[Path]:
    files: list[Path] = []
    for name in wish.chosen(panel):
        if plottable(panel, name):
            data = curve_data(panel, name, wish.known(panel, default_metrics(panel.label_range)))
            files += plot_curves(
                data,
                wish.stem(panel, name),
                f"{_place(panel)}: {name}",
                models=wish.shown(list(dict.fromkeys(data["model"]))),
                width=WIDTHS[wish.width],
                formats=wish.formats,
                note=_sizes(panel),
            )
    return files


def _grids(panel: Panel, wish: Wish) -> list[Path]:
    files: list[Path] = []
    for name in wish.chosen(panel):
        for metric in wish.known(panel, ["mae"]) if has_grid(panel, name) else ():
            data = grid_data(panel, name, metric)
            files += plot_grid(
                data,
                wish.stem(panel, name, "grid", _suffix(metric)),
                f"{_place(panel)}: {METRICS[metric].title} under {name}",
                models=wish.shown(list(dict.fromkeys(data["model"]))),
                width=WIDTHS[wish.width],
                formats=wish.formats,
                note=_sizes(panel),
            )
    return files


def _subsets(panel: Panel, wish: Wish) -> list[Path]:
    files: list[Path] = []
    for name in wish.chosen(panel):
        for metric in wish.known(panel, ["mae"]) if has_names(panel, name) else ():
            data = subset_data(panel, name, metric)
            files += plot_subsets(
                data,
                wish.stem(panel, name, "heatmap", _suffix(metric)),
                f"{_place(panel)}: {METRICS[metric].title} under {name}",
                models=wish.shown(list(dict.fromkeys(data["model"]))),
                width=WIDTHS[wish.width],
                formats=wish.formats,
                note=_sizes(panel),
            )
    return files


def _confusion(panel: Panel, wish: Wish) -> list[Path]:
    files: list[Path] = []
    classes = class_metrics(panel.label_range)
    if wish.metrics and not set(wish.metrics) & set(classes):
        raise InputError(f"a confusion figure is of classes; name one of {', '.join(classes)} as --metric")
    for metric in [m for m in wish.metrics if m in classes] or classes[:1]:
        data = confusion_data(panel, wish.scenario, metric)
        scenario = str(data["scenario"].iloc[0])
        files += plot_confusion(
            data,
            wish.stem(panel, "confusion", "" if metric == classes[0] else metric, wish.scenario or ""),
            f"{_place(panel)}: classes of {METRICS[metric].title} under {scenario}",
            models=wish.shown(list(dict.fromkeys(data["model"]))),
            width=WIDTHS[wish.width],
            formats=wish.formats,
        )
    return files


def _costs(panel: Panel, wish: Wish) -> list[Path]:
    files: list[Path] = []
    name = wish.main(protocol_names(panel))
    for metric in wish.known(panel, ["mae"]):
        files += plot_cost(
            cost_data(panel, name, metric),
            wish.stem(panel, name, "cost", _suffix(metric)),
            f"{_place(panel)}: {METRICS[metric].title} under {name} against cost",
            models=_models(panel, wish),
            width=WIDTHS[wish.width],
            formats=wish.formats,
            note=_sizes(panel),
        )
    return files


def _ranks(panel: Panel, wish: Wish) -> list[Path]:
    files: list[Path] = []
    name = wish.main(protocol_names(panel)) if wish.protocol else None
    for metric in wish.known(panel, ["mae"]):
        files += plot_ranks(
            rank_data(panel, name, metric),
            wish.stem(panel, name or "", "ranks", _suffix(metric)),
            f"{_place(panel)}: mean ranks over {f'the scenarios of {name}' if name else 'all scenarios'}",
            width=WIDTHS[wish.width],
            formats=wish.formats,
        )
    return files


def draw_integrity(study: Study, root: Path, wish: Wish) -> tuple[list[Path], list[str]]:
    """The figures of what models say besides the sentiment, and why there are none where there are none."""
    files: list[Path] = []
    for found in read_diagnostics(study, root):
        names = [str(name) for name in dict.fromkeys(found.points["protocol"])]
        models = wish.shown(list(dict.fromkeys(found.table["model"])))
        own = found.points[found.points["protocol"] == wish.main(names)]
        options = {"models": models, "width": WIDTHS[wish.width], "formats": wish.formats}
        if found.table.filter(like="integrity_").notna().all(axis=1).any():
            files += plot_calibration(
                calibration_data(found.table, own),
                wish.stem(found, wish.main(names), "calibration"),
                f"{_place(found)}: estimated integrity under {wish.main(names)}",
                **options,  # type: ignore[arg-type]
            )
        for name in names:
            points = found.points[found.points["protocol"] == name]
            if wish.protocol in (None, name, name.partition("@")[0]) and on_axes(points):
                files += plot_decay(
                    decay_data(found.table, points),
                    wish.stem(found, name, "integrity"),
                    f"{_place(found)}: integrity and dominance under {name}",
                    **options,  # type: ignore[arg-type]
                )
    return files, ["no model of the study estimates integrity or says which modality leads, as senti-ifusion does"]


#: What is drawn from a panel.
PANEL_KINDS: dict[str, Callable[[Panel, Wish], list[Path]]] = {
    "curves": _curves,
    "heatmap": _grids,
    "subsets": _subsets,
    "confusion": _confusion,
    "cost": _costs,
    "ranks": _ranks,
}
#: Why a kind has nothing to show.
NOTHING = {
    "curves": "no protocol has a numeric axis, such as inter-drop or intra-random",
    "heatmap": "no protocol spans two numeric axes, such as uncertain",
    "subsets": "no protocol has points with names, such as inter-subsets",
    "confusion": "nothing was evaluated",
    "cost": "nothing was evaluated",
    "ranks": "nothing was evaluated",
}
