"""Recognition of an utterance's video in its id: utterances of one video are not independent.

The field writes `VIDEO$_$3`, `video_0001/0003`, `VIDEO[3]`, `dia125_utt3`, `dia_200_utt_6`, `video_0023_0011` and, in
the names of clips, `VIDEO_3`. The last is ambiguous and counts only if the groups look like videos: ten or
more, two utterances each on average, and none with a quarter of the data set.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from benchmark.data.importers.splits import part_code
from benchmark.data.samples import StringArray

#: Values of `Provenance.videos`, and the note for unknown videos.
GIVEN, RECOGNISED, UNKNOWN = "given", "recognised", "unknown"
NO_VIDEOS = "videos are not known: each sample counts as a video of its own, and intervals treat samples as independent"
#: Share of the ids that a pattern must fit.
_FITTING = 0.95
_LEAST_VIDEOS, _LEAST_UTTERANCES, _LARGEST = 10, 2.0, 0.25
_CERTAIN = tuple(
    re.compile(pattern, re.DOTALL | re.IGNORECASE)
    for pattern in (
        r"(.+)\$_\$.+",
        r"(.+)/[^/]+",
        r"(.+)\[\d{1,9}\]",
        r"(.*\d)[_-]?(?:utt|utterance|clip|seg|segment|sent|sentence)[_-]?\d{1,9}",
    )
)
_NUMBERED = re.compile(
    r"((?:video|vid|v|dia|dialog|dialogue|movie|film|speaker|session)[_-]?\d{1,9})[_-]\d{1,9}", re.IGNORECASE
)
_BARE = re.compile(r"(.+)_\d{1,9}", re.DOTALL)


def recognise_videos(ids: Sequence[str]) -> StringArray | None:
    """Return the videos `(n,)` of the samples `ids`; None if they are not recognised.

    A pattern counts if it fits 95 % of the ids and there are two videos or more that are not all names of parts; a
    sample whose id it does not fit is a separate video. Plain numbers, as in `video_0023_0011`, count only if a video
    has several utterances.
    """
    for pattern in (*_CERTAIN, _NUMBERED, _BARE):
        matches = [pattern.fullmatch(sample) for sample in ids]
        if sum(match is not None for match in matches) < _FITTING * len(ids):
            continue
        videos = [match[1] if match else sample for match, sample in zip(matches, ids, strict=True)]
        count = Counter(videos)
        if len(count) < 2 or all(part_code(video) is not None for video in count):
            continue
        if (pattern is _NUMBERED and len(count) == len(ids)) or (pattern is _BARE and not _like_videos(count)):
            continue
        return np.array(videos, dtype=object)
    return None


def numbered(videos: StringArray) -> StringArray:
    """Return ids `video[0]`, `video[1]` ... of utterances that are known by their videos."""
    seen: Counter[str] = Counter()
    result = []
    for video in videos.tolist():
        result.append(f"{video}[{seen[video]}]")
        seen[video] += 1
    return np.array(result, dtype=object)


def _like_videos(count: Counter[str]) -> bool:
    n = count.total()
    return (
        len(count) >= _LEAST_VIDEOS
        and n >= _LEAST_UTTERANCES * len(count)
        and count.most_common(1)[0][1] < _LARGEST * n
    )
