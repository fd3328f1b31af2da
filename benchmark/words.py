"""Counted and listed things in captions and messages."""

from __future__ import annotations

from collections.abc import Sequence


def plural(count: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def counted(counts: Sequence[int], noun: str) -> str:
    """`3 seeds` where all counts are 3, `3 to 5 seeds` where they differ, `0 seeds` where there is none."""
    least, most = min(counts, default=0), max(counts, default=0)
    return plural(most, noun) if least == most else f"{least} to {plural(most, noun)}"


def listed(texts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return ", ".join(texts[:-1]) + f" and {texts[-1]}" if len(texts) > 1 else "".join(texts)


def shortened(value: object, most: int = 80) -> str:
    """The `repr` of a value for a message, cut to `most` characters."""
    text = repr(value)
    return text if len(text) <= most else text[: most - 3] + "..."


def sample_sizes(samples: int, videos: int, how: str = "") -> str:
    """`686 test samples of 31 videos`; where each sample is a video, that intervals treat samples as independent.

    Args:
        samples: How many.
        videos: How many.
        how: How the videos are known, see `Panel.videos`: where they are, one utterance each is not worth a word.
    """
    if samples == videos > 1 and how not in ("given", "recognised"):
        return f"{samples} test samples that each count as a video of their own (intervals treat them as independent)"
    return f"{plural(samples, 'test sample')} of {plural(videos, 'video')}"
