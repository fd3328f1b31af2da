"""Common parts of all figures: style, formats, and writing each file whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from benchmark.figures.sheet import PRINT_LAYOUT, text_size
from benchmark.files import csv_frame, csv_value, replace_file, replace_text
from protocols import InputError, unknown_name

#: Widths of a column and of the text of a two-column page, in inches.
COLUMN_WIDTH, TEXT_WIDTH = 3.4, 7.0
FORMATS = ("png", "pdf", "svg")
_DPI = 200
#: Style of seaborn's `ticks`, written out, as importing seaborn takes most of a second; no setting of a user remains.
_TICKS = {
    **dict.fromkeys(("axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "text.color"), ".15"),
    **dict.fromkeys(("xtick.direction", "ytick.direction"), "out"),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor"), "white"),
    **dict.fromkeys((f"axes.spines.{side}" for side in ("left", "bottom", "right", "top")), True),
    **{"xtick.top": False, "ytick.right": False, "xtick.bottom": True, "ytick.left": True},
    **{"patch.edgecolor": "w", "patch.force_edgecolor": True, "lines.solid_capstyle": "round"},
    **{"axes.axisbelow": True, "grid.linestyle": "-", "grid.color": "#e4e4e4"},
}


@contextmanager
def figure_style(*, grid: bool = True) -> Iterator[None]:
    """Style of all figures, made for print at column width.

    Fonts stay text in PDF and SVG; a fixed salt keeps files equal from run to run.
    """
    look: dict[Any, Any] = {**_TICKS, "axes.grid": grid}
    sizes = {"font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8.5, "legend.fontsize": 7.5}
    sizes |= {"xtick.labelsize": 7.5, "ytick.labelsize": 7.5}
    look |= {name: text_size(size) for name, size in sizes.items()}
    look |= {"axes.linewidth": 0.7, "grid.linewidth": 0.5}
    look |= {"hatch.linewidth": 0.5, "font.family": ["sans-serif"], "font.sans-serif": ["DejaVu Sans"]}
    look |= {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "sentibench"}
    look |= {"text.parse_math": False}  # a dollar in a label is a dollar
    with rc_context(look):
        yield


def check_formats(formats: Iterable[str]) -> None:
    """Raise InputError for a format that figures are not written in."""
    for name in formats:
        if name not in FORMATS:
            raise unknown_name("figure format", name, FORMATS)


def save_figure(figure: Figure, stem: Path, formats: Sequence[str]) -> list[Path]:
    """Write a figure as `stem.png`, ...; without a date, so that equal figures are equal files."""
    _settle(figure)
    written = []
    for form in formats:
        path = beside(stem, form)
        metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(form)
        replace_file(path, lambda p, f=form, m=metadata: figure.savefig(p, format=f, dpi=_DPI, metadata=m))  # type: ignore[misc]
        written.append(path)
    return written


def _settle(figure: Figure) -> None:
    """Lay out once for all formats and round: the solver's last bits differ from call to call, and files with them."""
    engine = figure.get_layout_engine()
    if engine is None:
        return
    figure.set_dpi(_DPI)
    engine.execute(figure)
    figure.set_layout_engine(None)  # a placeholder would have every file drawn twice
    for ax in figure.axes:
        left, bottom, width, height = (round(float(v), 6) for v in ax.get_position(original=True).bounds)
        ax.set_position((left, bottom, width, height))


def write_figure(
    data: pd.DataFrame,
    out: Path | str,
    draw: Callable[[pd.DataFrame], Figure],
    formats: Sequence[str] = FORMATS,
    *,
    columns: Sequence[str],
    maker: str,
    grid: bool = True,
) -> list[Path]:
    """Write a table as CSV and, read back from it, its figure: the CSV contains all the data of the figure.

    Args:
        data: The table.
        out: Path without ending; the folder must exist.
        draw: Draws the table as read back.
        formats: Formats of the figure.
        columns: Required columns of the table.
        maker: Function that makes such tables, named in error messages.
        grid: True for axes with grid lines.

    Returns:
        The files: the CSV first. Each is written beside and renamed into place.

    Raises:
        InputError: if the folder does not exist, a column is missing, the table is empty, or a format is unknown.
    """
    stem = Path(out)
    absent = [name for name in columns if name not in data]
    if absent:
        raise InputError(f"the figure's data has no column '{absent[0]}'; make it with {maker}")
    if data.empty:
        raise InputError(f"the figure's data has no rows; evaluate at least one model, then use {maker}")
    if not stem.parent.is_dir():
        raise InputError(f"{stem.parent}: no such folder; create it or choose another")
    check_formats(formats)
    table = beside(stem, "csv")
    replace_text(table, csv_frame(data))
    with figure_style(grid=grid):
        read = read_table(table, list(data.select_dtypes("number").columns))
        drawn = draw(read)
        caption = str(drawn.get_label())
        texts = [] if PRINT_LAYOUT.get().titled or not caption else [replace_text(beside(stem, "txt"), f"{caption}\n")]
        return [table, *texts, *save_figure(drawn, stem, formats)]


class Draw(Protocol):
    """Draws a table: `data`, `title`, `width` (inches), `models` (shown in full; None: own choice), `note`."""

    def __call__(
        self, data: pd.DataFrame, title: str, width: float, models: Sequence[str] | None, note: str, /
    ) -> Figure:
        """Draw the figure."""
        ...


@dataclass(frozen=True)
class FigureWriter:
    """Writer of a table as CSV and, read back from it, its figure; made by `figure`. Attributes as in `write_figure`.

    Attributes:
        check: Function that raises InputError for a table that cannot be drawn, before anything is written.
    """

    draw: Draw
    columns: Sequence[str]
    maker: str
    grid: bool = True
    check: Callable[[pd.DataFrame, Sequence[str] | None], None] | None = None

    def __call__(
        self,
        data: pd.DataFrame,
        out: Path | str,
        title: str = "",
        *,
        models: Sequence[str] | None = None,
        width: float = TEXT_WIDTH,
        formats: Sequence[str] = FORMATS,
        note: str = "",
    ) -> list[Path]:
        """Write the table and its figure.

        Args:
            data: Table made by the function `maker`.
            out: Path without ending; the folder must exist.
            title: Title above the figure.
            models: Models shown in full, others grey or left out; None: the figure's own choice.
            width: Width in inches.
            formats: Formats of the figure.
            note: Text below the figure, before its own explanation.

        Returns:
            The files: the CSV first. Each is written beside and renamed into place.

        Raises:
            InputError: as `write_figure`, for an unknown model, or a table that cannot be drawn.
        """
        self._check(data, models)
        return write_figure(
            data,
            out,
            lambda table: self.draw(table, title, width, models, note),
            formats,
            columns=self.columns,
            maker=self.maker,
            grid=self.grid,
        )

    def figure(
        self,
        data: pd.DataFrame,
        title: str = "",
        *,
        models: Sequence[str] | None = None,
        width: float = TEXT_WIDTH,
        note: str = "",
    ) -> Figure:
        """Draw the table and write nothing; see `__call__`."""
        self._check(data, models)
        numbers = list(data.select_dtypes("number").columns)
        read_back = read_table(io.StringIO(data.to_csv(index=False)), numbers)
        with figure_style(grid=self.grid):
            return self.draw(read_back, title, width, models, note)

    def _check(self, data: pd.DataFrame, models: Sequence[str] | None) -> None:
        if self.check is not None and {"model", *self.columns} <= set(data) and len(data):
            self.check(data, models)


def figure(
    *,
    columns: Sequence[str],
    maker: str,
    grid: bool = True,
    check: Callable[[pd.DataFrame, Sequence[str] | None], None] | None = None,
) -> Callable[[Draw], FigureWriter]:
    """Return a decorator that turns a function which draws a table into one that writes the table and its figure."""
    return lambda draw: FigureWriter(draw, columns, maker, grid, check)


def read_table(path: Path | str | io.StringIO, numbers: Sequence[str]) -> pd.DataFrame:
    """Read the CSV beside a figure; all but the named columns are text, True or False (a model may be called `NA`)."""
    table = pd.read_csv(path, keep_default_na=False, dtype=str)
    for name in table.columns:
        own = table[name]
        if name in numbers:  # converted by Python, to the last bit
            whole = len(own) > 0 and bool(own.str.fullmatch(r"-?\d+").all())
            table[name] = own.astype("int64") if whole else own.replace("", "nan").astype("float64")
        elif len(own) and set(own) <= {"True", "False"}:
            table[name] = own == "True"
        else:
            table[name] = own.map(csv_value)
    return table


def beside(stem: Path, ending: str) -> Path:
    """Return the file of a stem, which may contain dots itself."""
    return stem.with_name(f"{stem.name}.{ending}")
