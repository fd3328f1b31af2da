"""Sequences whose keys or clock are not those of the labels are refused by both; what nature lacks is imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocols import InputError
from tests.benchmark.data.imported import import_csd
from tests.csd import AUDIO, LABELS, VECTORS, VISION, WORDS, Sequence, csd_content

Change = Callable[[str, Any], tuple[str, Any]]


def changed(name: str, change: Change, videos: int = 6) -> dict[str, tuple[str, Sequence]]:
    """The content with another key and clock in one file."""
    content = csd_content(videos)
    root, sequence = content[name]
    entries: Sequence = {}
    for key, (features, intervals) in sequence.items():
        other, times = change(key, intervals)
        entries[other] = features, times
    content[name] = root, entries
    return content


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        (
            VISION,
            lambda k, t: (f"video_{k}", t),
            "has vision of 0 of the 6 labelled videos; keys of the labels: 'vid-0_x'",
        ),
        (
            AUDIO,
            lambda k, t: (f"{k}.mp4", t),
            "keys of audio: 'vid-0_x.mp4', 'vid-1_x.mp4', 'vid-2_x.mp4' ...; use the",
        ),
        (WORDS, lambda k, t: (k.upper(), t), "CMU_MOSI_TimestampedWords.csd: has words of 0 of the 6 labelled videos"),
        (
            AUDIO,
            lambda k, t: (k, t * 1000),
            "audio has another clock than the labels: of video 'vid-0_x' the labels cover",
        ),
        (AUDIO, lambda k, t: (k, t * 1000), "looks like milliseconds; expected seconds"),
        (WORDS, lambda k, t: (k, t * 1000), "looks like milliseconds; expected seconds"),
        (VISION, lambda k, t: (k, t * 30), "looks like frames; expected seconds"),
        (VISION, lambda k, t: (k, t * 5), "looks like frames; expected seconds"),
        (VISION, lambda k, t: (k, t + 500), "expected seconds"),
        (VISION, lambda k, t: (k, t / 60), "vision has another clock"),
    ],
)
def test_other_keys_and_other_clocks_are_errors_that_show_both(
    tmp_path: Path, name: str, change: Change, says: str
) -> None:
    with pytest.raises(InputError) as caught:
        import_csd(tmp_path / "mosi", changed(name, change))
    assert says in str(caught.value)
    assert name in str(caught.value)


def test_vectors_of_another_clock_are_an_error_too(tmp_path: Path) -> None:
    content = changed(VECTORS, lambda k, t: (k, t * 100))
    with pytest.raises(InputError, match="vectors has another clock"):
        import_csd(tmp_path / "asked", content, use={"vectors": VECTORS})
    import_csd(tmp_path / "idle", content)  # which are not read


def test_a_few_videos_may_lack_an_entry_and_are_counted(tmp_path: Path) -> None:
    content = csd_content(12)
    for video in list(content[VISION][1])[:10]:  # two of twelve are left
        del content[VISION][1][video]
    notes = import_csd(tmp_path / "most", content).provenance.notes
    assert "vision: 10 of 12 labelled videos have no entry" in notes
    del content[VISION][1][next(iter(content[VISION][1]))]
    with pytest.raises(InputError, match="has vision of 1 of the 12 labelled videos"):
        import_csd(tmp_path / "hardly", content)
    assert not import_csd(tmp_path / "out", content, use={"vision": "none"}).streams["vision"].observed.any()


def test_speech_that_goes_on_after_the_last_label_is_no_other_clock(tmp_path: Path) -> None:
    content = csd_content()
    for key, (features, intervals) in content[LABELS][1].items():
        content[LABELS][1][key] = features[:1], intervals[:1]
    assert all(import_csd(tmp_path / "mosi", content).streams[m].observed.all() for m in ("audio", "vision"))


def test_entries_by_segment_are_placed_by_time_unless_their_clock_restarts(tmp_path: Path) -> None:
    content = csd_content()
    labels = content[LABELS][1]
    root, sequence = content[VISION]
    absolute: Sequence = {}
    relative: Sequence = {}
    for video, (features, intervals) in sequence.items():
        middle = intervals.mean(axis=1)
        for k, (start, end) in enumerate(labels[video][1]):
            chosen = (middle >= start) & (middle < end)
            absolute[f"{video}[{k}]"] = features[chosen], intervals[chosen]
            relative[f"{video}[{k}]"] = features[chosen], np.maximum(intervals[chosen] - start, 0)
    plain = import_csd(tmp_path / "plain", content)
    by_segment = import_csd(tmp_path / "absolute", {**content, VISION: (root, absolute)})
    assert by_segment.fingerprint() == plain.fingerprint()
    with pytest.raises(InputError, match=r"'vid-0_x\[0\]' and 'vid-0_x\[1\]' cover the same time: vision counts from"):
        import_csd(tmp_path / "relative", {**content, VISION: (root, relative)})
