"""A CSV of texts and labels, such as the `label.csv` of MMSA's data sets.

Columns, in any order and case: `text` and `label` are required; `id` (or `video_id` and `clip_id`), `video_id`, `split`
(or `mode`: train, valid, test), `label_text`, `label_audio`, `label_vision` (or `label_T`, `_A`, `_V`) are optional.
UTF-8; comma, semicolon or tab; every line is accounted for (`csv_records`). Audio and vision are missing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.data.importers.assemble import absent_stream, strings
from benchmark.data.importers.csv_table import CsvTable
from benchmark.data.importers.meaning import UNDECLARED
from benchmark.data.importers.options import ImportOptions
from benchmark.data.importers.splits import check_parts, choose_split, part_code
from benchmark.data.importers.videos import GIVEN, recognise_videos
from benchmark.data.importers.words import token_stream
from benchmark.data.samples import ModalityStream, PartArray, Provenance, Samples, StringArray
from protocols import InputError, Modality

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
    chosen = {"text": options.text_column, "label": options.label_column}
    table = CsvTable(path, _NAMES, ("text", "label") if labelled else ("text",), chosen)
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


def _ids(table: CsvTable) -> tuple[StringArray, StringArray, list[str]]:
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
    table: CsvTable, ids: StringArray, video_ids: StringArray, options: ImportOptions
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
