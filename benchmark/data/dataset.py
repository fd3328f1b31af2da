"""A data set under one named split, ready to be masked and batched: in memory, or read from its file where it is large.

>>> dataset = load("synthetic:size=tiny")            # or load("mosi/official")
>>> masks = parse("drop(rate=0.5)").masks(dataset, split="test")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmark.data import salience
from benchmark.data.config import Scaling
from benchmark.data.corruption import Substitutes
from benchmark.data.encoding import TextEncoder
from benchmark.data.folds import split_codes
from benchmark.data.pages import release
from benchmark.data.ragged import RESIDENT_BYTES, HostRagged, Ragged
from benchmark.data.samples import PARTS, BoolArray, IntArray, ModalityStream, Samples, StringArray
from benchmark.data.scaling import Scaler
from protocols import MODALITIES, InputError, Layout, Modality, unknown_name


@dataclass(frozen=True, eq=False)
class Part:
    """The train, valid or test samples of a data set.

    Attributes:
        name: train, valid or test.
        layout: Ids, lengths and natural gaps: what masks are drawn on. Text positions are content tokens.
        video_ids: `(n,)` str.
        label: `(n,)` float32.
        values: By modality, scaled, zeros at natural gaps; text only where the data set has word vectors.
        token_ids: `(P,)` content tokens of the text, `[UNK]` at natural gaps; None where text is values.
        substitutes: What stands in for words that are misheard.
    """

    name: str
    layout: Layout
    video_ids: StringArray
    label: Tensor
    values: Mapping[Modality, Ragged]
    token_ids: IntArray | None
    substitutes: Substitutes

    def __len__(self) -> int:
        return len(self.layout)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Parts of one split, scaled by statistics of the training part.

    Attributes:
        name: Of the data set.
        split: Named split.
        fingerprint: sha256 of the samples: keys masks and run identities.
        label_range: Lowest and highest label.
        parts: train, valid, test.
        widths: By modality: D of values, 0 for text that is encoded.
    """

    name: str
    split: str
    fingerprint: str
    label_range: tuple[float, float]
    parts: Mapping[str, Part]
    widths: Mapping[Modality, int]

    def part(self, name: str) -> Part:
        """One part; raises InputError when the split has none of that name."""
        if name not in self.parts:
            raise unknown_name(f"part of {self.name}/{self.split}", name, self.parts)
        return self.parts[name]

    def layout(self, split: str) -> Layout:
        """What masks of a part are drawn on."""
        return self.part(split).layout


class TrainingData:
    """The view of a data set that training gets: the test part is not in it."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset_name = f"{dataset.name}/{dataset.split}"
        self.label_range = dataset.label_range
        self._parts = {name: dataset.part(name) for name in ("train", "valid")}

    def part(self, name: str) -> Part:
        """train or valid.

        Raises:
            InputError: for test, which no code may read before training has ended.
        """
        if name == "test":
            raise InputError(f"{self.dataset_name}: the test part cannot be read before training has ended")
        return self._parts[name]

    def layout(self, split: str) -> Layout:
        """What masks of train or valid are drawn on."""
        return self.part(split).layout


def build_dataset(samples: Samples, split: str, encoder: TextEncoder | None, scaling: Scaling = "log") -> Dataset:
    """Make a data set of samples under one split.

    Args:
        samples: Validated samples.
        split: Name of the split, or of a fold of one (`folds.py`).
        encoder: Gives the tokens of the text; needed unless the text is values.
        scaling: How values are scaled, with statistics of the observed training positions.

    Raises:
        InputError: for an unknown split, an empty part, or token text without encoder.
    """
    codes = split_codes(samples, split)
    rows = {part: np.flatnonzero(codes == PARTS[part]) for part in ("train", "valid", "test")}
    for part, chosen in rows.items():
        if len(chosen) == 0:
            raise InputError(
                f"{samples.name}/{split}: part {part} is empty; a split needs train, valid and test samples"
            )
    text = samples.streams["text"]
    tokens: tuple[IntArray, IntArray] | None = None
    if text.values is None:
        if encoder is None:
            raise InputError(f"{samples.name}: its text is words; name a text encoder")
        tokens = encoder.tokens(samples)
    fingerprint = samples.fingerprint()
    features = _Features.of(samples, rows["train"], scaling)
    parts: dict[str, Part] = {}
    substitutes: Substitutes | None = None
    for part, chosen in rows.items():  # train comes first: its words stand in for others
        offsets: dict[Modality, IntArray] = {}
        observed: dict[Modality, BoolArray] = {}
        values: dict[Modality, HostRagged] = {}
        token_ids: IntArray | None = None
        for modality in MODALITIES:
            stream = samples.streams[modality]
            if modality == "text" and tokens is not None and encoder is not None:
                inside, offsets[modality] = _inside(tokens[0], chosen)
                seen = _token_observed(stream, tokens[0])[inside]
                token_ids = np.where(seen, tokens[1][inside], encoder.special.unk)
            else:
                inside, offsets[modality] = _inside(stream.offsets, chosen)
                seen = stream.observed[inside]
                values[modality] = features.part(modality, chosen)
            observed[modality] = seen
        ids = tuple(samples.ids[chosen].tolist())
        if substitutes is None:
            substitutes = Substitutes(token_ids, values.get("text"), observed["text"])
        layout = Layout(
            fingerprint,
            ids,
            offsets,
            observed,
            salience=partial(_salience, values, offsets, observed, token_ids, substitutes),
            steps=samples.provenance.steps,
            text_is_framed=token_ids is not None,
        )
        label = torch.from_numpy(samples.label[chosen].astype(np.float32))
        parts[part] = Part(part, layout, samples.video_ids[chosen], label, values, token_ids, substitutes)
    widths = {m: samples.streams[m].width for m in MODALITIES}
    return Dataset(samples.name, split, fingerprint, samples.provenance.label_range, parts, widths)


@dataclass(frozen=True, eq=False)
class _Features:
    """The values of a data set: copied into memory where they are few, else read when a batch needs them."""

    streams: Mapping[Modality, ModalityStream]
    scalers: Mapping[Modality, Scaler]
    resident: bool

    @classmethod
    def of(cls, samples: Samples, train: IntArray, scaling: Scaling) -> _Features:
        """Fit the scalers on the training part."""
        scalers: dict[Modality, Scaler] = {}
        size = 0
        for modality, stream in samples.streams.items():
            if stream.values is not None:
                size += stream.values.nbytes
                scalers[modality] = Scaler.fit(_observed_blocks(_ragged(stream, train, None)), stream.width, scaling)
                release(stream.values)
        return cls(samples.streams, scalers, size <= RESIDENT_BYTES)

    def part(self, modality: Modality, rows: IntArray) -> HostRagged:
        """Scaled values of the samples `rows`."""
        read = _ragged(self.streams[modality], rows, self.scalers[modality])
        return read.resident() if self.resident else read


def _salience(
    values: Mapping[Modality, HostRagged],
    offsets: Mapping[Modality, IntArray],
    observed: Mapping[Modality, BoolArray],
    token_ids: IntArray | None,
    substitutes: Substitutes,
    modality: Modality,
) -> npt.NDArray[np.float64]:
    if modality == "text" and token_ids is not None and substitutes.tokens is not None:
        training = substitutes.tokens[substitutes.observed]
        return salience.of_tokens(token_ids, observed[modality], training)
    return salience.of_values(values[modality], offsets[modality], observed[modality])


def _ragged(stream: ModalityStream, rows: IntArray, scaler: Scaler | None) -> HostRagged:
    if stream.values is None:
        raise ValueError("this stream is tokens")
    start = stream.offsets[rows]
    return HostRagged([stream.values], start, stream.offsets[rows + 1] - start, scaler=scaler, observed=stream.observed)


def _observed_blocks(values: HostRagged) -> Iterator[Tensor]:
    for rows in values.blocks():
        yield values.read(rows)[torch.from_numpy(values.observed(rows))]


def _inside(offsets: IntArray, rows: IntArray) -> tuple[BoolArray, IntArray]:
    """Which positions `(P,)` belong to the samples `rows`, which rise, and the offsets of these alone."""
    lengths = np.diff(offsets)
    chosen = np.zeros(len(lengths), dtype=np.bool_)
    chosen[rows] = True
    return np.repeat(chosen, lengths), np.concatenate([[0], np.cumsum(lengths[rows])]).astype(np.int64)


def _token_observed(stream: ModalityStream, offsets: IntArray) -> BoolArray:
    """Natural gaps of the text; where another tokenizer gave other positions, of whole texts only."""
    if np.array_equal(stream.offsets, offsets):
        return stream.observed
    recorded = np.logical_or.reduceat(stream.observed, stream.offsets[:-1])
    return np.repeat(recorded, np.diff(offsets))
