"""What all figures share: their look, their formats, and how they are written whole or not at all."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import seaborn as sns
from matplotlib import rc_context
from matplotlib.figure import Figure

from protocols import InputError, unknown_name

#: Width of a column and of the text of a two-column page, inches.
COLUMN_WIDTH, TEXT_WIDTH = 3.4, 7.0
FORMATS = ("png", "pdf", "svg")


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
    with rc_context(look):
        yield


def check_formats(formats: Iterable[str]) -> None:
    """Raises InputError for a format that figures are not written in."""
    for name in formats:
        if name not in FORMATS:
            raise unknown_name("figure format", name, FORMATS)


def save_figure(figure: Figure, stem: Path, formats: Sequence[str]) -> list[Path]:
    """Write a figure as `stem.png`, ...; without a date, so that equal figures are equal files."""
    written = []
    for form in formats:
        path = beside(stem, form)
        metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(form)
        replace_file(path, lambda p, f=form, m=metadata: figure.savefig(p, format=f, dpi=200, metadata=m))  # type: ignore[misc]
        written.append(path)
    return written


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
