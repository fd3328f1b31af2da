"""New samples in the form that a trained run reads: tokens of its encoder, its feature widths, its scaling.

A modality that is missing from a sample is shown as an erased one in training: as many positions as are typical of the
training part, all of them zeros or `[UNK]`. A single position would be a length that most models have never seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmark.data.corruption import Substitutes
from benchmark.data.dataset import Part
from benchmark.data.importers import import_file
from benchmark.data.importers.words import token_stream
from benchmark.data.ragged import HostRagged
from benchmark.data.samples import DEFAULT_VOCABULARY, BoolArray, IntArray, ModalityStream, Samples
from benchmark.runs.trained_run import TrainedRun
from protocols import MODALITIES, InputError, Layout, Modality

#: Number of samples handled at a time, which limits the memory of values and text states. A multiple of the batch.
CHUNK = 4096


def read_new_samples(path: Path) -> Samples:
    """Samples to be predicted, from a file in a layout that `sentibench data import` reads.

    An npz archive or a CSV needs no labels and no split, and any modality may be missing from an archive; see
    `benchmark.data.importers.import_file`. Existing labels and splits are not read.

    Raises:
        InputError: if the file is missing, of unknown layout, damaged, or its content breaks a rule.
    """
    return import_file(path, path.name, labelled=False)


@dataclass(frozen=True, eq=False)
class _Stream:
    """One modality in the form that the run reads.

    Attributes:
        stream: Recorded values.
        lacking: `(n,)` bool: samples without any recorded position, shown as `typical` positions that are not observed.
        typical: Number of positions.
    """

    stream: ModalityStream
    lacking: BoolArray
    typical: int

    @property
    def lengths(self) -> IntArray:
        """Number of positions that the model is shown, `(n,)`."""
        return np.where(self.lacking, self.typical, np.diff(self.stream.offsets))

    def gather(self, rows: IntArray) -> tuple[IntArray, IntArray, BoolArray]:
        """Return, for the samples `rows`: offsets, the place of each position in the stream, and the observed ones."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        start = np.where(self.lacking[rows], 0, self.stream.offsets[rows])
        lacking = np.repeat(self.lacking[rows], lengths)
        place = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], lengths)
        place[lacking] = 0
        return offsets, place, self.stream.observed[place] & ~lacking


class NewSamples:
    """New samples as one run reads them.

    Attributes:
        available: `(n, 3)` bool: samples with any recorded position of text, audio, vision.

    Raises:
        InputError: if features are of another width than those of the training data, or text is in a form that the
            run cannot read.
    """

    def __init__(self, run: TrainedRun, samples: Samples) -> None:
        self._run, self._samples = run, samples
        check_extraction(samples.name, samples.provenance.extraction, run)
        self._streams = {m: self._read(m) for m in MODALITIES}
        self.available: BoolArray = np.stack([~self._recorded_nowhere(m) for m in MODALITIES], axis=1)

    def __len__(self) -> int:
        return len(self._samples)

    def chunks(self) -> Iterator[tuple[IntArray, Part]]:
        """Yield all samples from short to long, some thousand at a time: their rows, and a part made of them."""
        order = np.argsort(np.sum([s.lengths for s in self._streams.values()], axis=0), kind="stable")
        for first in range(0, len(order), CHUNK):
            rows = order[first : first + CHUNK]
            yield rows, self.part(rows)

    def part(self, rows: IntArray) -> Part:
        """Return the samples `rows` as a part of the run's data set; labels are NaN."""
        offsets: dict[Modality, IntArray] = {}
        observed: dict[Modality, BoolArray] = {}
        values: dict[Modality, HostRagged] = {}
        token_ids: IntArray | None = None
        for modality, shown in self._streams.items():
            offsets[modality], place, seen = shown.gather(rows)
            observed[modality] = seen
            stream = shown.stream
            if stream.token_ids is not None and self._run.encoder is not None:
                token_ids = np.where(seen, stream.token_ids[place], self._run.encoder.special.unk)
            elif stream.values is not None:
                raw = np.zeros((len(place), stream.width), np.float32)
                raw[seen] = stream.values[place[seen]]
                scaled = self._run.scalers[modality].apply(torch.from_numpy(raw), seen).numpy()
                values[modality] = HostRagged([scaled], offsets[modality][:-1], np.diff(offsets[modality]))
        layout = Layout(
            self._samples.name,
            tuple(self._samples.ids[rows].tolist()),
            offsets,
            observed,
            steps=self._run.samples.provenance.steps,
            text_is_framed=token_ids is not None,
        )
        return Part(
            name="new",
            layout=layout,
            video_ids=self._samples.video_ids[rows],
            label=torch.full((len(rows),), torch.nan),
            values=values,
            token_ids=token_ids,
            substitutes=Substitutes(None, {}, np.zeros(0, np.bool_)),
        )

    def _recorded_nowhere(self, modality: Modality) -> npt.NDArray[np.bool_]:
        shown = self._streams[modality]
        return shown.lacking | ~np.logical_or.reduceat(shown.stream.observed, shown.stream.offsets[:-1])

    def _read(self, modality: Modality) -> _Stream:
        stream = self._samples.streams[modality]
        tokens = modality == "text" and self._run.encoder is not None
        if tokens:
            stream = self._tokens(stream)
        elif stream.observed.any():
            self._check_features(modality, stream)
        elif stream.width != self._run.samples.streams[modality].width:
            stream = _nothing(len(self), self._run.samples.streams[modality].width)
        # one position that is not observed stands for a modality that was never recorded
        lacking = (np.diff(stream.offsets) == 1) & ~stream.observed[stream.offsets[:-1]]
        return _Stream(stream, lacking, self._run.typical_length(modality) if lacking.any() else 1)

    def _check_features(self, modality: Modality, stream: ModalityStream) -> None:
        """Check that values are of the same features as the run's."""
        spec, known = self._run.spec, self._run.samples.streams[modality]
        where, of_run = f"{self._samples.name}: {modality}", f"data set '{spec.dataset}' that the run was trained on"
        if stream.values is None:
            raise InputError(
                f"{where} is words, and that of {of_run} is word vectors of width {known.width}; give text.values with "
                "vectors of the same kind, or leave the text out"
            )
        if stream.width != known.width:
            raise InputError(
                f"{where} has {stream.width} features, and that of {of_run} has {known.width}; give the same features, "
                f"or leave {modality} out"
            )
        names = zip(stream.feature_names, known.feature_names, strict=False)
        other = next(((i, a, b) for i, (a, b) in enumerate(names) if a != b), None)
        if other is not None:
            raise InputError(
                f"{where}: feature {other[0]} is '{other[1]}', and that of {of_run} is '{other[2]}'; give the same "
                f"features in the same order, or leave {modality} out"
            )

    def _tokens(self, stream: ModalityStream) -> ModalityStream:
        """Return the text as tokens of the run's encoder: stored ids if they fit, else those of the raw text."""
        encoder, samples = self._run.encoder, self._samples
        if encoder is None:
            raise ValueError("the text of this run is values")
        if stream.token_ids is not None and stream.vocabulary == encoder.vocabulary:
            return stream
        if not any(samples.raw_text):
            if stream.observed.any():
                found = f"ids of {stream.vocabulary}" if stream.token_ids is not None else "word vectors"
                raise InputError(
                    f"{samples.name}: text is {found}, which encoder '{encoder.config.name}' of the run cannot read; "
                    "give raw_text, or leave the text out"
                )
            unknown = np.full(len(self), encoder.special.unk, np.int64)
            nothing = _nothing(len(self), 1)
            return ModalityStream(nothing.offsets, nothing.observed, token_ids=unknown)
        if encoder.vocabulary == DEFAULT_VOCABULARY:
            return token_stream(samples.name, samples.raw_text.tolist())[0]
        offsets, ids = encoder.tokens(samples)
        written = np.array([bool(text.strip()) for text in samples.raw_text.tolist()])
        return ModalityStream(offsets, np.repeat(written, np.diff(offsets)), token_ids=ids)


def _nothing(n: int, width: int) -> ModalityStream:
    """Make a modality that none of n samples has."""
    return ModalityStream(np.arange(n + 1, dtype=np.int64), np.zeros(n, np.bool_), np.zeros((n, width), np.float32))


def check_extraction(where: str, found: Mapping[str, Any], run: TrainedRun) -> None:
    """Check that features are from the extractors of the run's data set, where both are known.

    Raises:
        InputError: With the names and versions of both.
    """
    known = run.samples.provenance.extraction
    for modality in MODALITIES[1:]:
        if modality in found and known:
            ours = _title(known[modality]) if modality in known else f"no {modality}"
            if _title(found[modality]) != ours:
                raise InputError(
                    f"{where}: {modality} features are of extractor {_title(found[modality])}, and data set "
                    f"'{run.spec.dataset}' that the run was trained on has {ours}; give the same features, or leave "
                    f"{modality} out"
                )


def _title(extractor: Mapping[str, Any]) -> str:
    revision = f" revision {extractor['revision']}" if extractor.get("revision") else ""
    aligned = " aligned to words" if extractor.get("aligned") else ""
    return f"'{extractor.get('name')}' version {extractor.get('version')}{revision}{aligned}"
