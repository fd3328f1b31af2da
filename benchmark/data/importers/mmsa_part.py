"""train, valid and test of an MMSA pickle, checked field by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmark.data.features import Cleaning
from benchmark.data.importers.assemble import identifiers, number_source, numbers, strings, whole_numbers
from benchmark.data.importers.blocks import Source
from benchmark.data.importers.meaning import UNDECLARED
from benchmark.data.importers.token_check import UNK, framed_texts
from benchmark.data.importers.videos import recognise_videos
from benchmark.data.samples import PARTS, FloatArray, IntArray, ModalityStream, Provenance, Samples, StringArray
from protocols import MODALITIES, InputError, Modality


class Part:
    """One part of the pickle.

    Attributes:
        n: Number of samples.
        ids, raw_text: `(n,)`.
        notes: Notes on the text, one line each.

    Raises:
        InputError: With the field, here and in every method.
    """

    def __init__(self, where: str, content: dict[str, Any]) -> None:
        self.where, self.content = where, content
        self.notes: list[str] = []
        self._text_in_place = True
        self.n = len(self.labels("regression_labels"))
        if not self.n:
            raise InputError(f"{where}: has no samples; train, valid and test each need some")
        ids = self._field("id")
        if isinstance(ids, np.ndarray) and ids.shape[:2] == (self.n, 3):
            raise InputError(f"{where}: id: three columns, as MulT's video, start and end; make one id of each row")
        self.ids = identifiers(f"{where}: id", ids, self.n)
        raw = content.get("raw_text")
        self.raw_text = (
            np.array([""] * self.n, dtype=object) if raw is None else strings(f"{where}: raw_text", raw, self.n)
        )

    def labels(self, name: str) -> FloatArray:
        """Labels `(n,)`."""
        values = self._field(name)
        if isinstance(values, np.ndarray) and values.ndim > 1 and values.size == len(values) > 1:
            raise InputError(
                f"{self.where}: {name}: expected 1 dimensions, found shape {values.shape}, as of MulT's labels; write "
                "one number for each sample, with .reshape(-1)"
            )
        array = numbers(f"{self.where}: {name}", values, 1)
        if name != "regression_labels" and len(array) != self.n:
            raise InputError(f"{self.where}: {name}: expected {self.n} numbers, found {len(array)}")
        with np.errstate(over="ignore"):
            return array.astype(np.float32)

    def tokens(self, vocabulary: str) -> ModalityStream:
        """Return content tokens: attended positions except `[CLS]` and `[SEP]`."""
        where = f"{self.where}: text_bert"
        array = numbers(where, self._field("text_bert"), 3)
        if array.shape[:2] != (self.n, 3):
            turned = "; its last two axes are exchanged" if array.shape[0] == self.n and array.shape[2] == 3 else ""
            raise InputError(f"{where}: expected shape ({self.n}, 3, L), found {array.shape}{turned}")
        texts = framed_texts(where, array, vocabulary, self.ids)
        self.notes += texts.notes
        self._text_in_place = not texts.left_padded
        ids, content = texts.ids, texts.content
        lengths = content.sum(axis=1)
        offsets = np.concatenate([[0], np.cumsum(np.maximum(lengths, 1))]).astype(np.int64)
        tokens = np.full(int(offsets[-1]), UNK, dtype=np.int64)
        observed = np.zeros(len(tokens), dtype=np.bool_)
        inside = np.repeat(lengths > 0, np.maximum(lengths, 1))
        tokens[inside] = ids[content]
        observed[inside] = True
        return ModalityStream(offsets, observed, token_ids=tokens, vocabulary=vocabulary)

    def steps(self) -> dict[Modality, int]:
        """Return the padded length of the text and of each modality whose positions begin at the array's start."""
        text: dict[Modality, int] = {"text": int(np.shape(self._field("text_bert"))[2])} if self._text_in_place else {}
        return text | {m: int(self.frames(m).shape[1]) for m in MODALITIES[1:] if self.has_lengths(m)}

    def frames(self, modality: Modality) -> Source:
        """Return padded audio or vision `(n, T, D)`, not copied."""
        where = f"{self.where}: {modality}"
        padded = number_source(where, self._field(modality), 3)
        if padded.shape[0] != self.n:
            raise InputError(f"{where}: has {padded.shape[0]} samples, expected {self.n} as in regression_labels")
        return padded

    def has_lengths(self, modality: Modality) -> bool:
        """Return True if the file gives the number of valid frames."""
        return self.content.get(f"{modality}_lengths") is not None

    def lengths(self, modality: Modality) -> IntArray:
        """Return the file's numbers of valid frames, `(n,)`."""
        name, steps = f"{modality}_lengths", self.frames(modality).shape[1]
        array = whole_numbers(f"{self.where}: {name}", self._field(name), 1, 0, steps)
        if len(array) != self.n:
            raise InputError(f"{self.where}: {name}: expected {self.n} numbers, found {len(array)}")
        return array

    def release(self, modality: Modality) -> None:
        """Release the padded array."""
        self.content.pop(modality)

    def _field(self, name: str) -> Any:
        if name not in self.content:
            raise InputError(f"{self.where}: has no '{name}'; found {', '.join(map(str, self.content)) or 'nothing'}")
        return self.content[name]


def join_tokens(streams: list[ModalityStream], vocabulary: str) -> ModalityStream:
    """Join the token streams of all parts."""
    shifts = np.cumsum([0, *(len(s.observed) for s in streams)])
    offsets = [streams[0].offsets[:1]] + [s.offsets[1:] + shift for s, shift in zip(streams, shifts, strict=False)]
    return ModalityStream(
        np.concatenate(offsets),
        np.concatenate([s.observed for s in streams]),
        token_ids=np.concatenate([s.token_ids for s in streams if s.token_ids is not None]),
        vocabulary=vocabulary,
    )


class Named(Protocol):
    """Ids, texts and labels of a part."""

    where: str
    ids: StringArray
    raw_text: StringArray

    def labels(self, name: str) -> FloatArray:
        """Labels `(n,)`."""


def join_parts(
    path: Path,
    parts: Mapping[str, Named],
    ids: tuple[StringArray, StringArray],
    streams: Mapping[Modality, ModalityStream],
    cleaning: Mapping[Modality, Cleaning],
    notes: Sequence[str],
    *,
    name: str,
    sha256: str,
    layout: str,
    steps: Mapping[Modality, int] | None = None,
    unimodal: Mapping[Modality, FloatArray] | None = None,
) -> Samples:
    """Join the parts of a pickle; `ids` are those of the samples and of their videos, other options are as in `Samples`
    and `Provenance`."""
    return Samples(
        name=name,
        ids=ids[0],
        video_ids=ids[1],
        raw_text=np.concatenate([part.raw_text for part in parts.values()]),
        label=np.concatenate([part.labels("regression_labels") for part in parts.values()]),
        streams={m: streams[m] for m in MODALITIES},
        splits={"official": np.concatenate([np.full(len(p.ids), PARTS[k], np.uint8) for k, p in parts.items()])},
        provenance=Provenance(
            source=path.name,
            source_sha256=sha256,
            layout=layout,
            label_range=UNDECLARED,
            cleaning={m: c.counts() for m, c in cleaning.items()},
            notes=tuple(notes),
            steps=dict(steps or {}),
        ),
        unimodal_labels=dict(unimodal or {}),
    )


def note_gaps(modality: Modality, stream: ModalityStream, notes: list[str]) -> None:
    """Note the number of positions without values, if there are any."""
    if gaps := int((~stream.observed).sum()):
        notes.append(f"{modality}: {gaps} positions are gaps (all-zero frames, or never recorded)")


def unique_ids(path: Path, parts: Mapping[str, Named], notes: list[str]) -> tuple[StringArray, StringArray]:
    """Return ids of all samples and of their videos; if ids repeat across parts, both get the part as prefix."""
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
                    "and label; remove it from one of them"
                )
            repeat |= sample in known
            known.add(sample)
            where[sample, text, label] = name
    if repeat:
        notes.append("ids of different samples repeat across parts; the part was put before them")
    ids = np.concatenate([part.ids for part in parts.values()])
    prefix = np.concatenate(
        [np.full(len(part.ids), f"{name}/" if repeat else "", object) for name, part in parts.items()]
    )
    videos = recognise_videos(ids.tolist())
    return prefix + ids, prefix + (ids if videos is None else videos)
