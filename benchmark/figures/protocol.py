"""A protocol as a figure: realised integrity, one sample position by position, many samples at a glance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from benchmark.figures.writing import FORMATS, TEXT_WIDTH, figure_style, save_figure
from protocols import MODALITIES, InputError
from protocols.survey import PointSurvey, Survey

_COLOURS = {"text": "#cc79a7", "audio": "#c48700", "vision": "#4a9bc8"}
_COLUMNS = 96
_SAMPLES = 60


def draw_protocol(survey: Survey, path: Path) -> Path:
    """Draw a protocol into a PNG, PDF or SVG file.

    Raises:
        InputError: for another ending or a folder that cannot be written.
    """
    form = path.suffix.removeprefix(".")
    if form not in FORMATS:
        raise InputError(f"{path}: figures are written as {', '.join(FORMATS)}; give a name that ends so")
    with figure_style(grid=False):
        figure = _figure(survey)
        FigureCanvasAgg(figure)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{path.parent}: cannot be made a folder ({error.strerror}); choose another") from error
        return save_figure(figure, path.with_suffix(""), [form])[0]


def _figure(survey: Survey) -> Figure:
    count = len(survey.points)
    inner, top, bottom = max(1.2, 0.19 * count), 0.72, 0.55
    height = inner + top + bottom
    figure = Figure(figsize=(TEXT_WIDTH, height))
    grid = figure.add_gridspec(
        1,
        7,
        width_ratios=(2.2, 1.4, 1.4, 1.4, 1.0, 1.0, 1.0),
        wspace=0.12,
        left=0.16,
        right=0.99,
        top=1 - top / height,
        bottom=bottom / height,
    )
    labels = [_label(survey, p) for p in survey.points]
    bars = figure.add_subplot(grid[0, 0])
    _integrity(bars, survey, labels)
    for column, m in enumerate(MODALITIES):
        _image(figure.add_subplot(grid[0, 1 + column]), _positions(survey, m), m, "positions", column == 0)
        samples = np.stack([p.integrity[:_SAMPLES, column] for p in survey.points])
        _image(figure.add_subplot(grid[0, 4 + column]), samples, m, "samples", False)
    panels = figure.axes
    for first, last, text in ((1, 5, "one sample"), (2, 6, f"{min(_SAMPLES, len(survey.layout))} samples")):
        x = (panels[first].get_position().x0 + panels[last].get_position().x1) / 2
        figure.text(x, 1 - 0.4 / height, text, ha="center", va="center", weight="bold")
    figure.text(0.005, 1 - 0.12 / height, f"{survey.protocol}: {survey.protocol.title}", va="center", fontsize=9)
    legend = "dark: observed   white: erased   red: present but wrong   yellow: filled"
    figure.text(panels[1].get_position().x0, 0.1 / height, legend, va="center", fontsize=7.5)
    return figure


def _label(survey: Survey, point: PointSurvey) -> str:
    coordinates = point.point.printed
    if not coordinates:
        return str(point.point.scenario)
    axes = survey.protocol.axes
    if len(axes) > 1 and len(coordinates) == 1:
        ((name, value),) = coordinates.items()
        return f"{name} {value}"
    return " / ".join(str(v) for v in coordinates.values())


def _integrity(axes: Axes, survey: Survey, labels: list[str]) -> None:
    rows = np.arange(len(labels))
    for shift, m in zip((-0.27, 0.0, 0.27), MODALITIES, strict=True):
        means = [p.mean[MODALITIES.index(m)] for p in survey.points]
        axes.barh(rows + shift, means, height=0.26, color=_COLOURS[m], label=m, linewidth=0)
    axes.set(xlim=(0, 1), ylim=(len(labels) - 0.5, -0.5), yticks=rows, yticklabels=labels, xlabel="mean integrity")
    axes.set_ylabel(" / ".join(survey.protocol.axes) if len(survey.protocol.axes) else "")
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.legend(
        ncols=3,
        loc="lower left",
        bbox_to_anchor=(-0.04, 0.985),
        frameon=False,
        handlelength=0.8,
        columnspacing=0.8,
        handletextpad=0.4,
        fontsize=7,
    )
    axes.spines[["top", "right"]].set_visible(False)


def _positions(survey: Survey, modality: str) -> npt.NDArray[np.float64]:
    """`(scenarios, T)`: 0 erased, 1 observed, 2 present but wrong, 3 filled; long samples cut into equal stretches."""
    rows = []
    for point in survey.points:
        state = point.example[modality].astype(np.float64)  # type: ignore[index]
        state[point.spoilt[modality] & point.example[modality]] = 2.0  # type: ignore[index]
        state[point.filled[modality]] = 3.0  # type: ignore[index]
        rows.append(state)
    image = np.stack(rows)
    if image.shape[1] > _COLUMNS:
        image = image[:, np.arange(_COLUMNS) * image.shape[1] // _COLUMNS]
    return image


def _image(axes: Axes, image: npt.NDArray[np.float64], title: str, what: str, first: bool) -> None:
    if what == "positions":
        axes.imshow(
            image,
            aspect="auto",
            cmap=ListedColormap(["#ffffff", "#334155", "#d55e00", "#f0e442"]),
            vmin=0,
            vmax=3,
            interpolation="nearest",
        )
    else:
        axes.imshow(image, aspect="auto", cmap="Greys", vmin=0, vmax=1.25, interpolation="nearest")
    axes.set(title=title, xticks=[], yticks=[], xlabel=what)
    for spine in axes.spines.values():
        spine.set_color("#94a3b8")
        spine.set_linewidth(0.6)
