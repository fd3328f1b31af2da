"""Feature pickles of the MMSA layout (`aligned_50.pkl`, `unaligned_50.pkl`, CH-SIMS's `unaligned_39.pkl`).

A dict of `train`, `valid`, `test`, each a dict of `raw_text`, `text_bert` (n, 3, L: token ids, attention mask, segment
ids), `audio` and `vision` (n, T, D), `audio_lengths`, `vision_lengths`, `id`, and `regression_labels`, for CH-SIMS also
`regression_labels_T`, `_A` and `_V`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.data.features import Cleaning
from benchmark.data.importers.assemble import numbers, strings, value_stream, whole_numbers
from benchmark.data.importers.pickles import read_pickle
from benchmark.data.samples import PARTS, IntArray, ModalityStream, Provenance, Samples, StringArray
from protocols import InputError, Modality

_CLS, _SEP, _UNK = 101, 102, 100
_UNIMODAL: dict[str, Modality] = {"T": "text", "A": "audio", "V": "vision"}

#: sha256 of the published files.
OFFICIAL = {
    "78e0f8b5ef8ff71558e7307848fc1fa929ecb078203f565ab22b9daab2e02524": "MOSI unaligned_50",
    "d3994fd25681f9c7ad6e9c6596a6fe9b4beb85ff7d478ba978b124139002e5f9": "MOSI aligned_50",
    "ad8b23d50557045e7d47959ce6c5b955d8d983f2979c7d9b7b9226f6dd6fec1f": "MOSEI unaligned_50",
    "45eccfb748a87c80ecab9bfac29582e7b1466bf6605ff29d3b338a75120bf791": "MOSEI aligned_50",
    "c9e20c13ec0454d98bb9c1e520e490c75146bfa2dfeeea78d84de047dbdd442f": "SIMS unaligned_39",
}


def read_mmsa(path: Path, name: str, sha256: str, label_range: tuple[float, float] | None) -> Samples:
    """Samples of an MMSA feature pickle; see `import_file`."""
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a dict of train, valid and test, found {type(content).__name__}")
    absent = [part for part in ("train", "valid", "test") if not isinstance(content.get(part), dict)]
    if absent:
        raise InputError(f"{path}: has no part '{absent[0]}' (a dict of arrays); found {', '.join(map(str, content))}")
    parts = {part: _Part(f"{path}: {part}", content[part]) for part in ("train", "valid", "test")}
    cleaning = {m: Cleaning() for m in ("audio", "vision")}
    audio, vision = (_join([p.values(m, cleaning[m]) for p in parts.values()]) for m in ("audio", "vision"))
    unimodal = {
        m: np.concatenate([p.labels(f"regression_labels_{key}") for p in parts.values()])
        for key, m in _UNIMODAL.items()
        if all(f"regression_labels_{key}" in p.content for p in parts.values())
    }
    bounds = label_range or ((-1.0, 1.0) if unimodal or name.startswith("sims") else (-3.0, 3.0))
    for modality, labels in unimodal.items():
        _check_range(f"{path}: {modality} label", labels, bounds)
    official = OFFICIAL.get(sha256)
    gaps = {m: int((~s.observed).sum()) for m, s in (("audio", audio), ("vision", vision))}
    notes = [f"official file: {official}" if official else "not one of the published feature files"]
    notes += [
        f"{m}: {count} positions are gaps (all-zero frames, or never recorded)" for m, count in gaps.items() if count
    ]
    ids = _unique_ids(path, parts, notes)
    return Samples(
        name=name,
        ids=ids,
        video_ids=np.array([_video(i) for i in ids], dtype=object),
        raw_text=np.concatenate([p.raw_text for p in parts.values()]),
        label=np.concatenate([p.labels("regression_labels") for p in parts.values()]),
        streams={"text": _join([p.tokens() for p in parts.values()]), "audio": audio, "vision": vision},
        splits={"official": np.concatenate([np.full(p.n, PARTS[part], np.uint8) for part, p in parts.items()])},
        provenance=Provenance(
            source=path.name,
            source_sha256=sha256,
            layout="mmsa",
            label_range=bounds,
            cleaning={m: c.counts() for m, c in cleaning.items()},
            notes=tuple(notes),
        ),
        unimodal_labels=unimodal,
    )


class _Part:
    """train, valid or test of the pickle, checked field by field."""

    def __init__(self, where: str, content: dict[str, Any]) -> None:
        self.where, self.content = where, content
        self.n = len(self.labels("regression_labels"))
        if not self.n:
            raise InputError(f"{where}: has no samples; train, valid and test each need some")
        self.ids = strings(f"{where}: id", self._field("id"), self.n)
        raw = content.get("raw_text")
        self.raw_text = (
            np.array([""] * self.n, dtype=object) if raw is None else strings(f"{where}: raw_text", raw, self.n)
        )

    def _field(self, name: str) -> Any:
        if name not in self.content:
            raise InputError(f"{self.where}: has no '{name}'; found {', '.join(map(str, self.content)) or 'nothing'}")
        return self.content[name]

    def labels(self, name: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        """Labels `(n,)`."""
        array = numbers(f"{self.where}: {name}", self._field(name), 1)
        with np.errstate(over="ignore"):
            return array.astype(np.float32)

    def tokens(self) -> ModalityStream:
        """Content tokens: attended positions but for `[CLS]` and `[SEP]`."""
        where = f"{self.where}: text_bert"
        array = numbers(where, self._field("text_bert"), 3)
        if array.shape[:2] != (self.n, 3):
            raise InputError(f"{where}: expected shape ({self.n}, 3, L), found {array.shape}")
        ids = whole_numbers(f"{where}, token ids of BERT's vocabulary", array[:, 0], 2, 0, 30_521)
        # position by position: the length of the mask is never searched for, so a text may fill all positions
        attended = whole_numbers(f"{where}, attention mask", array[:, 1], 2, 0, 1) == 1
        content = attended & (ids != _CLS) & (ids != _SEP)
        lengths = content.sum(axis=1)
        offsets = np.concatenate([[0], np.cumsum(np.maximum(lengths, 1))]).astype(np.int64)
        tokens = np.full(int(offsets[-1]), _UNK, dtype=np.int64)
        observed = np.zeros(len(tokens), dtype=np.bool_)
        inside = np.repeat(lengths > 0, np.maximum(lengths, 1))
        tokens[inside] = ids[content]
        observed[inside] = True
        return ModalityStream(offsets, observed, token_ids=tokens)

    def values(self, modality: str, cleaning: Cleaning) -> ModalityStream:
        """Frames of audio or vision without padding."""
        where = f"{self.where}: {modality}"
        padded = numbers(where, self._field(modality), 3)
        self.content.pop(modality)  # the padded arrays of large files are freed one by one
        if len(padded) != self.n:
            raise InputError(f"{where}: has {len(padded)} samples, expected {self.n} as in regression_labels")
        given = self.content.get(f"{modality}_lengths")
        lengths = (
            _content_lengths(padded) if given is None else self._lengths(f"{modality}_lengths", given, padded.shape[1])
        )
        return value_stream(where, padded, lengths, None, cleaning)

    def _lengths(self, name: str, given: Any, steps: int) -> IntArray:
        array = whole_numbers(f"{self.where}: {name}", given, 1, 0, steps)
        if len(array) != self.n:
            raise InputError(f"{self.where}: {name}: expected {self.n} numbers, found {len(array)}")
        return array


def _content_lengths(padded: npt.NDArray[Any]) -> IntArray:
    """Frames up to the last that is not all zero: files with one time axis carry no lengths."""
    filled: npt.NDArray[np.bool_] = np.any(padded, axis=2)
    steps = padded.shape[1]
    lengths: IntArray = np.where(filled.any(axis=1), steps - np.argmax(filled[:, ::-1], axis=1), 0).astype(np.int64)
    return lengths


def _join(streams: list[ModalityStream]) -> ModalityStream:
    widths = {s.width for s in streams}
    if len(widths) > 1:
        raise InputError(
            f"feature widths differ between train, valid and test: {sorted(widths)}; the file is inconsistent"
        )
    shifts = np.cumsum([0, *(len(s.observed) for s in streams)])
    offsets = [streams[0].offsets[:1]] + [s.offsets[1:] + shift for s, shift in zip(streams, shifts, strict=False)]
    values = [s.values for s in streams if s.values is not None]
    tokens = [s.token_ids for s in streams if s.token_ids is not None]
    return ModalityStream(
        np.concatenate(offsets),
        np.concatenate([s.observed for s in streams]),
        np.concatenate(values) if values else None,
        np.concatenate(tokens) if tokens else None,
    )


def _check_range(where: str, labels: np.ndarray[Any, np.dtype[np.float32]], bounds: tuple[float, float]) -> None:
    bad = np.flatnonzero(~((labels >= bounds[0]) & (labels <= bounds[1])))
    if len(bad):
        raise InputError(
            f"{where} {bad[0]} is {labels[bad[0]]:g}, outside the label range [{bounds[0]:g}, {bounds[1]:g}]; correct "
            "it, or state the range of these labels"
        )


def _unique_ids(path: Path, parts: dict[str, _Part], notes: list[str]) -> StringArray:
    """The ids of all parts; where parts number their samples from the start again, the part goes before them."""
    known: set[str] = set()
    where: dict[tuple[str, str, float], str] = {}
    repeat = False
    for name, part in parts.items():
        twice = [sample for sample, times in Counter(part.ids.tolist()).items() if times > 1]
        if twice:
            raise InputError(f"{part.where}: id '{twice[0]}' occurs twice; ids must be unique")
        labels = part.labels("regression_labels").tolist()
        for sample, text, label in zip(part.ids.tolist(), part.raw_text.tolist(), labels, strict=True):
            if (sample, text, label) in where:
                raise InputError(
                    f"{path}: sample '{sample}' is in {where[sample, text, label]} and in {name}, with the same text "
                    "and label; take it out of one of them"
                )
            repeat |= sample in known
            known.add(sample)
            where[sample, text, label] = name
    if repeat:
        notes.append("ids of different samples repeat across parts; the part was put before them")
    prefix = {name: f"{name}/" if repeat else "" for name in parts}
    return np.array([f"{prefix[name]}{i}" for name, part in parts.items() for i in part.ids], dtype=object)


def _video(sample_id: str) -> str:
    """`VIDEO$_$3` and `video_0001/0003` belong to one video each."""
    for separator in ("$_$", "/"):
        if separator in sample_id:
            return sample_id.rsplit(separator, 1)[0]
    return sample_id
