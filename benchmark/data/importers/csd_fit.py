"""Whether a sequence fits the labels: the same keys, and the same clock.

Where it does not, no segment holds a frame, which looks like a modality that was never recorded. Some of that is
nature: the published sequences of CMU-MOSEI lack a few videos in a hundred, and 65 % of ICT-MMMO's reviews have no
text. So less than a tenth is an error, and anything else a note.

A clock is known by when sequences end. All of a video but the labels are of one recording, and end with it: a sequence
that ends, in the median video, at twice or half the time of the words has another clock. The labels may stop earlier,
and count where there are no words to compare with, from a factor of ten: frames or milliseconds are beyond that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

import numpy as np

from benchmark.data.importers.csd_files import CsdFile
from benchmark.data.importers.csd_segments import Placement, Segments
from protocols import InputError

#: Share of the videos, and of the segments, below which nothing is taken for nature.
_LEAST = 0.1
#: Between the ends of a sequence and of the words, and of a sequence and of the labels.
_OF_WORDS, _OF_LABELS = 2.0, 10.0
_SHOWN = 3

#: By video: first start and last end of its frames.
Spans = Mapping[str, tuple[float, float]]


def check_fit(
    role: str, file: CsdFile, placed: Placement, segments: Segments, words: Spans | None, notes: list[str]
) -> None:
    """Raise InputError, which shows both kinds of keys or ranges, for a sequence that does not fit the labels.

    Args:
        role: Of the sequence.
        file: The sequence.
        placed: Which of its frames each segment holds.
        segments: The labels' segments.
        words: When the text of each video starts and ends; None for the text itself.
        notes: Told how many videos lack an entry.
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
