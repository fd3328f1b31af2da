"""Feature pickles of MulT's layout: MOSI and MOSEI as word vectors, without text.

A dict of `train`, `valid`, `test`, each a dict of `text` (n, L, 300: word vectors), `audio` and `vision` (n, T, D),
`labels` (n, 1, 1), and `id` (n, 3): video or utterance, start, end. All are padded on the left with zeros.

| file | text, audio, vision |
|---|---|
| `mosi_data.pkl`, `mosei_senti_data.pkl` | 50 steps each, one axis of words |
| `..._data_noalign.pkl` | separate rates |
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.features import Cleaning
from benchmark.data.importers.assemble import (
    StreamWriter,
    any_array,
    filled_frames,
    filled_span,
    identifiers,
    number_source,
    numbers,
    strings,
)
from benchmark.data.importers.blocks import Source, StreamedArray
from benchmark.data.importers.mmsa_part import join_parts, note_gaps, unique_ids
from benchmark.data.importers.videos import numbered
from benchmark.data.samples import FloatArray, ModalityStream, Samples, StringArray
from protocols import MODALITIES, InputError, Modality

#: Columns of MOSEI's labels: sentiment and six emotions.
_MOSEI = 7
#: Widths of the states of the usual text encoders.
_STATES = (384, 768, 1024)


class _Part:
    """One part, checked field by field."""

    def __init__(self, where: str, content: Any) -> None:
        if not isinstance(content, dict):
            raise InputError(f"{where}: expected a dict of text, audio, vision, labels; found {type(content).__name__}")
        self.where, self.content = where, content
        self.label = self._labels()
        self.n = len(self.label)
        if not self.n:
            raise InputError(f"{where}: has no samples; train, valid and test each need some")
        self.ids = self._ids()
        self.raw_text: StringArray = np.array([""] * self.n, dtype=object)
        if content.get("raw_text") is not None:
            self.raw_text = strings(f"{where}: raw_text", content["raw_text"], self.n)

    def labels(self, name: str) -> FloatArray:
        """Return the labels."""
        return self.label

    def frames(self, modality: Modality) -> Source:
        """Return the padded array `(n, T, D)`, not copied."""
        where = f"{self.where}: {modality}"
        padded = number_source(where, self._field(modality), 3)
        if padded.shape[0] != self.n:
            raise InputError(f"{where}: has {padded.shape[0]} samples, expected {self.n} as in labels")
        return padded

    def _field(self, name: str) -> Any:
        if self.content.get(name) is None:
            raise InputError(f"{self.where}: has no '{name}'; found {', '.join(map(str, self.content))}")
        return self.content[name]

    def _labels(self) -> FloatArray:
        where = f"{self.where}: labels"
        held = self._field("labels")
        array = np.asarray(held) if isinstance(held, np.ndarray | StreamedArray) else None
        if array is None or array.ndim not in (1, 2, 3) or array.size not in (len(array), _MOSEI * len(array)):
            actual = type(held).__name__ if array is None else f"shape {array.shape}"
            raise InputError(
                f"{where}: expected (n, 1, 1), or MOSEI's {_MOSEI} columns, of which the first is sentiment; "
                f"found {actual}"
            )
        with np.errstate(over="ignore"):
            plain: FloatArray = numbers(where, array.reshape(len(array), -1 if array.size else 1), 2)[:, 0].astype(
                np.float32
            )
        return plain

    def _ids(self) -> StringArray:
        where = f"{self.where}: id"
        if self.content.get("id") is None:
            return np.array([str(i) for i in range(self.n)], dtype=object)
        array = any_array(where, self.content["id"])
        if array.shape not in ((self.n,), (self.n, 1), (self.n, 3)):
            raise InputError(f"{where}: expected ({self.n}, 3): video, start, end; found shape {array.shape}")
        first = identifiers(where, array.reshape(self.n, -1)[:, 0], self.n)
        if len(set(first.tolist())) == self.n:
            return first
        return numbered(first)  # the videos: utterances are in the order of the file


def read_mult(path: Path, content: Mapping[str, Any], name: str, sha256: str) -> Samples:
    """Read the content of a pickle of MulT's layout; see `import_file`."""
    parts: dict[str, _Part] = {}
    for part in ("train", "valid", "test"):
        if part not in content:
            raise InputError(f"{path}: has no part '{part}'; found {', '.join(content)}")
        parts[part] = _Part(f"{path}: {part}", content[part])
    notes = ["text is word vectors: a word is erased as a zero vector, and no text encoder is used"]
    cleaning: dict[Modality, Cleaning] = {m: Cleaning() for m in MODALITIES}
    streams = _streams(parts, cleaning, notes)
    if streams["text"].width in _STATES:
        notes.append(
            f"text has {streams['text'].width} columns, as the states of an encoder: such states tell of the words "
            "around an erased one"
        )
    ids = unique_ids(path, parts, notes)
    return join_parts(path, parts, ids, streams, cleaning, notes, name=name, sha256=sha256, layout="mult")


def _streams(
    parts: Mapping[str, _Part], cleaning: Mapping[Modality, Cleaning], notes: list[str]
) -> dict[Modality, ModalityStream]:
    """Return all modalities without padding; if they share one axis of words, all are cut at the same places."""
    writers = {m: StreamWriter(cleaning[m]) for m in MODALITIES}
    moved = 0
    aligned = all(len({p.frames(m).shape[1] for m in MODALITIES}) == 1 for p in parts.values())
    for part in parts.values():
        filled = {m: filled_frames(part.frames(m)) for m in MODALITIES}
        whole = np.any([*filled.values()], axis=0) if aligned else None
        for modality, flags in filled.items():
            start, stop = filled_span(flags if whole is None else whole)
            moved += int((start > 0).sum()) if whole is None or modality == "text" else 0
            # a modality without frames becomes one position that is not observed
            lengths = np.where(flags.any(axis=1), stop - start, 0)
            writers[modality].add(f"{part.where}: {modality}", part.frames(modality), lengths, starts=start)
            part.content.pop(modality)
    notes.append(
        f"no lengths in the file: zeros at both ends are padding; {moved} {'samples' if aligned else 'sequences'} are "
        "padded on the left"
    )
    streams = {m: writer.stream() for m, writer in writers.items()}
    for modality, stream in streams.items():
        note_gaps(modality, stream, notes)
    return streams
