"""A CSV of texts and labels, such as the `label.csv` of MMSA's data sets.

Columns, in any order and case: `text` and `label` are required; `id` (or `video_id` and `clip_id`), `video_id`, `split`
(or `mode`: train, valid, test), `label_text`, `label_audio`, `label_vision` (or `label_T`, `_A`, `_V`) are optional.
UTF-8; comma, semicolon or tab; every line is accounted for (`csv_records`). Audio and vision are missing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmark.data.importers.assemble import absent_stream, identifiers, strings
from benchmark.data.importers.csv_records import read_records
from benchmark.data.importers.meaning import UNDECLARED
from benchmark.data.importers.options import ImportOptions
from benchmark.data.importers.splits import check_parts, choose_split, part_code
from benchmark.data.importers.videos import GIVEN, recognise_videos
from benchmark.data.importers.words import token_stream
from benchmark.data.samples import FloatArray, ModalityStream, PartArray, Provenance, Samples, StringArray
from protocols import InputError, Modality, read_number

_SEPARATORS = (",", ";", "\t")
_NAMES = {
    "id": ("id", "sample_id"),
    "video_id": ("video_id", "videoid", "video"),
    "clip_id": ("clip_id", "segment_id"),
    "split": ("split", "mode", "part"),
    "text": ("text", "raw_text", "sentence"),
    "label": ("label", "sentiment"),
    "label_text": ("label_text", "label_t"),
    "label_audio": ("label_audio", "label_a"),
    "label_vision": ("label_vision", "label_v"),
}
_UNIMODAL: dict[str, Modality] = {"label_text": "text", "label_audio": "audio", "label_vision": "vision"}


def read_csv(path: Path, name: str, sha256: str, options: ImportOptions, labelled: bool = True) -> Samples:
    """Read a CSV of texts and labels; see `import_file`."""
    table = _Table(path, options, ("text", "label") if labelled else ("text",))
    n = len(table)
    texts = strings(f"{path}: column text", table.column("text"), n)
    video_ids, ids, notes = _ids(table)
    if not labelled:
        streams, text_notes = _streams(path, texts)
        source = Provenance(
            source=path.name, source_sha256=sha256, layout="csv", label_range=UNDECLARED, notes=(*notes, *text_notes)
        )
        return Samples(name, ids, video_ids, texts, np.full(n, np.nan, np.float32), streams, {}, source)
    label = table.numbers("label")
    unimodal = {m: table.numbers(role) for role, m in _UNIMODAL.items() if role in table.heads and table.filled(role)}
    splits, split_notes = _splits(table, ids, video_ids, options)
    streams, text_notes = _streams(path, texts)
    unread = [head for head in table.columns if head not in table.heads.values()]
    if unread:
        notes.append(f"columns not read: {', '.join(unread)[:200]}")
    return Samples(
        name=name,
        ids=ids,
        video_ids=video_ids,
        raw_text=texts,
        label=label,
        streams=streams,
        splits=splits,
        provenance=Provenance(
            source=path.name,
            source_sha256=sha256,
            layout="csv",
            label_range=UNDECLARED,
            notes=(*notes, *split_notes, *text_notes, "audio and vision: none, missing in every sample"),
            videos=GIVEN if "video_id" in table.heads else "",
        ),
        unimodal_labels=unimodal,
    )


def _streams(path: Path, texts: StringArray) -> tuple[dict[Modality, ModalityStream], list[str]]:
    """Return token ids of the texts, with audio and vision missing, and notes on them."""
    text, notes = token_stream(str(path), texts.tolist())
    absent = absent_stream(len(texts))
    return {"text": text, "audio": absent, "vision": absent}, notes


class _Table:
    """Cells as text, and the column of each role."""

    def __init__(self, path: Path, options: ImportOptions, required: Sequence[str]) -> None:
        self.path = path
        lines = list(io.StringIO(_decoded(path), newline=""))
        head = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
        self.separator, self.columns = _header(path, "".join(lines[head : head + 1]))
        self.heads = _roles(path, self.columns, options, required)
        number = self.columns.index(self.heads["label"]) if "label" in required else None
        records = list(read_records(path, lines, head + 1, self.separator, len(self.columns), number))
        if not records:
            raise InputError(f"{path}: has a header and no row; expected a row for each sample")
        self._lines, self._records = zip(*records, strict=True)

    def __len__(self) -> int:
        return len(self._records)

    def column(self, role: str) -> StringArray:
        """Return the cells of the column with a role, unchanged."""
        at = self.columns.index(self.heads[role])
        return np.array([cells[at] for cells in self._records], dtype=object)

    def filled(self, role: str) -> bool:
        """Return True if any cell of the column has content: MMSA's files have empty columns of unimodal labels."""
        return any(cell.strip() for cell in self.column(role).tolist())

    def line(self, row: int) -> int:
        """Return the first line of a row, counted from 1."""
        return int(self._lines[row])

    def at(self, row: int, role: str) -> str:
        """Return the name of a cell, for errors."""
        return f"{self.path}: line {self.line(row)}, column {self.heads[role]}"

    def numbers(self, role: str) -> FloatArray:
        """Return the cells of a column as numbers; decimal commas are accepted if semicolons separate columns."""
        values = np.empty(len(self), dtype=np.float64)
        for row, cell in enumerate(self.column(role).tolist()):
            value = read_number(cell.replace(",", ".") if self.separator == ";" else cell)
            if value is None:
                raise InputError(f"{self.at(row, role)}: expected a number, found {cell!r:.60}")
            values[row] = value
        with np.errstate(over="ignore"):
            return values.astype(np.float32)

    def key(self, role: str) -> StringArray:
        """Return the cells of a column of ids; raises InputError for an empty one."""
        return identifiers(lambda row: self.at(row, role), self.column(role), len(self))


def _decoded(path: Path) -> str:
    raw = path.read_bytes()
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}: is UTF-16 text; save it as UTF-8")
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line}: byte {raw[error.start]:#04x} is not UTF-8; save it as UTF-8") from None
    if "\0" in content:
        raise InputError(
            f"{path}: line {content.count(chr(10), 0, content.index(chr(0))) + 1}: has a NUL byte; expected text"
        )
    return content


def _header(path: Path, line: str) -> tuple[str, list[str]]:
    """Return the separator that gives the most known columns of the header, and the columns."""
    best: tuple[int, int, str, list[str]] | None = None
    known = {name for names in _NAMES.values() for name in names}
    for rank, separator in enumerate(_SEPARATORS):
        try:
            read = csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True)
            cells = [cell.strip() for cell in next(read, [])]
        except csv.Error as error:
            raise InputError(f"{path}: its header cannot be read ({error})") from None
        score = sum(cell.lower() in known for cell in cells), len(cells)
        if best is None or (score[0], score[1], -rank) > (best[0], best[1], -_SEPARATORS.index(best[2])):
            best = (*score, separator, cells)
    if best is None:
        raise InputError(f"{path}: has no header")
    return best[2], best[3]


def _roles(path: Path, heads: Sequence[str], options: ImportOptions, required: Sequence[str]) -> dict[str, str]:
    shown = ", ".join(heads)[:160]
    lower = [head.lower() for head in heads]
    twice = next((head for head in lower if lower.count(head) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: the header has column {twice!r:.60} twice; rename one")
    roles = {}
    for role, names in _NAMES.items():
        matching = [heads[lower.index(name)] for name in names if name in lower]
        if matching:
            roles[role] = matching[0]
    for role, wanted in (("text", options.text_column), ("label", options.label_column)):
        if wanted is not None:
            if wanted not in heads:
                raise InputError(f"{path}: has no column {wanted!r:.60}; found {shown}")
            roles = {r: head for r, head in roles.items() if head != wanted} | {role: wanted}
        if role in required and role not in roles:
            raise InputError(
                f"{path}: is text without a column '{role}' in its first line; found {shown}; expected a CSV with "
                f"{' and '.join(required)}, or name the column with --{role}-column"
            )
    return roles


def _ids(table: _Table) -> tuple[StringArray, StringArray, list[str]]:
    """Return video ids, sample ids, and notes on them."""
    notes = []
    videos = table.key("video_id") if "video_id" in table.heads else None
    if "id" in table.heads:
        ids = table.key("id")
    elif videos is not None and "clip_id" in table.heads:
        pairs = zip(videos.tolist(), table.key("clip_id").tolist(), strict=True)
        ids = np.array([f"{video}$_${clip}" for video, clip in pairs], dtype=object)
    else:
        ids = np.array([f"row{row + 1}" for row in range(len(table))], dtype=object)
        notes.append("no column of ids: samples are called by their rows")
    first: dict[str, int] = {}
    for row, sample in enumerate(ids.tolist()):
        if first.setdefault(sample, row) != row:
            raise InputError(
                f"{table.path}: line {table.line(row)}: id {sample!r:.80} is that of line {table.line(first[sample])}; "
                "ids must be unique"
            )
    if videos is None:
        videos = recognise_videos(ids.tolist())
        videos = ids if videos is None else videos
    return videos, ids, notes


def _splits(
    table: _Table, ids: StringArray, video_ids: StringArray, options: ImportOptions
) -> tuple[dict[str, PartArray], list[str]]:
    if options.split is not None or "split" not in table.heads:
        return choose_split(str(table.path), ids, video_ids, options.split)
    codes = np.zeros(len(ids), dtype=np.uint8)
    for row, cell in enumerate(table.column("split").tolist()):
        code = part_code(cell)
        if code is None:
            raise InputError(f"{table.at(row, 'split')}: expected train, valid or test, found {cell!r:.60}")
        codes[row] = code
    check_parts(f"{table.path}: column {table.heads['split']}", codes)
    return {"given": codes}, [f"split 'given': column {table.heads['split']}"]
