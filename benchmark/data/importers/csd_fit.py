"""Check that a sequence fits the labels: equal keys, and the same clock.

If it does not, no segment has a frame, which looks like a modality that was never recorded. Some gaps are genuine: the
published sequences of CMU-MOSEI lack a few videos in a hundred, and 65 % of ICT-MMMO's reviews have no text. Coverage
below a tenth is therefore an error, any other gap a note.

Clocks are compared by the ends of sequences. All sequences of a video except the labels end with the recording: one
that ends, in the median video, at twice or half the time of the words has another clock. Labels may end earlier; they
are the reference if there are no words, with a factor of ten, which frames and milliseconds exceed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

import numpy as np

from benchmark.data.importers.csd_files import CsdFile
from benchmark.data.importers.csd_segments import Placement, Segments
from protocols import InputError

#: Share of the videos, and of the segments, below which missing entries are an error.
_LEAST = 0.1
#: Largest ratio of the ends of a sequence and of the words, and of a sequence and of the labels.
_OF_WORDS, _OF_LABELS = 2.0, 10.0
_SHOWN = 3

#: First start and last end of the frames of each video.
Spans = Mapping[str, tuple[float, float]]


def check_fit(
    role: str, file: CsdFile, placed: Placement, segments: Segments, words: Spans | None, notes: list[str]
) -> None:
    """Raise InputError, which shows both kinds of keys or ranges, for a sequence that does not fit the labels.

    Args:
        role: Role of the sequence.
        file: The sequence.
        placed: Frames of the sequence in each segment.
        segments: Segments of the labels.
        words: Start and end of the text of each video; None for the text itself.
        notes: List that gets a note on the number of videos without an entry.
    """
    videos = list(dict.fromkeys(segments.videos))
    there = [video for video in videos if video in placed.spans]
    if len(there) < _LEAST * len(videos):
        raise InputError(
            f"{file.path}: has {role} of {len(there)} of the {len(videos)} labelled videos; keys of the labels: "
            f"{_some(segments.keys)}; keys of {role}: {_some(file.entries)}; use the same keys in both, or leave "
            f"{role} out with --use {role}=none"
        )
    if len(there) < len(videos):
        notes.append(f"{role}: {len(videos) - len(there)} of {len(videos)} labelled videos have no entry")
    if placed.restarted:
        one, other = placed.restarted
        raise InputError(
            f"{file.path}: entries {one!r:.80} and {other!r:.80} cover the same time: {role} counts from the start of "
            "each segment; expected seconds from the start of the video"
        )
    labels: dict[str, tuple[float, float]] = {}
    for video, start, end in zip(segments.videos, segments.start.tolist(), segments.end.tolist(), strict=True):
        low, high = labels.get(video, (start, end))
        labels[video] = min(low, start), max(high, end)
    filled = np.diff(placed.cuts) > 0
    known = np.array([video in placed.spans for video in segments.videos], dtype=np.bool_)
    shared = [video for video in there if words and video in words]
    if (
        filled[known].mean() < _LEAST
        or _differ(placed.spans, labels, there, _OF_LABELS)
        or (words and shared and _differ(placed.spans, words, shared, _OF_WORDS))
    ):
        raise InputError(f"{file.path}: {_clocks(role, placed.spans, labels, there)}")


def _differ(spans: Spans, others: Spans, videos: Iterable[str], factor: float) -> bool:
    ratio = median(_ratio(spans[video][1], others[video][1]) for video in videos)
    return not 1 / factor < ratio < factor


def _ratio(a: float, b: float) -> float:
    return a / b if a > 0 and b > 0 else 1.0


def _clocks(role: str, spans: Spans, labels: Spans, there: list[str]) -> str:
    ratio = median(_ratio(*(high - low for low, high in (spans[v], labels[v]))) for v in there)
    guess = "; looks like milliseconds" if 300 < ratio < 3000 else "; looks like frames" if 2 < ratio <= 300 else ""
    video = there[0]
    (a, b), (c, d) = labels[video], spans[video]
    return (
        f"{role} has another clock than the labels: of video {video!r:.60} the labels cover {a:g} to {b:g} s, {role} "
        f"{c:g} to {d:g}{guess}; expected seconds from the start of the video"
    )


def _some(keys: Iterable[str]) -> str:
    shown = list(dict.fromkeys(keys))
    return ", ".join(f"{key!r:.60}" for key in shown[:_SHOWN]) + (" ..." if len(shown) > _SHOWN else "")
