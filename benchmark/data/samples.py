"""Samples in memory, in the one canonical form: ragged, unpadded, nothing repeated.

Importers produce it, the store writes and reads it, the synthetic generator makes it, data sets are built from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from protocols import MODALITIES, InputError, Modality

FloatArray: TypeAlias = npt.NDArray[np.float32]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]
StringArray: TypeAlias = npt.NDArray[np.object_]
PartArray: TypeAlias = npt.NDArray[np.uint8]

#: How a split assigns samples; stored as these codes.
PARTS = {"unused": 0, "train": 1, "valid": 2, "test": 3}


@dataclass(frozen=True, eq=False)
class ModalityStream:
    """One modality of all samples, back to back: P positions in all.

    Text is either token ids of the `bert-base-uncased` vocabulary (content tokens, without `[CLS]` and `[SEP]`) or, in
    data sets of word vectors, values. Audio and vision are values. Every sample has at least one position: a modality
    that was never recorded is one position (zeros, or `[UNK]`) that is not observed.

    Attributes:
        offsets: `(n + 1,)` int64: sample i owns positions `offsets[i]:offsets[i + 1]`.
        observed: `(P,)`: False at naturally missing positions.
        values: `(P, D)` float32, finite, zeros where not observed; None for token text.
        token_ids: `(P,)` int64; None where `values` is given.
        feature_names: D names, or empty when unknown.
    """

    offsets: IntArray
    observed: BoolArray
    values: FloatArray | None = None
    token_ids: IntArray | None = None
    feature_names: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """D, or 0 for tokens."""
        return 0 if self.values is None else int(self.values.shape[1])


@dataclass(frozen=True)
class Provenance:
    """Where samples come from.

    Attributes:
        source: File name of the source (no folder), or the generator and its options.
        source_sha256: Of the source file; empty for generated data.
        layout: Which importer read it: `mmsa`, `npz`, `synthetic`, ...
        label_range: Lowest and highest possible label.
        licence: Note on the licence, or empty.
        cleaning: Counts of replaced values, such as `{"audio": {"nan": 3, "inf": 0, "overflow": 1}}`.
        notes: Anything a reader should know, a line each.
    """

    source: str
    source_sha256: str
    layout: str
    label_range: tuple[float, float] = (-3.0, 3.0)
    licence: str = ""
    cleaning: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Samples:
    """A data set: n samples, three modality streams, labels, named splits.

    Attributes:
        name: Short name, such as `mosi`.
        ids: `(n,)` str, unique.
        video_ids: `(n,)` str: utterances of one video are not independent.
        raw_text: `(n,)` str, empty where unknown.
        label: `(n,)` float32 sentiment within the label range.
        streams: One stream a modality.
        splits: Named splits, each `(n,)` uint8 codes of `PARTS`.
        provenance: Source, label range, licence, cleaning counts.
        unimodal_labels: `(n,)` float32 by modality where the data set has them (CH-SIMS).
    """

    name: str
    ids: StringArray
    video_ids: StringArray
    raw_text: StringArray
    label: FloatArray
    streams: Mapping[Modality, ModalityStream]
    splits: Mapping[str, PartArray]
    provenance: Provenance
    unimodal_labels: Mapping[Modality, FloatArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def validate(self) -> None:
        """Check every rule stated above.

        Raises:
            InputError: naming the field, what was found and what was expected.
        """
        n = len(self)
        if n == 0:
            raise InputError(f"{self.name}: no samples")
        if len(set(self.ids.tolist())) != n:
            seen: set[str] = set()
            twice = next(i for i in self.ids.tolist() if i in seen or seen.add(i))  # type: ignore[func-returns-value]
            raise InputError(f"{self.name}: sample id '{twice}' occurs twice; ids must be unique")
        for what, column in (("video_ids", self.video_ids), ("raw_text", self.raw_text), ("label", self.label)):
            if len(column) != n:
                raise InputError(f"{self.name}: {what} has {len(column)} entries, expected {n} (one a sample)")
        low, high = self.provenance.label_range
        bad = np.flatnonzero(~((self.label >= low) & (self.label <= high)))
        if len(bad):
            raise InputError(
                f"{self.name}: label of sample '{self.ids[bad[0]]}' is {self.label[bad[0]]:g}, outside the label range "
                f"[{low:g}, {high:g}]; correct it, or state the range of these labels"
            )
        for modality in MODALITIES:
            if modality not in self.streams:
                raise InputError(f"{self.name}: no {modality} stream")
            self._validate_stream(modality, self.streams[modality], n)
        if not self.splits:
            raise InputError(f"{self.name}: no split; at least one must assign samples to train, valid and test")
        for split, codes in self.splits.items():
            if len(codes) != n or codes.max(initial=0) > max(PARTS.values()):
                raise InputError(f"{self.name}: split '{split}' must hold one of {', '.join(PARTS)} for each sample")

    def _validate_stream(self, modality: Modality, stream: ModalityStream, n: int) -> None:
        where = f"{self.name}: {modality}"
        positions = len(stream.observed)
        if len(stream.offsets) != n + 1 or stream.offsets[0] != 0 or stream.offsets[-1] != positions:
            raise InputError(f"{where} offsets must have {n + 1} entries from 0 to {positions}")
        if np.any(np.diff(stream.offsets) < 1):
            raise InputError(f"{where}: every sample needs at least one position (not observed where it has none)")
        if (stream.values is None) == (stream.token_ids is None):
            raise InputError(f"{where} must have either values or token ids")
        if stream.token_ids is not None:
            if modality != "text" or stream.token_ids.shape != (positions,):
                raise InputError(f"{where}: token ids must be ({positions},), and text")
            return
        values = stream.values
        if values is None or values.ndim != 2 or values.shape[0] != positions or values.shape[1] < 1:
            raise InputError(f"{where} values must be ({positions}, D)")
        if not np.isfinite(values).all():
            raise InputError(f"{where} values must be finite; replace NaN and infinities and count them in `cleaning`")
        if values[~stream.observed].any():
            raise InputError(f"{where} values must be zero where not observed")

    def fingerprint(self) -> str:
        """sha256 of everything that can change a result: ids, labels, streams, splits. Not of names and notes."""
        digest = hashlib.sha256(b"sentibench samples 1\n")

        def add(title: str, array: npt.NDArray[np.generic]) -> None:
            digest.update(f"{title} {array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array).tobytes())

        for title, column in (("ids", self.ids), ("video_ids", self.video_ids), ("raw_text", self.raw_text)):
            digest.update(f"{title}\n".encode() + "\x1f".join(column.tolist()).encode())
        add("label", self.label.astype("<f4"))
        for modality in MODALITIES:
            stream = self.streams[modality]
            add(f"{modality} offsets", stream.offsets.astype("<i8"))
            add(f"{modality} observed", np.packbits(stream.observed))
            if stream.values is not None:
                add(f"{modality} values", stream.values.astype("<f4", copy=False))
            if stream.token_ids is not None:
                add(f"{modality} token_ids", stream.token_ids.astype("<i8", copy=False))
        for modality, labels in sorted(self.unimodal_labels.items()):
            add(f"{modality} label", labels.astype("<f4"))
        for split, codes in sorted(self.splits.items()):
            add(f"split {split}", codes)
        return digest.hexdigest()
