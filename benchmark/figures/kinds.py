"""Kinds of figures: the choices of `sentibench plot --kind`.

A plugin, or an installed distribution through the entry point `sentibench.figures`, adds one in a few lines:

>>> @figure(columns=("model", "error"), maker="error_data")
... def plot_errors(data, title, width, models, note):
...     return draw_bars(data, title, width)
>>> @register_figure("errors", shows="absolute errors", nothing="nothing was evaluated")
... def errors(panel: Panel, request: FigureRequest) -> Iterator[Item]:
...     yield Item(plot_errors, error_data(panel), ("errors",), "absolute errors")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import pandas as pd
from matplotlib.figure import Figure

from benchmark.evaluation.metrics import metric_names
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import dataset_title, protocol_names, protocols_called
from benchmark.figures.writing import COLUMN_WIDTH, TEXT_WIDTH, FigureWriter
from benchmark.files import safe_name
from protocols import Registry

#: Widths in inches, by name.
WIDTHS = {"column": COLUMN_WIDTH, "text": TEXT_WIDTH}
#: Protocols that summarise a model best in one number, in order of preference.
_TELLING = ("uncertain", "intra-random", "inter-drop", "complete")


class Subject(Protocol):
    """Subject of figures: the results on one data set, or the diagnostics of its models."""

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        ...

    @property
    def split(self) -> str:
        """Named split."""
        ...


class FigureSource(Protocol):
    """Results of a study, as figures need them."""

    @property
    def panels(self) -> Sequence[Panel]:
        """Results, one panel per data set."""
        ...

    @property
    def statements(self) -> Sequence[Any]:
        """Diagnostics of models beside the sentiment, one table per data set."""
        ...


@dataclass(frozen=True)
class FigureRequest:
    """Choices and destination of figures.

    Attributes:
        folder: Folder of the files.
        formats: Formats of the figures.
        protocol: The only protocol to draw; None for all, or for the preferred one.
        metrics: Metrics to draw; empty for those of the kind.
        models: Models shown in full; empty for the figure's own choice.
        scenario: Scenario of confusion matrices; None for `complete`.
        width: One of `WIDTHS`.
        against: Model that curves and overviews show paired differences to; None for the values.
    """

    folder: Path
    formats: Sequence[str]
    protocol: str | None = None
    metrics: Sequence[str] = ()
    models: Sequence[str] = ()
    scenario: str | None = None
    width: str = "text"
    against: str | None = None

    def chosen(self, names: Sequence[str]) -> list[str]:
        """The protocols to draw, of those with these names."""
        return protocols_called(self.protocol, names) if self.protocol else list(names)

    def main(self, names: Sequence[str]) -> str:
        """The protocol asked for, else the most telling one."""
        wanted = [self.protocol] if self.protocol else _TELLING
        return next((full for name in wanted for full in protocols_called(name, names)), names[0])

    def known(self, panel: Panel, otherwise: Sequence[str]) -> Sequence[str]:
        """Return the chosen metrics that are defined on a panel's labels."""
        return [m for m in self.metrics if m in metric_names(panel.label_range)] or otherwise

    def write(self, subject: Subject, item: Item) -> list[Path]:
        """Write one figure with its table; returns the files."""
        title, look = self._look(subject, item)
        return item.plot(item.data, self.folder / self._stem(subject, item), title, formats=self.formats, **look)

    def draw(self, subject: Subject, item: Item) -> list[Figure]:
        """Return one figure without writing it; its label is the name that its files would have."""
        title, look = self._look(subject, item)
        drawn = item.plot.figure(item.data, title, **look)
        drawn.set_label(self._stem(subject, item))
        return [drawn]

    def _stem(self, subject: Subject, item: Item) -> str:
        name = f"{subject.dataset}/{subject.split}-{'-'.join(filter(None, item.name))}"
        return safe_name(name) + ("-column" if self.width == "column" else "")

    def _look(self, subject: Subject, item: Item) -> tuple[str, dict[str, Any]]:
        present = set(item.data["model"].astype(str)) if "model" in item.data else set()
        models = [m for m in self.models if m in present] or None
        title = f"{dataset_title(subject.dataset, subject.split)}: {item.title}"
        return title, {"models": models, "width": WIDTHS[self.width], "note": item.note}


@dataclass(frozen=True)
class Item:
    """Figure of a subject.

    Attributes:
        plot: Function that writes it.
        data: Table that it is drawn from.
        name: Parts of its file name, after data set and split; empty ones are left out.
        title: Title, after the data set.
        note: Text below the figure.
    """

    plot: FigureWriter
    data: pd.DataFrame
    name: tuple[str, ...]
    title: str
    note: str = ""


Items: TypeAlias = Callable[[Any, FigureRequest], Iterator[Item]]


def _panels(source: FigureSource) -> Sequence[Subject]:
    return source.panels


@dataclass(frozen=True)
class FigureKind:
    """A kind of figure.

    Attributes:
        name: Name, as `--kind` takes it.
        shows: Content of the figure, in a few words.
        nothing: Reason why a data set may have no such figure.
        items: Function that returns the figures of one subject.
        subjects: Function that returns the subjects; default: every panel.
    """

    name: str
    shows: str
    nothing: str
    items: Items
    subjects: Callable[[FigureSource], Sequence[Subject]] = _panels


#: All kinds of figures by name.
FIGURES: Registry[FigureKind] = Registry(
    "kind of figure",
    "sentibench.figures",
    {
        "curves": "benchmark.figures.curves",
        "heatmap": "benchmark.figures.grid",
        "subsets": "benchmark.figures.subsets",
        "confusion": "benchmark.figures.confusion",
        "cost": "benchmark.figures.cost",
        "ranks": "benchmark.figures.ranks",
        "overview": "benchmark.figures.overview",
        "integrity": "benchmark.diagnostics.integrity_figure",
    },
)


def register_figure(
    name: str, *, shows: str, nothing: str, subjects: Callable[[FigureSource], Sequence[Subject]] = _panels
) -> Callable[[Items], Items]:
    """Return a decorator that registers a function, which returns the figures of one subject, as the kind `name`.

    Arguments are the attributes of `FigureKind`.

    Raises:
        InputError: for a name that is registered already.
    """
    return FIGURES.decorator(name, lambda items: FigureKind(name, shows, nothing, items, subjects))


def protocols_of(panel: Panel, request: FigureRequest) -> list[str]:
    """Return the protocols of a panel that are to be drawn."""
    return request.chosen(protocol_names(panel))


def suffix_of(metric: str) -> str:
    """Return the part of a file name for a metric; empty for MAE."""
    return "" if metric == "mae" else metric
