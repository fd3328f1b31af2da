"""A data set under one named split, resident in memory, ready to be masked and batched.

>>> dataset = load("synthetic:size=tiny")            # or load("mosi/official")
>>> masks = parse("drop(rate=0.5)").masks(dataset, split="test")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmark.data.config import Scaling
from benchmark.data.encoding import TextEncoder
from benchmark.data.samples import PARTS, IntArray, ModalityStream, Samples, StringArray
from protocols import MODALITIES, InputError, Layout, Modality, unknown_name


@dataclass(frozen=True, eq=False)
class Part:
    """The train, valid or test samples of a data set.

    Attributes:
        name: train, valid or test.
        layout: Ids, lengths and natural gaps: what masks are drawn on. Text positions are content tokens.
        video_ids: `(n,)` str.
        label: `(n,)` float32.
        values: By modality `(P, D)` float32, scaled; text only where the data set has word vectors.
        token_ids: `(P,)` content tokens of the text, `[UNK]` at natural gaps; None where text is values.
    """

    name: str
    layout: Layout
    video_ids: StringArray
    label: Tensor
    values: Mapping[Modality, Tensor]
    token_ids: IntArray | None

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
        split: Name of the split.
        encoder: Gives the tokens of the text; needed unless the text is values.
        scaling: How values are scaled, with statistics of the observed training positions.

    Raises:
        InputError: for an unknown split, an empty part, or token text without encoder.
    """
    if split not in samples.splits:
        raise unknown_name(f"split of {samples.name}", split, samples.splits)
    codes = samples.splits[split]
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
    parts: dict[str, Part] = {}
    scalers = {m: _Scaler.fit(s, rows["train"], scaling) for m, s in samples.streams.items() if s.values is not None}
    for part, chosen in rows.items():
        offsets: dict[Modality, IntArray] = {}
        observed = {}
        values: dict[Modality, Tensor] = {}
        token_ids: IntArray | None = None
        for modality in MODALITIES:
            stream = samples.streams[modality]
            if modality == "text" and tokens is not None and encoder is not None:
                positions, offsets[modality] = _gather(tokens[0], chosen)
                seen = _token_observed(stream, tokens[0])[positions]
                token_ids = np.where(seen, tokens[1][positions], encoder.special.unk)
            else:
                positions, offsets[modality] = _gather(stream.offsets, chosen)
                seen = stream.observed[positions]
                values[modality] = scalers[modality].apply(stream, positions)
            observed[modality] = seen
        ids = tuple(samples.ids[chosen].tolist())
        layout = Layout(fingerprint, ids, offsets, observed)
        label = torch.from_numpy(samples.label[chosen].astype(np.float32))
        parts[part] = Part(part, layout, samples.video_ids[chosen], label, values, token_ids)
    widths = {m: samples.streams[m].width for m in MODALITIES}
    return Dataset(samples.name, split, fingerprint, samples.provenance.label_range, parts, widths)


@dataclass(frozen=True, eq=False)
class _Scaler:
    """Column statistics of the observed training positions."""

    scaling: Scaling
    mean: Tensor
    deviation: Tensor

    @classmethod
    def fit(cls, stream: ModalityStream, rows: IntArray, scaling: Scaling) -> _Scaler:
        positions, _ = _gather(stream.offsets, rows)
        chosen = positions[stream.observed[positions]]
        if stream.values is None or len(chosen) == 0 or scaling == "none":
            return cls(scaling, torch.zeros(stream.width), torch.ones(stream.width))
        values = _transform(torch.from_numpy(stream.values[chosen]), scaling).double()
        deviation = values.std(dim=0, correction=0)
        # A column that never changes in training says nothing: scaled by 1 it stays at zero there.
        deviation = torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation))
        return cls(scaling, values.mean(dim=0).float(), deviation.float())

    def apply(self, stream: ModalityStream, positions: IntArray) -> Tensor:
        if stream.values is None:
            return torch.zeros(len(positions), 0)
        values = _transform(torch.from_numpy(stream.values[positions]), self.scaling)
        scaled = (values - self.mean) / self.deviation
        # Single frames far outside the training range must not decide a prediction.
        scaled = scaled.clamp(-10.0, 10.0) if self.scaling != "none" else scaled
        return scaled * torch.from_numpy(stream.observed[positions])[:, None]


def _transform(values: Tensor, scaling: Scaling) -> Tensor:
    return values.sign() * values.abs().log1p() if scaling == "log" else values


def _gather(offsets: IntArray, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Positions of the chosen samples, back to back, and their new offsets."""
    lengths = offsets[rows + 1] - offsets[rows]
    new = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    positions = np.arange(new[-1]) - np.repeat(new[:-1], lengths) + np.repeat(offsets[rows], lengths)
    return positions.astype(np.int64), new


def _token_observed(stream: ModalityStream, offsets: IntArray) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Natural gaps of the text; where another tokenizer gave other positions, of whole texts only."""
    if np.array_equal(stream.offsets, offsets):
        return stream.observed
    recorded = np.logical_or.reduceat(stream.observed, stream.offsets[:-1])
    return np.repeat(recorded, np.diff(offsets))
