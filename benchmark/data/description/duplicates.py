"""Duplicates: videos, texts and features in more than one part of a split, and ids that are nearly equal."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence

from benchmark.data.description.scan import StreamScan
from benchmark.data.description.tables import USED_PARTS, Shared
from benchmark.data.samples import PARTS, PartArray, Samples
from protocols import MODALITIES, Modality

#: Number of words from which equal texts with equal labels are suspicious; "thank you" is said in many videos.
LONG_TEXT = 6
_EXAMPLE = 60
_CHINESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


def shared_content(samples: Samples, codes: PartArray, scans: Mapping[Modality, StreamScan]) -> tuple[Shared, ...]:
    """Find videos, texts and features that occur in two parts; one row for each kind and pair of parts that share any.

    Texts are equal if their words are, regardless of case and spaces; features are equal if all values and gaps are.
    Samples without a modality are not equal in it.
    """
    keys: dict[str, Sequence[object]] = {
        "video": samples.video_ids.tolist(),
        "text": [_words(text) for text in samples.raw_text.tolist()],
    }
    for modality in MODALITIES:
        # without raw text, tokens or word vectors are compared
        if modality != "text" or not any(keys["text"]):
            keys[modality] = scans[modality].digests
    label = samples.label.tolist()
    rows = []
    for what, column in keys.items():
        where: defaultdict[object, dict[int, list[int]]] = defaultdict(dict)
        for i, (key, code) in enumerate(zip(column, codes.tolist(), strict=True)):
            if key and code:
                where[key].setdefault(code, []).append(i)
        for first, second in itertools.combinations(USED_PARTS, 2):
            a, b = PARTS[first], PARTS[second]
            both = [(key, at[a], at[b]) for key, at in where.items() if a in at and b in at]
            if both:
                rows.append(_shared(what, first, second, both, label, samples))
    return tuple(rows)


def near_ids(samples: Samples) -> tuple[tuple[str, ...], ...]:
    """Find groups of ids that differ only in case, punctuation, width of characters or leading zeros."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in samples.ids.tolist():
        plain = re.sub(r"[\W_]+", "_", unicodedata.normalize("NFKC", name).casefold())
        groups[re.sub(r"(?<!\d)0+(?=\d)", "", plain)].append(name)
    # ids of punctuation only cannot be compared
    return tuple(tuple(group) for key, group in groups.items() if len(group) > 1 and key.strip("_"))


def word_count(text: str) -> int:
    """Number of words of a text; for Chinese and Japanese, of characters."""
    return len(_CHINESE.findall(text)) + len(_CHINESE.sub(" ", text).split())


def _shared(
    what: str,
    first: str,
    second: str,
    both: list[tuple[object, list[int], list[int]]],
    label: list[float],
    samples: Samples,
) -> Shared:
    same = [group for group in both if {label[i] for i in group[1]} & {label[i] for i in group[2]}]
    if what == "text" and isinstance(both[0][0], str):
        alike = [group for group in same if word_count(str(group[0])) >= LONG_TEXT]
        longest = max((str(group[0]) for group in alike or both), key=word_count)
        example = longest if len(longest) <= _EXAMPLE else longest[: _EXAMPLE - 1] + "…"
        alarming = len(alike)
    else:
        example = str(both[0][0]) if what == "video" else " = ".join(samples.ids[[both[0][1][0], both[0][2][0]]])
        alarming = len(both)
    concerned = sum(len(group[2]) for group in both)
    return Shared(what, first, second, len(both), concerned, len(same), alarming, example)


def _words(text: str) -> str:
    return " ".join(text.casefold().split())
