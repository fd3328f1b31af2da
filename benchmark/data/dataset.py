"""Data sets under one named split, ready for masks and batches: in memory, or, if large, read from the file.

>>> dataset = load("synthetic:size=tiny")            # or load("mosi/official")
>>> masks = parse("drop(rate=0.5)").masks(dataset, split="test")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from benchmark.data.ragged import RESIDENT_BYTES, HostRagged
from benchmark.data.samples import PARTS, BoolArray, FloatArray, IntArray, ModalityStream, Samples, StringArray
from benchmark.data.scaling import Scaler
from protocols import MODALITIES, Displayed, InputError, Layout, Modality, unknown_name


@dataclass(frozen=True, eq=False)
class Inputs:
    """Model inputs of n samples, without ids, videos and labels.

    Attributes:
        offsets: By modality `(n + 1,)`: sample i has positions `offsets[i]:offsets[i + 1]`.
        observed: By modality `(P,)`: False where the data set itself has a gap.
        values: As `Part.values`.
        token_ids: As `Part.token_ids`.
        substitutes: As `Part.substitutes`.
    """

    offsets: Mapping[Modality, IntArray]
    observed: Mapping[Modality, BoolArray]
    values: Mapping[Modality, HostRagged]
    token_ids: IntArray | None
    substitutes: Substitutes

    def __len__(self) -> int:
        return len(self.offsets["text"]) - 1

    def lengths(self, modality: Modality) -> IntArray:
        """Positions of each sample, `(n,)`."""
        return np.diff(self.offsets[modality])


@dataclass(frozen=True, eq=False)
class Part:
    """The train, valid or test samples of a data set.

    Attributes:
        name: train, valid or test.
        layout: Ids, lengths and natural gaps, from which masks are drawn. Text positions are content tokens.
        video_ids: `(n,)` str.
        label: `(n,)` float32.
        values: By modality, scaled, zeros at natural gaps; text only where the data set has word vectors.
        token_ids: `(P,)` content tokens of the text, `[UNK]` at natural gaps; None if text is values.
        substitutes: Content of the training part for token errors and filled gaps.
    """

    name: str
    layout: Layout
    video_ids: StringArray
    label: Tensor
    values: Mapping[Modality, HostRagged]
    token_ids: IntArray | None
    substitutes: Substitutes

    def __len__(self) -> int:
        return len(self.layout)

    @property
    def inputs(self) -> Inputs:
        """Model inputs of the part."""
        return Inputs(self.layout.offsets, self.layout.observed, self.values, self.token_ids, self.substitutes)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Displayed):
    """Parts of one split, scaled by statistics of the training part.

    Attributes:
        name: Name of the data set.
        split: Named split.
        fingerprint: sha256 of the samples, which enters masks and run identities.
        label_range: Lowest and highest label.
        parts: train, valid, test.
        widths: By modality: width D of values, 0 for text that is encoded.
    """

    name: str
    split: str
    fingerprint: str
    label_range: tuple[float, float]
    parts: Mapping[str, Part]
    widths: Mapping[Modality, int]

    def facts(self) -> tuple[str, Mapping[str, object]]:
        """Return sizes of the parts and widths of the modalities."""
        sizes = {name: f"{len(part)} samples" for name, part in self.parts.items()}
        return f"data set {self.name}/{self.split}", {**sizes, "widths": dict(self.widths)}

    def part(self, name: str) -> Part:
        """Return one part; raises InputError for an unknown name."""
        if name not in self.parts:
            raise unknown_name(f"part of {self.name}/{self.split}", name, self.parts)
        return self.parts[name]

    def layout(self, split: str) -> Layout:
        """Layout of a part, from which masks are drawn."""
        return self.part(split).layout


class TrainingData:
    """View of a data set for training, without the test part."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset_name = f"{dataset.name}/{dataset.split}"
        self.label_range = dataset.label_range
        self._parts = {name: dataset.part(name) for name in ("train", "valid")}

    def part(self, name: str) -> Part:
        """Return the train or valid part.

        Raises:
            InputError: For test, which no code may read before training has ended.
        """
        if name == "test":
            raise InputError(f"{self.dataset_name}: the test part cannot be read before training has ended")
        return self._parts[name]

    def layout(self, split: str) -> Layout:
        """Layout of train or valid, from which masks are drawn."""
        return self.part(split).layout


def build_dataset(samples: Samples, split: str, encoder: TextEncoder | None, scaling: Scaling = "log") -> Dataset:
    """Build a data set from samples under one split.

    Args:
        samples: Validated samples.
        split: Name of the split, or of a fold of one (`folds.py`).
        encoder: Text encoder, whose tokenizer gives the tokens; needed unless the text is values.
        scaling: Scaling of values, with statistics of the observed training positions.

    Raises:
        InputError: For an unknown split, an empty part, or token text without encoder.
    """
    maker = PartMaker(samples, split, encoder, scaling)
    return maker.dataset(samples, ("train", "valid", "test"))


class PartMaker:
    """Maker of the parts of samples under one split: fitted on the training part, without access to ids and labels.

    Raises:
        InputError: as `build_dataset`.
    """

    def __init__(
        self,
        samples: Samples,
        split: str,
        encoder: TextEncoder | None,
        scaling: Scaling,
        fingerprint: str | None = None,
    ) -> None:
        codes = split_codes(samples, split)
        self._rows = {part: np.flatnonzero(codes == PARTS[part]) for part in ("train", "valid", "test")}
        for part, chosen in self._rows.items():
            if len(chosen) == 0:
                raise InputError(
                    f"{samples.name}/{split}: part {part} is empty; a split needs train, valid and test samples"
                )
        self._tokens: tuple[IntArray, IntArray] | None = None
        self._unknown = 0
        if samples.streams["text"].values is None:
            if encoder is None:
                raise InputError(f"{samples.name}: its text is words; name a text encoder")
            self._tokens, self._unknown = encoder.tokens(samples), encoder.special.unk
        self._split, self._steps = split, samples.provenance.steps
        self._fingerprint = fingerprint or samples.fingerprint()
        self._features = _Features.of(samples, self._rows["train"], scaling)
        self._inputs: dict[str, Inputs] = {}

    def inputs(self, part: str) -> Inputs:
        """Return the model inputs of a part; they are made at the first call."""
        if part not in self._inputs:
            # content of the training part is the substitute
            substitutes = None if part == "train" else self.inputs("train").substitutes
            self._inputs[part] = self._make(self._rows[part], substitutes)
        return self._inputs[part]

    def layout(self, part: str, samples: Samples) -> Layout:
        """Return the layout of a part, from which masks are drawn."""
        given = self.inputs(part)
        # the layout outlives the samples, which hold the labels
        training = None if part == "train" else self.layout("train", samples)
        layout = Layout(
            self._fingerprint,
            tuple(samples.ids[self._rows[part]].tolist()),
            given.offsets,
            given.observed,
            salience=partial(_salience, given),
            steps=self._steps,
            text_is_framed=given.token_ids is not None,
            video_ids=tuple(samples.video_ids[self._rows[part]].tolist()),
            times=self._times(part).get,
        )
        return replace(layout, donors=lambda: training or layout)

    def dataset(self, samples: Samples, parts: Sequence[str]) -> Dataset:
        """Build a data set of some parts, with ids and labels from `samples`."""
        made: dict[str, Part] = {}
        for part in parts:
            rows, given = self._rows[part], self.inputs(part)
            label = torch.from_numpy(samples.label[rows].astype(np.float32))
            videos = samples.video_ids[rows]
            layout = self.layout(part, samples)
            made[part] = Part(part, layout, videos, label, given.values, given.token_ids, given.substitutes)
        widths = {m: samples.streams[m].width for m in MODALITIES}
        return Dataset(samples.name, self._split, self._fingerprint, samples.provenance.label_range, made, widths)

    def _times(self, part: str) -> dict[Modality, npt.NDArray[np.float64]]:
        return {
            m: stream.times[_inside(stream.offsets, self._rows[part])[0]].astype(np.float64)
            for m, stream in self._features.streams.items()
            if stream.times is not None
        }

    def columns(self, part: str, samples: Samples) -> tuple[StringArray, StringArray, FloatArray]:
        """Return ids, videos and labels `(n,)` of a part."""
        rows = self._rows[part]
        return samples.ids[rows], samples.video_ids[rows], samples.label[rows]

    def _make(self, chosen: IntArray, substitutes: Substitutes | None) -> Inputs:
        offsets: dict[Modality, IntArray] = {}
        observed: dict[Modality, BoolArray] = {}
        values: dict[Modality, HostRagged] = {}
        token_ids: IntArray | None = None
        for modality, stream in self._features.streams.items():
            if modality == "text" and self._tokens is not None:
                inside, offsets[modality] = _inside(self._tokens[0], chosen)
                seen = _token_observed(stream, self._tokens[0])[inside]
                token_ids = np.where(seen, self._tokens[1][inside], self._unknown)
            else:
                inside, offsets[modality] = _inside(stream.offsets, chosen)
                seen = stream.observed[inside]
                values[modality] = self._features.part(modality, chosen)
            observed[modality] = seen
        if substitutes is None:
            substitutes = Substitutes(token_ids, values, observed["text"])
        return Inputs(offsets, observed, values, token_ids, substitutes)


@dataclass(frozen=True, eq=False)
class _Features:
    """Values of a data set: small ones are copied into memory, large ones read when a batch needs them."""

    streams: Mapping[Modality, ModalityStream]
    scalers: Mapping[Modality, Scaler]
    resident: bool

    @classmethod
    def of(cls, samples: Samples, train: IntArray, scaling: Scaling) -> _Features:
        """Fit the scalers on the training part."""
        size = sum(stream.values.nbytes for stream in samples.streams.values() if stream.values is not None)
        streams = {m: samples.streams[m] for m in MODALITIES}
        return cls(streams, fit_scalers(samples, train, scaling), size <= RESIDENT_BYTES)

    def part(self, modality: Modality, rows: IntArray) -> HostRagged:
        """Return scaled values of the samples `rows`."""
        read = _ragged(self.streams[modality], rows, self.scalers[modality])
        return read.resident() if self.resident else read


def fit_scalers(samples: Samples, train: IntArray, scaling: Scaling) -> Mapping[Modality, Scaler]:
    """By modality of values: a scaler with statistics of the observed positions of the samples `train`."""
    scalers: dict[Modality, Scaler] = {}
    for modality, stream in samples.streams.items():
        if stream.values is not None:
            scalers[modality] = Scaler.fit(_observed_blocks(_ragged(stream, train, None)), stream.width, scaling)
            release(stream.values)
    return scalers


def _salience(given: Inputs, modality: Modality) -> npt.NDArray[np.float64]:
    substitutes = given.substitutes
    if modality == "text" and given.token_ids is not None and substitutes.tokens is not None:
        training = substitutes.tokens[substitutes.observed]
        return salience.of_tokens(given.token_ids, given.observed[modality], training)
    return salience.of_values(given.values[modality], given.offsets[modality], given.observed[modality])


def _ragged(stream: ModalityStream, rows: IntArray, scaler: Scaler | None) -> HostRagged:
    if stream.values is None:
        raise ValueError("this stream is tokens")
    start = stream.offsets[rows]
    return HostRagged([stream.values], start, stream.offsets[rows + 1] - start, scaler=scaler, observed=stream.observed)


def _observed_blocks(values: HostRagged) -> Iterator[Tensor]:
    for rows in values.blocks():
        yield values.read(rows)[torch.from_numpy(values.observed(rows))]


def _inside(offsets: IntArray, rows: IntArray) -> tuple[BoolArray, IntArray]:
    """Return flags `(P,)` of the positions of the samples `rows` (rising), and the offsets of these samples."""
    lengths = np.diff(offsets)
    chosen = np.zeros(len(lengths), dtype=np.bool_)
    chosen[rows] = True
    return np.repeat(chosen, lengths), np.concatenate([[0], np.cumsum(lengths[rows])]).astype(np.int64)


def _token_observed(stream: ModalityStream, offsets: IntArray) -> BoolArray:
    """Observed positions of the text; if another tokenizer gave other positions, only missing texts are known."""
    if np.array_equal(stream.offsets, offsets):
        return stream.observed
    recorded = np.logical_or.reduceat(stream.observed, stream.offsets[:-1])
    return np.repeat(recorded, np.diff(offsets))
