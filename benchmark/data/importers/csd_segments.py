"""Segments of a CMU-SDK data set, and the frames of its other sequences in each.

A frame belongs to the segment that contains the middle of the frame's interval: at a cut between two sentences it is
assigned to one of them. The SDK's `align` assigns it to both, so that a sentence begins with the last word of the one
before; it also drops frames whose interval has length 0.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.data.importers.assemble import clean_id, identifiers
from benchmark.data.importers.csd_files import CsdFile, CsdReader
from benchmark.data.samples import FloatArray, IntArray
from protocols import InputError

#: Smallest length of a segment in seconds (shorter ones are left out, as in the SDK), and tolerance of two clocks.
_EPSILON = 1e-5


@dataclass(frozen=True, eq=False)
class Segments:
    """Samples: ids `video[i]`, start and end in seconds, labels, and the key of each in the file of the labels."""

    ids: list[str]
    videos: list[str]
    keys: list[str]
    start: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]
    label: FloatArray
    notes: list[str]


def _video(key: str) -> str:
    return clean_id(key.split("[", 1)[0])


def read_segments(reader: CsdReader, file: CsdFile, wanted: str | None) -> Segments:
    """Read the segments of a file of labels, by video and number.

    Args:
        reader: Reader of the file.
        file: File of the labels.
        wanted: Number of the label column, from 0; None for the only one, or MOSEI's sentiment.

    Raises:
        InputError: For invalid intervals, or if it is not known which column is sentiment.
    """
    column = _label_column(file, wanted)
    keys = sorted(file.entries, key=_in_order)
    times = dict(reader.read(file, "intervals", keys))
    ids, videos, owners, starts, ends, labels, short = [], [], [], [], [], [], 0
    for key, features in reader.read(file, "features", keys):
        if len(times[key]) != len(features) or features.shape[1] <= column:
            raise InputError(f"{file.path}: entry {key!r:.80}: changed while it was read; try again")
        for i, ((start, end), row) in enumerate(zip(times[key].astype(np.float64), features, strict=True)):
            title = clean_id(key) if "[" in key and len(features) == 1 else f"{clean_id(key)}[{i}]"
            if not (np.isfinite(start) and np.isfinite(end) and start <= end):
                raise InputError(
                    f"{file.path}: segment {title!r:.80} goes from {start:g} to {end:g}; expected seconds, and an end "
                    "after the start"
                )
            if end - start < _EPSILON:
                short += 1
                continue
            ids.append(title)
            videos.append(_video(key))
            owners.append(key)
            starts.append(start)
            ends.append(end)
            labels.append(row[column])
    if not ids:
        raise InputError(f"{file.path}: has no segment; expected labels with intervals of some length")
    notes = [f"{short} segments have no length and were left out, as the SDK does"] if short else []
    if "[" in "".join(owners):
        notes.append("the labels are aligned already: segments are entries 'video[i]'")
    with np.errstate(over="ignore"):
        label = np.array(labels, dtype=np.float64).astype(np.float32)
    plain = [identifiers(str(file.path), np.array(part, dtype=object), len(ids)).tolist() for part in (ids, videos)]
    return Segments(plain[0], plain[1], owners, np.array(starts), np.array(ends), label, notes)


def _label_column(file: CsdFile, wanted: str | None) -> int:
    """Return the column of sentiment: the only one, or the first of MOSEI's seven (the others are emotions)."""
    width = next(iter(file.entries.values())).width
    if wanted is not None:
        if not re.fullmatch(r"\d{1,6}", wanted) or int(wanted) >= width:
            raise InputError(f"{file.path}: label column {wanted!r:.40}; expected a number from 0 to {width - 1}")
        return int(wanted)
    if width != 1 and not (width == 7 and "label" in file.root.lower()):
        raise InputError(
            f"{file.path}: the labels have {width} columns; state with --label-column N (from 0) which is sentiment"
        )
    return 0


def _in_order(key: str) -> tuple[str, int, str]:
    match = re.fullmatch(r"[^\[]*\[(\d{1,9})\].*", key, re.DOTALL)
    return _video(key), int(match[1]) if match else -1, key


@dataclass(frozen=True, eq=False)
class Placement:
    """Frames of a sequence in each segment, in the order of time.

    Attributes:
        keys: Entries to read.
        entry, row: `(F,)`: the frames of all segments back to back, as index into `keys` and row of that entry.
        cuts: `(n + 1,)`: segment i has frames `cuts[i]:cuts[i + 1]`.
        spans: First start and last end of the frames of each video.
        restarted: Two entries of a video that cover the same time, if most do: their clock restarts at each segment.
    """

    keys: list[str]
    entry: IntArray
    row: IntArray
    cuts: IntArray
    spans: dict[str, tuple[float, float]]
    restarted: tuple[str, str] | None


def place(reader: CsdReader, file: CsdFile, segments: Segments) -> Placement:
    """Assign the frames of a sequence to segments; raises InputError for invalid intervals."""
    videos = set(segments.videos)
    keys = [key for key in sorted(file.entries, key=_in_order) if _video(key) in videos]
    middle: list[npt.NDArray[np.float64]] = []
    bounds: dict[str, tuple[float, float]] = {}
    for key, times in reader.read(file, "intervals", keys):
        with np.errstate(invalid="ignore", over="ignore"):
            middle.append(times.astype(np.float64).mean(axis=1))
        if not np.isfinite(middle[-1]).all():
            at = int(np.flatnonzero(~np.isfinite(middle[-1]))[0])
            raise InputError(
                f"{file.path}: entry {key!r:.80}: frame {at} goes from {times[at, 0]:g} to {times[at, 1]:g}; expected "
                "seconds"
            )
        if len(times):
            bounds[key] = float(times.min()), float(times.max())
    aligned = _aligned(keys, middle, segments)
    members: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        members.setdefault(key if aligned else _video(key), []).append(index)
    pools = {name: _pool(indices, middle) for name, indices in members.items()}
    entries: list[IntArray] = []
    rows: list[IntArray] = []
    for i, key in enumerate(segments.keys):
        pool = pools.get(key if aligned else segments.videos[i])
        if pool is None:
            entries.append(np.zeros(0, np.int64))
            rows.append(np.zeros(0, np.int64))
            continue
        times, entry, row = pool
        first, last = (0, len(times)) if aligned else np.searchsorted(times, (segments.start[i], segments.end[i]))
        entries.append(entry[first:last])
        rows.append(row[first:last])
    cuts = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
    spans: dict[str, tuple[float, float]] = {}
    for key, (low, high) in bounds.items():
        first, last = spans.get(_video(key), (low, high))
        spans[_video(key)] = min(first, low), max(last, high)
    restarted = None if aligned else _restarted(bounds)
    return Placement(keys, np.concatenate(entries), np.concatenate(rows), cuts, spans, restarted)


def _restarted(bounds: Mapping[str, tuple[float, float]]) -> tuple[str, str] | None:
    """Find two neighbouring entries `video[i]` that overlap by half the length of one, if most neighbours do."""
    pairs = [(a, b) for a, b in itertools.pairwise(bounds) if "[" in a and "[" in b and _video(a) == _video(b)]
    overlapping = []
    for a, b in pairs:
        shared = min(bounds[a][1], bounds[b][1]) - max(bounds[a][0], bounds[b][0])
        if shared > 0.5 * min(bounds[a][1] - bounds[a][0], bounds[b][1] - bounds[b][0]):
            overlapping.append((a, b))
    return overlapping[0] if 2 * len(overlapping) > len(pairs) else None


def _aligned(keys: Sequence[str], middle: Sequence[npt.NDArray[np.float64]], segments: Segments) -> bool:
    """Return True if the entries are the segments: equal keys, and frames within them.

    In sequences aligned to words, keys have the same form, but `video[3]` is a word.
    """
    bounds = {key: (segments.start[i], segments.end[i]) for i, key in enumerate(segments.keys) if "[" in key}
    matched = [(bounds[key], times) for key, times in zip(keys, middle, strict=True) if key in bounds]
    return bool(matched) and all(
        ((times >= low - _EPSILON) & (times <= high + _EPSILON)).all() for (low, high), times in matched
    )


def _pool(
    indices: Sequence[int], middle: Sequence[npt.NDArray[np.float64]]
) -> tuple[npt.NDArray[np.float64], IntArray, IntArray]:
    times = np.concatenate([middle[i] for i in indices])
    entry = np.concatenate([np.full(len(middle[i]), i, np.int64) for i in indices])
    row = np.concatenate([np.arange(len(middle[i]), dtype=np.int64) for i in indices])
    order = np.argsort(times, kind="stable")
    return times[order], entry[order], row[order]


def frames_of(reader: CsdReader, file: CsdFile, placed: Placement, segments: Segments) -> Iterator[npt.NDArray[Any]]:
    """Yield the frames `(T, D)` of each segment in order; entries of one video at a time are held in memory."""
    needed = sorted(set(placed.entry.tolist()))
    stream = zip(needed, reader.read(file, "features", [placed.keys[k] for k in needed]), strict=True)
    width = next(iter(file.entries.values())).width
    held: dict[int, npt.NDArray[Any]] = {}
    for i, video in enumerate(segments.videos):
        span = slice(placed.cuts[i], placed.cuts[i + 1])
        entry, row = placed.entry[span], placed.row[span]
        wanted = sorted(set(entry.tolist()))
        if i and video != segments.videos[i - 1]:
            held.clear()
        while wanted and wanted[-1] not in held:
            index, (key, features) = next(stream)
            if features.shape != (file.entries[key].frames, width):
                raise InputError(f"{file.path}: entry {key!r:.80}: changed while it was read; try again")
            held[index] = features
        if len(wanted) == 1:
            yield held[wanted[0]][row]
            continue
        frames = np.zeros((len(row), width), dtype=np.result_type(*(held[k] for k in wanted)) if wanted else np.float32)
        for k in wanted:
            frames[entry == k] = held[k][row[entry == k]]
        yield frames
    for _ in stream:  # exhaust the stream, so that the reader finishes
        continue
