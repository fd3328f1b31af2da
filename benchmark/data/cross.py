"""Training on one data set, testing on another: samples joined from the training of one and the test part of the other.

The joined data set is called `mosi->mmmo`. It has the splits of the second one; each trains and validates on the
samples of the first (its first split, or the one named as in `mosi/official->mmmo`). Values are scaled by the training
samples, and samples that are in neither part are left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmark.data.description.duplicates import shared_content
from benchmark.data.description.scan import scan_stream
from benchmark.data.folds import split_codes
from benchmark.data.importers.scratch import RowScratch
from benchmark.data.samples import PARTS, IntArray, ModalityStream, PartArray, Provenance, Samples, StringArray
from benchmark.words import listed, plural, trained_and_tested
from protocols import MODALITIES, InputError

#: Prefix of the ids of training samples and their videos, as other samples in the test part may have the same ids.
_TRAINED = "train:"
#: Values that are copied at a time.
_BLOCK = 1 << 20


def join(name: str, train: Samples, split: str, test: Samples) -> Samples:
    """Join the training and validation samples of one data set with the test samples of another.

    Args:
        name: Name of the joined data set.
        train: Samples to train and validate with.
        split: Split of `train`, or a fold of one; empty for the first.
        test: Samples whose test parts are kept, those of every split.

    Raises:
        InputError: If modalities, features, kinds of text or label ranges differ, or test samples were trained on.
    """
    split = split or next(iter(train.splits))
    codes = split_codes(train, split)
    learnt = np.flatnonzero(np.isin(codes, (PARTS["train"], PARTS["valid"])))
    tested = np.flatnonzero(np.any([own == PARTS["test"] for own in test.splits.values()], axis=0))
    _check_fit(train, test)
    a, b = train.provenance, test.provenance

    def column(title: str) -> StringArray:
        return np.array([*getattr(train, title)[learnt].tolist(), *getattr(test, title)[tested].tolist()], dtype=object)

    def named(column: StringArray) -> StringArray:
        first = [_TRAINED + text for text in column[: len(learnt)].tolist()]
        return np.array([*first, *column[len(learnt) :].tolist()], dtype=object)

    joined = Samples(
        name=name,
        ids=named(column("ids")),
        video_ids=column("video_ids"),
        raw_text=column("raw_text"),
        label=np.concatenate([train.label[learnt], test.label[tested]]),
        streams={m: _joined(train.streams[m], learnt, test.streams[m], tested) for m in MODALITIES},
        splits={
            title: np.concatenate([codes[learnt], np.where(own[tested] == PARTS["test"], own[tested], 0)])
            for title, own in test.splits.items()
        },
        provenance=Provenance(
            source=f"{a.source}, {b.source}",
            source_sha256="",
            layout="cross-corpus",
            label_range=b.label_range,
            licence=listed([text for text in dict.fromkeys((a.licence, b.licence)) if text]),
            notes=(f"Trained and validated on split '{split}' of {trained_and_tested(name)[0]}.",),
            videos=b.videos,
            extraction=a.extraction,
        ),
    )
    joined.validate()
    everything = np.concatenate([codes[learnt], np.full(len(tested), PARTS["test"], np.uint8)])
    notes = _shared(joined, everything, generated=a.layout == b.layout == "synthetic")
    described = replace(joined.provenance, notes=(*joined.provenance.notes, *notes))
    return replace(joined, video_ids=named(joined.video_ids), provenance=described)


def _check_fit(train: Samples, test: Samples) -> None:
    """Raise InputError for the first difference that keeps the two data sets from being joined."""
    if train.fingerprint() == test.fingerprint():
        raise InputError(
            f"'{train.name}' and '{test.name}' are the same data; name one data set, or two different ones"
        )
    ranges = ["{:g} to {:g}".format(*samples.provenance.label_range) for samples in (train, test)]
    if ranges[0] != ranges[1]:
        raise _misfit(
            "labels", train, ranges[0], test, ranges[1], "import one again with --label-range and --map-labels"
        )
    for modality in MODALITIES:
        forms = [_form(samples.streams[modality]) for samples in (train, test)]
        if forms[0] != forms[1]:
            raise _misfit(modality, train, forms[0], test, forms[1], "import both with the same features")
        one, two = (samples.streams[modality].feature_names for samples in (train, test))
        other = next(((a, b) for a, b in zip(one, two, strict=True) if a != b), None) if one and two else None
        if other:
            what = f"features of {modality}"
            raise _misfit(what, train, f"'{other[0]}'", test, f"'{other[1]}' in its place", "import the same features")
        extractors = [samples.provenance.extraction.get(modality) for samples in (train, test)]
        if modality != "text" and None not in extractors and extractors[0] != extractors[1]:
            raise InputError(
                f"{modality} of '{train.name}' and '{test.name}' was extracted with other settings; extract both alike"
            )


def _form(stream: ModalityStream) -> str:
    if stream.values is None:
        return f"words of the vocabulary {stream.vocabulary}"
    return f"vectors of {stream.width}" if stream.observed.any() else "missing everywhere"


def _misfit(what: str, train: Samples, first: str, test: Samples, second: str, remedy: str) -> InputError:
    return InputError(
        f"cannot train on '{train.name}' and test on '{test.name}': {what}: the first has {first}, the second "
        f"{second}; {remedy}"
    )


def _shared(joined: Samples, codes: PartArray, generated: bool) -> list[str]:
    """Find test samples that may have been trained on; `joined` has the original ids of videos.

    Returns:
        Remarks on videos, texts and features that both have. None for two generated data sets: their videos
        are numbers, and their sentences are of one grammar.

    Raises:
        InputError: If a test sample has the label and the features or the long text of a training sample.
    """
    if generated:
        return []
    scans = {m: scan_stream(joined.streams[m]) for m in MODALITIES}
    found = [row for row in shared_content(joined, codes, scans) if row.second == "test"]
    for row in found:
        if row.what != "video" and row.alarming and row.same_label:
            raise InputError(
                f"{joined.name}: {plural(row.samples, 'test sample')} have {row.what} and label of a sample in the "
                f"{row.first} part, such as {row.example}; leave these samples out of one of the two data sets"
            )
    known = [row for row in found if row.what != "video" or joined.provenance.videos != "unknown"]
    return [f"The {row.what} of {plural(row.samples, 'test sample')} is in the {row.first} part, too." for row in known]


def _joined(train: ModalityStream, learnt: IntArray, test: ModalityStream, tested: IntArray) -> ModalityStream:
    chosen = ((train, learnt), (test, tested))
    lengths = np.concatenate([np.diff(stream.offsets)[rows] for stream, rows in chosen])
    positions = [(stream, _positions(stream, rows)) for stream, rows in chosen]

    def both(title: str) -> Any:
        columns = [getattr(stream, title) for stream, _ in positions]
        if any(column is None for column in columns):
            return None
        return np.concatenate([column[at] for column, (_, at) in zip(columns, positions, strict=True)])

    values = None
    if train.values is not None and test.values is not None:
        width = max(train.width, test.width)  # equal unless the modality is missing in both
        scratch = RowScratch(width)
        for stream, at in positions:
            for first in range(0, len(at), max(_BLOCK // width, 1)):
                rows = stream.values[at[first : first + max(_BLOCK // width, 1)]]  # type: ignore[index]
                scratch.append(np.pad(rows, ((0, 0), (0, width - rows.shape[1]))))
        values = scratch.array()
    return replace(
        train,
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        observed=both("observed"),
        values=values,
        token_ids=both("token_ids"),
        feature_names=train.feature_names or test.feature_names,
        times=both("times"),
    )


def _positions(stream: ModalityStream, rows: IntArray) -> IntArray:
    """Positions of the samples `rows`, back to back."""
    lengths = np.diff(stream.offsets)[rows]
    begin = np.repeat(stream.offsets[:-1][rows] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    at: IntArray = begin + np.arange(lengths.sum())
    return at
