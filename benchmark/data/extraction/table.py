"""The table of clips: a CSV of `id` and `file`, and optionally `start`, `end`, `video`, `label`, `text` and `split`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmark.data.extraction.clip import Clip
from benchmark.data.importers.csv_table import CsvTable
from benchmark.data.importers.splits import check_parts, part_code
from benchmark.data.samples import PARTS
from protocols import InputError, read_number

_NAMES = {
    "id": ("id", "sample_id"),
    "file": ("file", "path"),
    "start": ("start",),
    "end": ("end",),
    "video": ("video", "video_id"),
    "label": ("label", "sentiment"),
    "text": ("text", "raw_text", "sentence"),
    "split": ("split", "mode", "part"),
}


@dataclass(frozen=True, eq=False)
class ClipTable:
    """Clips to extract features from, in order.

    Attributes:
        ids: Ids of the samples.
        clips: One for each id.
        texts: Spoken words, empty where unknown; None without a column of text.
        columns: Arrays of the archive that are known without extraction: `label`, `video_id`, `split.given`.
    """

    ids: list[str]
    clips: list[Clip]
    texts: list[str] | None
    columns: dict[str, npt.NDArray[np.generic]]


def read_table(path: Path) -> ClipTable:
    """Read a table of clips; files are found relative to its folder.

    Raises:
        InputError: With the line and column, for a table that cannot be read.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a CSV with the columns id and file")
    table = CsvTable(path, _NAMES, ("id", "file"))
    unread = [head for head in table.columns if head not in table.heads.values()]
    if unread:
        known = ", ".join(_NAMES)
        raise InputError(f"{path}: unknown columns {', '.join(unread)[:200]}; expected {known}; rename or remove them")
    ids = table.key("id").tolist()
    first: dict[str, int] = {}
    for row, sample in enumerate(ids):
        if first.setdefault(sample, row) != row:
            raise InputError(f"{table.at(row, 'id')}: {sample!r:.80} is that of line {table.line(first[sample])}")
    start, end = (_seconds(table, role) for role in ("start", "end"))
    files = [path.parent / name.strip() for name in table.key("file").tolist()]
    clips = [Clip(file, start[i] or 0.0, end[i]) for i, file in enumerate(files)]
    columns: dict[str, npt.NDArray[np.generic]] = {}
    if "label" in table.heads:
        columns["label"] = table.numbers("label")
    if "video" in table.heads:
        columns["video_id"] = np.array(table.key("video").tolist())
    if "split" in table.heads:
        columns["split.given"] = _split(table)
    texts = None
    if "text" in table.heads:
        texts = [" ".join(text.split()) for text in table.column("text").tolist()]
    return ClipTable(ids, clips, texts, columns)


def _seconds(table: CsvTable, role: str) -> list[float | None]:
    if role not in table.heads:
        return [None] * len(table)
    found = []
    for row, cell in enumerate(table.column(role).tolist()):
        number = read_number(cell.strip()) if cell.strip() else None
        if cell.strip() and (number is None or number < 0):
            raise InputError(f"{table.at(row, role)}: expected seconds from the start of the file, found {cell!r:.60}")
        found.append(number)
    return found


def _split(table: CsvTable) -> npt.NDArray[np.generic]:
    names = {code: part for part, code in PARTS.items()}
    codes = []
    for row, cell in enumerate(table.column("split").tolist()):
        code = part_code(cell)
        if code is None:
            raise InputError(f"{table.at(row, 'split')}: expected train, valid, test or unused, found {cell!r:.60}")
        codes.append(code)
    check_parts(f"{table.path}: column {table.heads['split']}", np.array(codes, np.uint8))
    return np.array([names[code] for code in codes])
