"""Data sets of the CMU-MultimodalSDK: a folder of `.csd` files, such as CMU-MOSI's, CMU-MOSEI's and POM's.

The intervals of the labels are the samples (`csd_segments`); frames become positions in the order of time, words become
token ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmark.data.features import Cleaning, clean, unusable
from benchmark.data.importers.assemble import absent_stream, strings
from benchmark.data.importers.csd_files import CsdFile, CsdReader
from benchmark.data.importers.csd_fit import Spans, check_fit
from benchmark.data.importers.csd_roles import assign_roles
from benchmark.data.importers.csd_segments import Segments, frames_of, place, read_segments
from benchmark.data.importers.meaning import UNDECLARED
from benchmark.data.importers.options import ImportOptions
from benchmark.data.importers.scratch import RowScratch
from benchmark.data.importers.splits import choose_split
from benchmark.data.importers.videos import GIVEN
from benchmark.data.importers.words import token_stream
from benchmark.data.samples import BoolArray, ModalityStream, Provenance, Samples
from protocols import InputError, Modality

_PAUSE = "sp"


def read_csd(files: Mapping[Path, str], name: str, options: ImportOptions, source: Path) -> Samples:
    """Read a set of `.csd` files; see `import_file`."""
    where = str(source)
    with CsdReader() as reader:
        opened = [reader.open(path) for path in sorted(files)]
        roles = assign_roles(where, opened, options.use)
        as_vectors = "vectors" in roles and ("vectors" in options.use or "words" not in roles)
        if "words" not in roles and not as_vectors:
            raise InputError(f"{where}: neither words nor word vectors; add the file of one of them")
        idle = None if as_vectors else roles.pop("vectors", None)
        segments = read_segments(reader, roles["labels"], options.label_column)
        notes = [
            f"{role}: {file.path.name} ({file.root}), sha256 {files[file.path]}" for role, file in sorted(roles.items())
        ]
        unread = sorted(file.path.name for file in opened if file.path not in {f.path for f in roles.values()})
        if unread:
            notes.append(f"not read: {', '.join(unread)}")
        notes += segments.notes
        notes.append("a frame belongs to the segment that holds the middle of its interval")
        cleaning: dict[Modality, Cleaning] = {"audio": Cleaning(), "vision": Cleaning()}
        texts, words = [""] * len(segments.ids), None
        if "words" in roles:
            texts, words = _texts(reader, roles["words"], segments, notes)
        streams: dict[Modality, ModalityStream] = {}
        if as_vectors:
            cleaning["text"] = Cleaning()
            notes.append("text is word vectors: a word is erased as a zero vector, and no text encoder is used")
            streams["text"] = _values(reader, roles["vectors"], segments, cleaning["text"], notes, "text", words)
        else:
            streams["text"], text_notes = token_stream(where, texts)
            notes += text_notes
            if idle is not None:
                notes.append(f"the words are the text; --use vectors={idle.path.name} takes the word vectors instead")
        for modality in ("audio", "vision"):
            file = roles.get(modality)
            streams[modality] = _values(reader, file, segments, cleaning[modality], notes, modality, words)
    ids = np.array(segments.ids, dtype=object)
    videos = np.array(segments.videos, dtype=object)
    splits, split_notes = choose_split(where, ids, videos, options.split)
    sums = [files[file.path] for _, file in sorted(roles.items())]
    return Samples(
        name=name,
        ids=ids,
        video_ids=videos,
        raw_text=np.array(texts, dtype=object),
        label=segments.label,
        streams=streams,
        splits=splits,
        provenance=Provenance(
            source=source.name,
            source_sha256=hashlib.sha256("\n".join(sums).encode()).hexdigest(),
            layout="csd",
            label_range=UNDECLARED,
            cleaning={m: c.counts() for m, c in cleaning.items()},
            notes=(*notes, *split_notes),
            videos=GIVEN,
        ),
    )


def _values(
    reader: CsdReader,
    file: CsdFile | None,
    segments: Segments,
    cleaning: Cleaning,
    notes: list[str],
    modality: str,
    words: Spans | None,
) -> ModalityStream:
    """Make the stream of a modality; a segment without frames is one position that is not observed."""
    if file is None:
        notes.append(f"{modality}: no file, missing in every sample")
        return absent_stream(len(segments.ids))
    placed = place(reader, file, segments)
    check_fit("vectors" if modality == "text" else modality, file, placed, segments, words, notes)
    scratch = RowScratch(next(iter(file.entries.values())).width)
    seen: list[BoolArray] = []
    lengths = np.diff(placed.cuts)
    for frames in frames_of(reader, file, placed, segments):
        rows = clean(frames, cleaning)
        flags: BoolArray = np.any(rows, axis=1) if scratch.width > 1 else ~unusable(frames)[:, 0]
        rows[~flags] = 0
        if not len(frames):
            rows, flags = np.zeros((1, scratch.width), np.float32), np.zeros(1, np.bool_)
        seen.append(flags)
        scratch.append(rows)
    offsets = np.concatenate([[0], np.cumsum(np.maximum(lengths, 1))]).astype(np.int64)
    observed = np.concatenate(seen)
    empty = int((lengths == 0).sum())
    if empty:
        notes.append(f"{modality}: {empty} samples have no frame: missing by nature")
    if gaps := int((~observed).sum()) - empty:
        notes.append(f"{modality}: {gaps} frames are zeros or unusable: gaps")
    return ModalityStream(offsets, observed, scratch.array())


def _texts(reader: CsdReader, file: CsdFile, segments: Segments, notes: list[str]) -> tuple[list[str], Spans]:
    """Return the words of each segment, joined by blanks, without the aligner's pauses, and the span of each video."""
    placed = place(reader, file, segments)
    check_fit("words", file, placed, segments, None, notes)
    texts = []
    pauses = 0
    for frames in frames_of(reader, file, placed, segments):
        words = [b" ".join(row).decode("utf-8", "replace").strip() for row in frames.tolist()] if frames.size else []
        pauses += words.count(_PAUSE)
        texts.append(" ".join(word for word in words if word and word != _PAUSE))
    if pauses:
        notes.append(f"{pauses} pauses ('{_PAUSE}') were taken out of the text")
    plain: list[str] = strings(f"{file.path}: words", np.array(texts, dtype=object), len(texts)).tolist()
    return plain, placed.spans
