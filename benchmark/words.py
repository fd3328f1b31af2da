"""Texts in captions and messages: counted and listed things, and texts of strangers made safe to show."""

from __future__ import annotations

import re
from collections.abc import Sequence

# controls, marks and overrides of writing direction, zero-width spaces, line and paragraph separators, halves of
# surrogate pairs, invisible tags; joiners stay, as some scripts need them
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
#: Largest number of characters of a name in tables.
LONGEST_NAME = 80
#: Sign between the data set that a model is trained on and the one that it is tested on, in `mosi->mmmo`.
ACROSS = "->"


def trained_and_tested(dataset: str) -> tuple[str, str]:
    """Return the data set that models are trained on, and the one that they are tested on; mostly the same."""
    trained, _, tested = dataset.rpartition(ACROSS)
    return trained or tested, tested


def visible(text: str) -> str:
    """Write out every hidden character of a text but tabs and line feeds, as `⟨U+202E⟩`.

    Then a name cannot imitate another one, reverse the text around it, or send commands to a terminal.
    """
    return _HIDDEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def one_line(text: str, most: int = 1500) -> str:
    """Make a text of any origin one visible line, without the middle of a text of more than `most` characters."""
    plain = visible(" ".join(text.split()))
    return plain if len(plain) <= most else f"{plain[: most - most // 4 - 5]} ... {plain[len(plain) - most // 4 :]}"


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
