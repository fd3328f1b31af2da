"""What all figures share: their look, their formats, and how they are written whole or not at all."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib import rc_context
from matplotlib.figure import Figure

from protocols import InputError, unknown_name

#: Width of a column and of the text of a two-column page, inches.
COLUMN_WIDTH, TEXT_WIDTH = 3.4, 7.0
FORMATS = ("png", "pdf", "svg")
_DPI = 200


@contextmanager
def figure_style(*, grid: bool = True) -> Iterator[None]:
    """The look of all figures, made for print at column width.

    Fonts stay text in PDF and SVG; a fixed salt keeps files equal from run to run.
    """
    look: dict[Any, Any] = sns.axes_style("ticks", {"axes.grid": grid, "grid.color": "#e4e4e4"})
    look |= {"font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8.5, "legend.fontsize": 7.5}
    look |= {"xtick.labelsize": 7.5, "ytick.labelsize": 7.5, "axes.linewidth": 0.7, "grid.linewidth": 0.5}
    look |= {"hatch.linewidth": 0.5, "font.family": ["sans-serif"], "font.sans-serif": ["DejaVu Sans"]}
    look |= {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "sentibench"}
    look |= {"text.parse_math": False}  # a dollar in a label is a dollar
    with rc_context(look):
        yield


def check_formats(formats: Iterable[str]) -> None:
    """Raises InputError for a format that figures are not written in."""
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
    if figure.get_layout_engine() is None:
        return
    figure.set_dpi(_DPI)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
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
    numbers: Sequence[str],
    maker: str,
    grid: bool = True,
) -> list[Path]:
    """Write a table as CSV and, read back from it, its figure: the CSV says everything that the figure shows.

    Args:
        data: The table.
        out: Path without ending; the folder must exist.
        draw: Draws the table as read back.
        formats: Of the figure.
        columns: What the table must have.
        numbers: The columns that hold numbers, where an empty field is NaN.
        maker: The function that makes such tables, for the reader of an error.
        grid: Whether axes have grid lines.

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
    replace_file(table, lambda path: data.to_csv(path, index=False, lineterminator="\n"))
    with figure_style(grid=grid):
        return [table, *save_figure(draw(read_table(table, numbers)), stem, formats)]


def read_table(path: Path | str, numbers: Sequence[str]) -> pd.DataFrame:
    """The CSV beside a figure; all but the named columns are text, True or False, and a model may be called `NA`."""
    table = pd.read_csv(path, keep_default_na=False, dtype=str)
    for name in table.columns:
        own = table[name]
        if name in numbers:  # converted by Python, to the last bit
            whole = len(own) > 0 and bool(own.str.fullmatch(r"-?\d+").all())
            table[name] = own.astype("int64") if whole else own.replace("", "nan").astype("float64")
        elif len(own) and set(own) <= {"True", "False"}:
            table[name] = own == "True"
    return table


def beside(stem: Path, ending: str) -> Path:
    """The file of a stem, which may hold dots itself."""
    return stem.with_name(f"{stem.name}.{ending}")


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside and rename into place, so that a reader never sees half a file.

    Raises:
        InputError: when the file cannot be written.
    """
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}{path.suffix}")
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}); choose another folder") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
