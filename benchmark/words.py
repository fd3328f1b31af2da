"""Counted and listed things in captions and messages."""

from __future__ import annotations

from collections.abc import Sequence


def plural(count: int, noun: str) -> str:
    """Format a count: `1 seed`, `3 seeds`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def counted(counts: Sequence[int], noun: str) -> str:
    """Format counts: `3 seeds` if all are 3, `3 to 5 seeds` if they differ, `0 seeds` if there are none."""
    least, most = min(counts, default=0), max(counts, default=0)
    return plural(most, noun) if least == most else f"{least} to {plural(most, noun)}"


def listed(texts: Sequence[str]) -> str:
    """Join texts: `a`, `a and b`, `a, b and c`."""
    return ", ".join(texts[:-1]) + f" and {texts[-1]}" if len(texts) > 1 else "".join(texts)


def shortened(value: object, most: int = 80) -> str:
    """Return the `repr` of a value for a message, cut to `most` characters."""
    text = repr(value)
    return text if len(text) <= most else text[: most - 3] + "..."


def sample_sizes(samples: int, videos: int, how: str = "") -> str:
    """State sample sizes: `686 test samples of 31 videos`; if each sample is a video, that samples count as
    independent.

    Args:
        samples: Number of samples.
        videos: Number of videos.
        how: Origin of the video ids, see `Panel.videos`: for known videos of one utterance each, no remark is made.
    """
    if samples == videos > 1 and how not in ("given", "recognised"):
        return f"{samples} test samples that each count as a video of their own (intervals treat them as independent)"
    return f"{plural(samples, 'test sample')} of {plural(videos, 'video')}"
