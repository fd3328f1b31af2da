"""Samples in canonical form: ragged, without padding and repetition.

Importers and the synthetic generator make them, the store writes and reads them, data sets are built from them. Values
may be mapped from a file; code here that reads all of them works block by block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmark.data.pages import release
from benchmark.words import LONGEST_NAME
from protocols import MODALITIES, Displayed, InputError, Modality, unknown_name

FloatArray: TypeAlias = npt.NDArray[np.float32]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]
StringArray: TypeAlias = npt.NDArray[np.object_]
PartArray: TypeAlias = npt.NDArray[np.uint8]

#: Parts of a split, and the codes by which they are stored.
PARTS = {"unused": 0, "train": 1, "valid": 2, "test": 3}

#: Vocabularies of stored token ids, and their sizes. `[UNK]`, `[CLS]` and `[SEP]` are 100, 101 and 102 in each.
VOCABULARIES = {"bert-base-uncased": 30_522, "bert-base-chinese": 21_128}
DEFAULT_VOCABULARY = "bert-base-uncased"

_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True, eq=False)
class ModalityStream:
    """One modality of all samples, back to back: P positions in all.

    Text is either token ids (content tokens, without `[CLS]` and `[SEP]`) or, in data sets of word vectors, values.
    Audio and vision are values. Every sample has at least one position: a modality that was never recorded is one
    position (zeros, or `[UNK]`) that is not observed.

    Attributes:
        offsets: `(n + 1,)` int64: sample i has positions `offsets[i]:offsets[i + 1]`.
        observed: `(P,)`: False at naturally missing positions.
        values: `(P, D)` float32, finite, zeros where not observed, in memory or mapped from a file (then read-only);
            None for token text.
        token_ids: `(P,)` int64; None if `values` is given.
        feature_names: D names, or empty if unknown.
        vocabulary: Vocabulary of the token ids, one of `VOCABULARIES`; ignored if `values` is given.
        times: `(P,)` float32 seconds from the start of the clip; None if unknown.
    """

    offsets: IntArray
    observed: BoolArray
    values: FloatArray | None = None
    token_ids: IntArray | None = None
    feature_names: tuple[str, ...] = ()
    vocabulary: str = DEFAULT_VOCABULARY
    times: FloatArray | None = None

    @property
    def width(self) -> int:
        """Width D of values, or 0 for tokens."""
        return 0 if self.values is None else int(self.values.shape[1])


@dataclass(frozen=True)
class Provenance:
    """Origin of samples.

    Attributes:
        source: File name of the source (no folder), or the generator and its options.
        source_sha256: sha256 of the source file; empty for generated data.
        layout: Importer that read it: `mmsa`, `npz`, `synthetic`, ...
        label_range: Lowest and highest possible label.
        licence: Note on the licence, or empty.
        cleaning: Counts of replaced values, such as `{"audio": {"nan": 3, "inf": 0, "overflow": 1}}`.
        notes: Notes for readers, one line each.
        steps: Padded length of each modality in the source, if it was padded.
        videos: Origin of the video ids: `given` by the source, `recognised` in the sample ids, or `unknown`, with each
            sample as a separate video; empty if not recorded.
        extraction: Record of `sentibench data extract`: the extractor of each modality and the checksums of the clips;
            empty for features from elsewhere.
    """

    source: str
    source_sha256: str
    layout: str
    label_range: tuple[float, float] = (-3.0, 3.0)
    licence: str = ""
    cleaning: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    steps: Mapping[Modality, int] = field(default_factory=dict)
    videos: str = ""
    extraction: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class Samples(Displayed):
    """A data set: n samples, three modality streams, labels, named splits.

    Attributes:
        name: Short name, such as `mosi`.
        ids: `(n,)` str, unique.
        video_ids: `(n,)` str, video of each sample; utterances of one video are not independent.
        raw_text: `(n,)` str, empty where unknown.
        label: `(n,)` float32 sentiment within the label range; NaN in new samples, whose label is unknown.
        streams: One stream for each modality.
        splits: Named splits, each `(n,)` uint8 codes of `PARTS`; new samples need none.
        provenance: Source, label range, licence, cleaning counts.
        unimodal_labels: `(n,)` float32 by modality, if the data set has them (CH-SIMS).
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

    def facts(self) -> tuple[str, Mapping[str, object]]:
        """Return numbers of samples, videos and parts, the label range, and the form of each modality."""
        facts: dict[str, object] = {"samples": len(self), "videos": len(set(self.video_ids.tolist()))}
        for split, codes in self.splits.items():
            sizes = (f"{part} {int((codes == code).sum())}" for part, code in PARTS.items() if (codes == code).any())
            facts[f"split {split}"] = ", ".join(sizes)
        facts["labels"] = "from {:g} to {:g}".format(*self.provenance.label_range)
        if np.isnan(self.label).all():
            facts["labels"] = "unknown"
        for modality in MODALITIES:
            stream = self.streams[modality]
            recorded = np.add.reduceat(stream.observed.astype(np.int64), stream.offsets[:-1])
            form = f"vectors of {stream.width}" if stream.token_ids is None else "tokens"
            steps = f"{recorded.mean():.1f} steps on average, missing in {int((recorded == 0).sum())} samples"
            facts[modality] = f"{form}, {steps}" if recorded.any() else "missing"
        return f"samples '{self.name}'", facts

    def save(self, name: str, *, force: bool = False) -> Samples:
        """Write the samples as a data set, which studies and commands then find by its name.

        Args:
            name: Lower-case letters, digits, `-`, `_`.
            force: Replace a data set of that name.

        Returns:
            The samples under the new name.

        Raises:
            InputError: for a bad name, one that is taken, samples without labels, or a data folder that cannot be
                written.
        """
        from benchmark.data.catalog import save_samples

        save_samples(self, name, force=force)
        return replace(self, name=name)

    def validate(self, *, labelled: bool = True) -> None:
        """Check every rule stated above, and that each split has train, valid and test samples.

        Args:
            labelled: False for new samples, to be predicted: labels and splits may then be missing.

        Raises:
            InputError: With the field, what was found and what was expected.
        """
        n = len(self)
        if n == 0:
            raise InputError(f"{self.name}: no samples")
        for what, texts in (("ids", self.ids), ("video_ids", self.video_ids), ("raw_text", self.raw_text)):
            self._check_column(what, texts, np.dtype(object))
        self._check_column("label", self.label, np.dtype(np.float32))
        if len(set(self.ids.tolist())) != n:
            seen: set[str] = set()
            twice = next(i for i in self.ids.tolist() if i in seen or seen.add(i))  # type: ignore[func-returns-value]
            raise InputError(f"{self.name}: sample id '{twice}' occurs twice; ids must be unique")
        for modality in MODALITIES:
            if modality not in self.streams:
                raise InputError(f"{self.name}: no {modality} stream")
            _check_stream(f"{self.name}: {modality}", modality, self.streams[modality], n)
        if labelled:
            self._check_labels()
            self._check_splits()

    def _check_labels(self) -> None:
        if np.isnan(self.label).all():
            raise InputError(f"{self.name}: has no labels, only samples to predict; name their labels to train on them")
        self._check_range("label", self.label)
        for modality, labels in self.unimodal_labels.items():
            if modality not in MODALITIES:
                raise InputError(
                    f"{self.name}: labels of '{modality}', which is not a modality; expected {', '.join(MODALITIES)}"
                )
            self._check_column(f"{modality} label", labels, np.dtype(np.float32))
            self._check_range(f"{modality} label", labels)

    def _check_splits(self) -> None:
        n = len(self)
        if not self.splits:
            raise InputError(f"{self.name}: no split; at least one must assign samples to train, valid and test")
        for split, codes in self.splits.items():
            if not split.isprintable() or not 0 < len(split) <= LONGEST_NAME:
                raise InputError(
                    f"{self.name}: split {split[:LONGEST_NAME]!r}: expected a name of 1 to {LONGEST_NAME} characters"
                )
            if codes.shape != (n,) or codes.dtype != np.uint8 or codes.max(initial=0) > max(PARTS.values()):
                raise InputError(f"{self.name}: split '{split}' must hold one of {', '.join(PARTS)} for each sample")
            for part in ("train", "valid", "test"):
                if not np.any(codes == PARTS[part]):
                    raise InputError(
                        f"{self.name}: split '{split}' has no {part} sample; train, valid and test each need some"
                    )

    def _check_column(self, what: str, column: npt.NDArray[np.generic], dtype: np.dtype[np.generic]) -> None:
        n = len(self)
        if column.shape != (n,):
            found = len(column) if column.ndim == 1 else f"shape {column.shape}"
            raise InputError(f"{self.name}: {what} has {found} entries, expected {n} (one for each sample)")
        if column.dtype != dtype:
            raise InputError(f"{self.name}: {what} is an array of {column.dtype}, expected {dtype}")

    def _check_range(self, what: str, labels: FloatArray) -> None:
        low, high = self.provenance.label_range
        bad = np.flatnonzero(~((labels >= low) & (labels <= high)))
        if len(bad):
            raise InputError(
                f"{self.name}: {what} of sample '{self.ids[bad[0]]}' is {labels[bad[0]]:g}, outside the label range "
                f"[{low:g}, {high:g}]; correct it, or state the range of these labels"
            )

    def fingerprint(self) -> str:
        """sha256 of all content that can change a result: ids, labels, streams, splits; not names and notes."""
        digest = hashlib.sha256(b"sentibench samples 1\n")

        def add(title: str, array: npt.NDArray[np.generic], dtype: str) -> None:
            digest.update(f"{title} {array.shape}\n".encode())
            for rows in _blocks(array):
                digest.update(np.ascontiguousarray(array[rows].astype(dtype, copy=False)).data.cast("B"))

        for title, column in (("ids", self.ids), ("video_ids", self.video_ids), ("raw_text", self.raw_text)):
            digest.update(f"{title}\n".encode() + "\x1f".join(column.tolist()).encode())
        add("label", self.label, "<f4")
        for modality in MODALITIES:
            stream = self.streams[modality]
            add(f"{modality} offsets", stream.offsets, "<i8")
            add(f"{modality} observed", np.packbits(stream.observed), "u1")
            if stream.values is not None:
                add(f"{modality} values", stream.values, "<f4")
            if stream.token_ids is not None:
                add(f"{modality} token_ids", stream.token_ids, "<i8")
                if stream.vocabulary != DEFAULT_VOCABULARY:
                    digest.update(f"{modality} vocabulary {stream.vocabulary}\n".encode())
        for modality, labels in sorted(self.unimodal_labels.items()):
            add(f"{modality} label", labels, "<f4")
        for split, codes in sorted(self.splits.items()):
            add(f"split {split}", codes, "u1")
        return digest.hexdigest()


def _check_stream(where: str, modality: Modality, stream: ModalityStream, n: int) -> None:
    positions = len(stream.observed)
    for what, flags, dtype in (("offsets", stream.offsets, np.int64), ("observed", stream.observed, np.bool_)):
        if flags.ndim != 1 or flags.dtype != dtype:
            raise InputError(
                f"{where} {what} must be one column of {np.dtype(dtype)}, found {flags.dtype} of shape {flags.shape}"
            )
    if len(stream.offsets) != n + 1 or stream.offsets[0] != 0 or stream.offsets[-1] != positions:
        raise InputError(f"{where} offsets must have {n + 1} entries from 0 to {positions}")
    if np.any(np.diff(stream.offsets) < 1):
        raise InputError(f"{where}: every sample needs at least one position (not observed where it has none)")
    if stream.times is not None and (stream.times.shape != (positions,) or stream.times.dtype != np.float32):
        raise InputError(f"{where} times must be ({positions},) float32, found {stream.times.dtype} of another shape")
    if (stream.values is None) == (stream.token_ids is None):
        raise InputError(f"{where} must have either values or token ids")
    if stream.values is None:
        _check_tokens(where, modality, stream, positions)
        return
    values = stream.values
    if values.ndim != 2 or values.shape[0] != positions or values.shape[1] < 1 or values.dtype != np.float32:
        raise InputError(
            f"{where} values must be ({positions}, D) float32, found {values.dtype} of shape {values.shape}"
        )
    if stream.feature_names and len(stream.feature_names) != stream.width:
        raise InputError(
            f"{where} has {len(stream.feature_names)} feature names, expected {stream.width} (one a column), or none"
        )
    for rows in _blocks(values):
        if not np.isfinite(values[rows]).all():
            raise InputError(f"{where} values must be finite; replace NaN and infinities and count them in `cleaning`")
        if values[rows][~stream.observed[rows]].any():
            raise InputError(f"{where} values must be zero where not observed")


def _check_tokens(where: str, modality: Modality, stream: ModalityStream, positions: int) -> None:
    ids = stream.token_ids
    if modality != "text" or ids is None or ids.shape != (positions,) or ids.dtype != np.int64:
        raise InputError(f"{where}: token ids must be ({positions},) int64, and text")
    if stream.vocabulary not in VOCABULARIES:
        raise unknown_name(f"vocabulary of {where}", stream.vocabulary, VOCABULARIES)
    size = VOCABULARIES[stream.vocabulary]
    bad = np.flatnonzero((ids < 0) | (ids >= size))
    if len(bad):
        raise InputError(
            f"{where}: token id {ids[bad[0]]} at position {bad[0]} is not in the vocabulary {stream.vocabulary}, which "
            f"has ids from 0 to {size - 1}; the ids are of another vocabulary, or damaged"
        )


def _blocks(array: npt.NDArray[np.generic]) -> Iterator[slice]:
    """Yield blocks of rows of about `_BLOCK_BYTES` each, from first to last."""
    row = max(array.nbytes // max(len(array), 1), 1)
    step = max(_BLOCK_BYTES // row, 1)
    for first in range(0, len(array), step):
        yield slice(first, first + step)
        release(array)  # pages of a mapped file that were read are not needed again
