"""Meaning of the numbers of a source: the range of its labels, and the vocabulary of its token ids.

One rule for every importer: an option has precedence, then the file's statement, then a known sha256. If there is none
of these the values decide, with a note. The name of a data set is never used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from benchmark.data.samples import DEFAULT_VOCABULARY, VOCABULARIES, BoolArray, FloatArray, Samples
from benchmark.evaluation.scales import MOSI, SIMS, without_classes
from protocols import InputError, unknown_name

Range: TypeAlias = tuple[float, float]

#: Label range of samples whose file states none: no label is within it, so that `settle_labels` must set one.
UNDECLARED: Range = (float("nan"), float("nan"))
#: Share of the label range at or below which labels may be of another scale.
LITTLE = 0.5
#: Prefix of important notes.
WARNING = "warning: "
_CHINESE = "bert-base-chinese"


@dataclass(frozen=True)
class Published:
    """A published feature file."""

    title: str
    label_range: Range
    vocabulary: str


#: Published files by sha256.
OFFICIAL: dict[str, Published] = {
    "78e0f8b5ef8ff71558e7307848fc1fa929ecb078203f565ab22b9daab2e02524": Published(
        "MOSI unaligned_50", MOSI.label_range, DEFAULT_VOCABULARY
    ),
    "d3994fd25681f9c7ad6e9c6596a6fe9b4beb85ff7d478ba978b124139002e5f9": Published(
        "MOSI aligned_50", MOSI.label_range, DEFAULT_VOCABULARY
    ),
    "ad8b23d50557045e7d47959ce6c5b955d8d983f2979c7d9b7b9226f6dd6fec1f": Published(
        "MOSEI unaligned_50", MOSI.label_range, DEFAULT_VOCABULARY
    ),
    "45eccfb748a87c80ecab9bfac29582e7b1466bf6605ff29d3b338a75120bf791": Published(
        "MOSEI aligned_50", MOSI.label_range, DEFAULT_VOCABULARY
    ),
    "c9e20c13ec0454d98bb9c1e520e490c75146bfa2dfeeea78d84de047dbdd442f": Published(
        "SIMS unaligned_39", SIMS.label_range, _CHINESE
    ),
    "f8fd9a1dd070588a714ff357b00f31d5bb93277b4e502cf2dc4ff718a95fc49b": Published(
        "SIMSv2 ch-simsv2s (AZYoung/SIMSV2_processed)", SIMS.label_range, _CHINESE
    ),
}


def settle_labels(
    where: str, samples: Samples, label_range: Range | None = None, map_labels: Range | None = None
) -> Samples:
    """Set the label range of samples, map the labels if requested, and return the samples with notes on it.

    Args:
        where: Name of the source, for errors.
        samples: Samples of an importer; `provenance.label_range` is the file's statement, or `UNDECLARED`.
        label_range: Lowest and highest label, if given as an option.
        map_labels: Map the range linearly to this one.

    Raises:
        InputError: For an invalid range, a label outside the stated range, values outside every range with classes if
            none is stated, or a mapping of a range that is not stated.
    """
    columns = {"label": samples.label, **{f"{m} label": labels for m, labels in samples.unimodal_labels.items()}}
    known = OFFICIAL.get(samples.provenance.source_sha256)
    said = samples.provenance.label_range
    if label_range is not None:
        bounds, source = _checked("--label-range", label_range), "as --label-range says"
    elif not np.isnan(said[0]):
        bounds, source = _checked(f"{where}: label_range", said), "as the file says"
    elif known is not None:
        bounds, source = known.label_range, f"that of the published file {known.title}"
    else:
        bounds, source = _by_values(where, samples, columns), ""
        if map_labels is not None:
            raise InputError(
                f"{where}: nothing says the range of its labels, which --map-labels maps; give --label-range LOW HIGH, "
                "too"
            )
    _check_within(where, samples, columns, bounds)
    low, high = bounds
    notes = [f"label range {low:g} to {high:g}: {source or _BY_VALUES}"]
    if known is not None and bounds != known.label_range:
        usual = known.label_range
        notes.append(f"{WARNING}the published file {known.title} has labels from {usual[0]:g} to {usual[1]:g}")
    notes += _doubts(columns.values(), bounds)
    if map_labels is not None:
        bounds = _checked("--map-labels", map_labels)
        columns = {name: _mapped(column, (low, high), bounds) for name, column in columns.items()}
        notes.append(f"labels mapped linearly from {low:g}..{high:g} to {bounds[0]:g}..{bounds[1]:g}")
    notes += without_classes(bounds)
    provenance = samples.provenance
    return replace(
        samples,
        label=columns["label"],
        unimodal_labels={m: columns[f"{m} label"] for m in samples.unimodal_labels},
        provenance=replace(provenance, label_range=bounds, notes=(*provenance.notes, *notes)),
    )


def little_filled(label: FloatArray, bounds: Range) -> str:
    """Return a warning if labels fill a small part of their range, else an empty text."""
    finite = label[np.isfinite(label)].astype(np.float64)
    low, high = bounds
    if not len(finite) or (share := float(np.ptp(finite)) / (high - low)) > LITTLE:
        return ""
    return (
        f"labels go from {finite.min():g} to {finite.max():g}, {100 * share:.0f} % of the range {low:g} to {high:g}; "
        "import them with --label-range LOW HIGH if that is not their scale"
    )


def choose_vocabulary(
    where: str, declared: str | None, file: str | None, sha256: str, raw_text: Iterable[str]
) -> tuple[str, str]:
    """Return the vocabulary of the token ids of a source, and a note on its origin.

    Args:
        where: Name of the source, for errors.
        declared: Vocabulary given as an option.
        file: Vocabulary stated by the file.
        sha256: Hash of the file.
        raw_text: The texts; empty if unknown.

    Raises:
        InputError: For a vocabulary unknown to the store.
    """
    for said, source in ((declared, "as --vocabulary says"), (file, "as the file says")):
        if said is not None:
            if said not in VOCABULARIES:
                raise unknown_name(f"vocabulary of {where}", said, VOCABULARIES)
            return said, f"text: token ids of {said}, {source}"
    if sha256 in OFFICIAL:
        published = OFFICIAL[sha256].vocabulary
        return published, f"text: token ids of {published}, those of the published file"
    texts = [text for text in raw_text if text]
    chinese = sum(any("\u4e00" <= c <= "\u9fff" for c in text) for text in texts)
    guess = _CHINESE if 2 * chinese > len(texts) else DEFAULT_VOCABULARY
    if not texts:
        return guess, f"{WARNING}no raw text: token ids are taken as those of {guess}; --vocabulary says otherwise"
    return guess, (
        f"text: token ids of {guess}, as {chinese} of {len(texts)} texts have Chinese characters; --vocabulary says "
        "otherwise"
    )


_BY_VALUES = "the smaller of -1 to 1 and -3 to 3 that holds all labels; --label-range says otherwise"


def _by_values(where: str, samples: Samples, columns: Mapping[str, FloatArray]) -> Range:
    for scale in (SIMS, MOSI):
        if not any(_outside(column, scale.label_range).any() for column in columns.values()):
            return scale.label_range
    low, high = MOSI.label_range
    name = next(name for name, column in columns.items() if _outside(column, MOSI.label_range).any())
    first = int(np.flatnonzero(_outside(columns[name], MOSI.label_range))[0])
    finite = np.concatenate([column[np.isfinite(column)] for column in columns.values()])
    least, most = (f"{f(finite):g}" if len(finite) else "nan" for f in (np.min, np.max))
    raise InputError(
        f"{where}: {name} of sample '{samples.ids[first]}' is {columns[name][first]:g}, outside the label range "
        f"[{low:g}, {high:g}], which holds where none is said; labels go from {least} to {most}: correct them, or "
        "state their range with --label-range LOW HIGH (and --map-labels -3 3 where accuracies and F1 are wanted)"
    )


def _check_within(where: str, samples: Samples, columns: Mapping[str, FloatArray], bounds: Range) -> None:
    for name, column in columns.items():
        bad = np.flatnonzero(~np.isfinite(column) | _outside(column, bounds))
        if len(bad):
            raise InputError(
                f"{where}: {name} of sample '{samples.ids[bad[0]]}' is {column[bad[0]]:g}, outside the label range "
                f"[{bounds[0]:g}, {bounds[1]:g}]; correct it, or state the range of these labels with --label-range"
            )


def _outside(column: FloatArray, bounds: Range) -> BoolArray:
    """`(n,)`: flags of labels outside a range, at their stored precision; NaN is never outside."""
    low, high = np.float32(bounds[0]), np.float32(bounds[1])
    return (column < low) | (column > high)


def _checked(what: str, bounds: Range) -> Range:
    low, high = (float(x) for x in bounds)
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InputError(f"{what} {low:g} {high:g}: expected the lowest and the highest label, two different numbers")
    return low, high


def _doubts(columns: Iterable[FloatArray], bounds: Range) -> list[str]:
    doubt = little_filled(np.concatenate(list(columns)), bounds)
    return [WARNING + doubt] if doubt else []


def _mapped(column: FloatArray, bounds: Range, wanted: Range) -> FloatArray:
    (low, high), (least, most) = bounds, wanted
    share = (column.astype(np.float64) - low) / (high - low)
    mapped = least + share * (most - least)
    # the middle of the range is stored as float32, and must map exactly to neutral
    mapped[np.abs(mapped) < 1e-6 * (most - least)] = 0.0
    return np.clip(mapped, least, most).astype(np.float32)
