"""Check of the token ids of a source against their frame, their mask and the raw text.

A text of `bert-base-uncased` or `bert-base-chinese` is `[CLS] tokens [SEP]`, 101 ... 102, padded with 0 on the right.
Other tokenizers write other frames, and other vocabularies other ids: read as one of these two, they are texts of wrong
words. Damage of a few texts is reported with the sample; errors that only many texts reveal (another vocabulary, rows
in another order) are refused if most of them disagree.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.data.encoder_files import packaged_folder
from benchmark.data.importers.assemble import whole_numbers
from benchmark.data.importers.words import MADE
from benchmark.data.samples import DEFAULT_VOCABULARY, PARTS, VOCABULARIES, BoolArray, IntArray, Samples, StringArray
from protocols import InputError

PAD, UNK, CLS, SEP = 0, 100, 101, 102
#: Largest number of content tokens of a text: the limit of encoders such as BERT (512), less `[CLS]` and `[SEP]`.
MOST_TOKENS = 510
_ROWS = ("token ids", "attention mask", "segment ids")
#: Number of texts of a part that are compared with their token ids.
_COMPARED = 200
#: Smallest number of tokens, over all compared texts, for a conclusion.
_FEWEST = 10
#: Ids that a tokenizer never produces: `[unused]` entries, from first to last.
_UNUSED = {"bert-base-uncased": ((1, 99), (104, 998)), "bert-base-chinese": ((1, 99),)}
#: Ids of characters beyond ASCII, mostly Chinese, which do not occur in ASCII text.
_BEYOND_ASCII = {"bert-base-uncased": ((1067, 1995), (29_644, 30_521)), "bert-base-chinese": ((671, 7900),)}
#: First and last token of a text, and padding, by tokenizers of other models.
_FRAMES = {
    (0, 2): "as a tokenizer of RoBERTa does (0 ... 2, padding 1)",
    (1, 2): "as a tokenizer of DeBERTa or ERNIE does (1 ... 2)",
    (2, 3): "as a tokenizer of ALBERT does (2 ... 3)",
}


@dataclass(frozen=True, eq=False)
class FramedTexts:
    """Texts of `text_bert`.

    Attributes:
        ids: `(n, L)` token ids.
        content: `(n, L)`: attended positions that are neither `[CLS]` nor `[SEP]`.
        left_padded: Number of texts padded on the left.
        notes: Notes for readers, one line each.
    """

    ids: IntArray
    content: BoolArray
    left_padded: int
    notes: tuple[str, ...]


def framed_texts(where: str, array: npt.NDArray[Any], vocabulary: str, samples: StringArray) -> FramedTexts:
    """Check `text_bert` and find its content tokens.

    Args:
        where: Name of the array, for errors.
        array: `(n, 3, L)` numbers: token ids, attention mask, segment ids.
        vocabulary: One of `samples.VOCABULARIES`.
        samples: `(n,)` ids of the samples, for errors.

    Raises:
        InputError: If rows are in another order, mask or segments are not 0 and 1, the mask has holes or is all
            zero, a text is not `[CLS] ... [SEP]`, an id is not in the vocabulary, a text is too long, or most tokens
            are unknown.
    """
    _check_order(where, array)
    mask = whole_numbers(f"{where}, attention mask", array[:, 1], 2, 0, 1) == 1
    segments = whole_numbers(f"{where}, segment ids", array[:, 2], 2, 0, 1)
    some, first, last = _attended(mask)
    if not some.any():
        raise InputError(f"{where}: the attention mask is 0 everywhere, so that no text has a token; make it again")
    holes = np.flatnonzero(some & (mask.sum(axis=1) != last - first + 1))
    if len(holes):
        raise InputError(
            f"{where}: the attention mask of sample '{samples[holes[0]]}' has 0 between 1; expected 1 for [CLS], "
            "tokens and [SEP], then 0 for padding"
        )
    moved = np.flatnonzero(~some & (segments.any(axis=1)))
    if len(moved):
        raise InputError(
            f"{where}: the attention mask of sample '{samples[moved[0]]}' is 0 everywhere, and its segment ids are "
            "not; expected the rows token ids, attention mask, segment ids"
        )
    cut = _check_frame(where, array[:, 0], some, first, last, samples)
    largest = VOCABULARIES[vocabulary] - 1
    beyond = np.argwhere(np.isfinite(array[:, 0]) & (array[:, 0] > largest))
    if len(beyond):
        sample, at = beyond[0]
        raise InputError(
            f"{where}, token ids of {vocabulary}: expected whole numbers from 0 to {largest}, found "
            f"{array[sample, 0, at]:g} in sample '{samples[sample]}'; they are of another vocabulary"
        )
    ids = whole_numbers(f"{where}, token ids of {vocabulary}", array[:, 0], 2, 0, largest)
    # position by position, without searching for the end of the mask, so that a text may fill all positions
    content = mask & (ids != CLS) & (ids != SEP)
    check_lengths(where, content.sum(axis=1), samples)
    unknown, tokens = int((content & (ids == UNK)).sum()), int(content.sum())
    if 2 * unknown > tokens:
        raise InputError(
            f"{where}: {unknown} of {tokens} tokens are [UNK] (100), which stands for an erased word here: the "
            f"tokenizer did not know this language; make the ids with one that does ({' or '.join(VOCABULARIES)})"
        )
    left = int((some & (first > 0)).sum())
    counts = {
        "texts fill all positions and end without [SEP]: they were cut": cut,
        "texts are padded on the left; their tokens were taken from where the attention mask is 1": left,
        "texts have token ids, and attention masks of 0: missing by nature": int((~some & ids.any(axis=1)).sum()),
        "texts have [CLS] or [SEP] inside, which were left out": int(
            (mask.sum(axis=1) - content.sum(axis=1) > 2).sum()
        ),
    }
    return FramedTexts(ids, content, left, tuple(f"{count} {what}" for what, count in counts.items() if count))


def check_lengths(where: str, lengths: IntArray, samples: StringArray) -> None:
    """Raise InputError for the first of n texts with more than `MOST_TOKENS` content tokens."""
    long = np.flatnonzero(lengths > MOST_TOKENS)
    if len(long):
        raise InputError(
            f"{where}: the text of sample '{samples[long[0]]}' has {lengths[long[0]]} content tokens, expected at most "
            f"{MOST_TOKENS} (512 with [CLS] and [SEP]); {len(long)} of {len(lengths)} texts are too long, cut them"
        )


def _check_order(where: str, array: npt.NDArray[Any]) -> None:
    """Raise InputError if the first row does not hold the token ids, or the second not the mask."""
    if not array.size:
        raise InputError(f"{where}: has no token, found shape {array.shape}")
    begins = [_first_filled(array[:, row]) for row in range(3)]
    with_ids = [row for row in range(3) if 2 * (begins[row] == CLS).sum() > len(array)]
    if len(with_ids) != 1:
        return
    others = [row for row in range(3) if row != with_ids[0]]
    masks = [row for row in others if 2 * (begins[row] == 1).sum() > len(array)]
    order = [with_ids[0], masks[0] if len(masks) == 1 else others[0]]
    order.append(next(row for row in others if row != order[1]))
    if order != [0, 1, 2]:
        rows = ", ".join(_ROWS[order.index(row)] for row in range(3))
        attends = "" if array[:, 1].any() else "the row of the attention mask is 0 everywhere: "
        raise InputError(
            f"{where}: {attends}the three rows of a text seem to be {rows}; expected {', '.join(_ROWS)}; put them in "
            "this order"
        )


def _first_filled(row: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the first number of each row of `(n, L)` that is not 0, else 0."""
    first: npt.NDArray[Any] = row[np.arange(len(row)), np.argmax(row != 0, axis=1)]
    return first


def _attended(mask: BoolArray) -> tuple[BoolArray, IntArray, IntArray]:
    """Return, for flags `(n, L)`, True where any is set, and the index of the first and the last set one."""
    some: BoolArray = np.any(mask, axis=1)
    return some, np.argmax(mask, axis=1), mask.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)


def _check_frame(
    where: str, row: npt.NDArray[Any], some: BoolArray, first: IntArray, last: IntArray, samples: StringArray
) -> int:
    """Raise InputError unless texts are `[CLS] ... [SEP]`; return the number of full ones without `[SEP]`."""
    every = np.arange(len(row))
    begin, end = row[every, first], row[every, last]
    full = (first == 0) & (last == row.shape[1] - 1)
    lacks_begin, lacks_end = some & (begin != CLS), some & (end != SEP) & ~full
    if (lacks_begin == some).all():
        at = int(np.argmax(some))
        raise InputError(
            f"{where}: no text begins with [CLS] (101) and ends with [SEP] (102), so these ids are of another "
            f"vocabulary, or made without special tokens; texts are {begin[at]:g} ... {end[at]:g}"
            f"{_tokenizer_of(begin[some], end[some])}; make them with the tokenizer of {' or '.join(VOCABULARIES)}"
        )
    faults = (
        (lacks_begin, begin, "begins with {:g}, expected [CLS] (101)"),
        (lacks_end, end, "ends with {:g} where its attention mask ends, expected [SEP] (102)"),
    )
    for lacks, tokens, what in faults:
        bad = np.flatnonzero(lacks)
        if len(bad):
            raise InputError(
                f"{where}: the text of sample '{samples[bad[0]]}' {what.format(tokens[bad[0]])}; {len(bad)} of "
                f"{int(some.sum())} texts do, so ids and mask do not belong together"
            )
    return int((some & full & (end != SEP)).sum())


def _tokenizer_of(begin: npt.NDArray[Any], end: npt.NDArray[Any]) -> str:
    """Return the tokenizer whose frame most texts have, as a clause of a message; empty if unknown."""
    for (first, last), what in _FRAMES.items():
        # a text that was cut has no end token
        if 2 * (begin == first).sum() > len(begin) and 2 * ((end == last) | (begin == first)).sum() > len(end):
            if not (end == last).any():
                continue
            return f", {what}"
    if 2 * (end == 3).sum() > len(end):
        return ", as a tokenizer of XLNet does (4, 3 at the end, padding on the left)"
    return ""


def check_text(where: str, samples: Samples, *, labelled: bool) -> tuple[str, ...]:
    """Check the token ids of a data set against its parts and its raw text; returns notes.

    Args:
        where: Name of the source.
        samples: Samples of any importer; text that is values is not checked.
        labelled: False for new samples, whose text may be missing.

    Raises:
        InputError: If a part has no text, or most of its texts contradict their token ids.
    """
    stream = samples.streams["text"]
    if stream.token_ids is None:
        return ()
    lengths = np.add.reduceat(stream.observed.astype(np.int64), stream.offsets[:-1])
    if not lengths.any():
        # a folder of .csd files without words has no text
        if labelled and (samples.provenance.layout == "npz" or any(samples.raw_text)):
            raise InputError(f"{where}: no text has a token; correct the token ids, or leave the text out")
        return ()
    groups = {"": np.arange(len(samples))}
    if labelled:
        split = next(iter(samples.splits), "")
        groups = {p: np.flatnonzero(samples.splits[split] == c) for p, c in PARTS.items()} if split else groups
        _check_parts(where, samples, lengths)
    if MADE in samples.provenance.notes:
        return ()
    notes: list[str] = []
    for part, rows in groups.items():
        title = f"{where}: {part}" if part else where
        _check_group(title, samples, rows[lengths[rows] > 0], int(lengths.max()), notes)
    return tuple(dict.fromkeys(notes))


def _check_parts(where: str, samples: Samples, lengths: IntArray) -> None:
    told = np.array([bool(text.strip()) for text in samples.raw_text.tolist()])
    for split, codes in samples.splits.items():
        for part in ("train", "valid", "test"):
            rows = codes == PARTS[part]
            # a text whose raw text is empty, while others have some, is missing
            if not lengths[rows].any() and (told[rows].any() or not told.any()):
                raise InputError(
                    f"{where}: no text of the {part} part (split '{split}') has a token, though other parts have "
                    "texts; correct the token ids, or leave the text out"
                )


@dataclass(frozen=True)
class _Text:
    """One text: its sample, raw text, token ids, and number of token ids including gaps."""

    sample: str
    raw: str
    ids: IntArray
    whole: bool


def _check_group(where: str, samples: Samples, rows: IntArray, longest: int, notes: list[str]) -> None:
    if not len(rows):
        return
    vocabulary = samples.streams["text"].vocabulary
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(_COMPARED, len(rows))).astype(np.int64))]
    texts = list(_texts(samples, chosen, longest))
    strange = [(text, odd) for text in texts if (odd := _impossible(text, vocabulary)) is not None]
    if 4 * len(strange) > len(texts):
        text, odd = strange[0]
        raise InputError(
            f"{where}: {len(strange)} of {len(texts)} texts have token ids that the tokenizer of {vocabulary} never "
            f"gives them, such as {odd} for sample '{text.sample}' ({_quoted(text.raw)}); they are of another "
            f"vocabulary, such as {'bert-base-chinese or ' * (vocabulary == DEFAULT_VOCABULARY)}bert-base-cased; "
            f"make them with the tokenizer of {vocabulary}"
        )
    told = [text for text in texts if text.raw.strip()]
    if _alike(told):
        if told:
            notes.append("raw_text: the same words for most samples; token ids cannot be compared with it")
        return
    pieces = _pieces() if vocabulary == DEFAULT_VOCABULARY else ()
    compared = ((text, _by_pieces(text, pieces) if pieces else _by_count(text)) for text in told)
    verdicts = [(text, verdict) for text, verdict in compared if verdict is not None]
    against = [(text, verdict) for text, verdict in verdicts if verdict.against]
    if sum(verdict.weight for _, verdict in verdicts) >= _FEWEST and 2 * len(against) > len(verdicts):
        text, verdict = against[0]
        raise InputError(
            f"{where}: raw text and token ids contradict each other in {len(against)} of {len(verdicts)} texts "
            f"compared: sample '{text.sample}' says {_quoted(text.raw)}, and its ids of {vocabulary} are "
            f"{verdict.shown}; they are of another vocabulary, or in another order than the texts"
        )


def _texts(samples: Samples, rows: IntArray, longest: int) -> Iterator[_Text]:
    stream = samples.streams["text"]
    assert stream.token_ids is not None  # noqa: S101 - checked by the caller
    for row in rows:
        span = slice(stream.offsets[row], stream.offsets[row + 1])
        seen = stream.observed[span]
        # a text as long as the longest may have been cut, and one with gaps has too few tokens
        whole = bool(seen.all()) and len(seen) < longest
        yield _Text(str(samples.ids[row]), str(samples.raw_text[row]), stream.token_ids[span][seen], whole)


def _impossible(text: _Text, vocabulary: str) -> int | None:
    """Return an id that cannot occur in any text, or not in this ASCII text; None without such an id."""
    ranges = _UNUSED[vocabulary]
    if text.raw.strip() and text.raw.isascii():
        ranges += _BEYOND_ASCII[vocabulary]
    odd = np.flatnonzero(np.any([(text.ids >= low) & (text.ids <= high) for low, high in ranges], axis=0))
    return int(text.ids[odd[0]]) if len(odd) else None


def _alike(texts: Sequence[_Text]) -> bool:
    """Return True if most texts share most of their words, as names or placeholders do, unlike transcripts."""
    words = [frozenset(re.findall(r"[^\W\d_]+", text.raw.lower())) for text in texts]
    if len(words) < 2:
        return not any(words)
    same = [2 * len(a & b) >= len(a | b) for a, b in pairwise(words)]
    return 2 * sum(same) > len(same)


@dataclass(frozen=True)
class _Verdict:
    """Result of comparing token ids with a text: contradiction or not, number of tokens, and their form in messages."""

    against: bool
    weight: int
    shown: str


def _by_pieces(text: _Text, pieces: Sequence[str]) -> _Verdict | None:
    """Compare by word pieces: most pieces of three letters or more occur in their text."""
    long = [piece for i in text.ids.tolist() if i > SEP and len(piece := pieces[i].removeprefix("##")) > 2]
    if not long:
        return None
    plain = "".join(c for c in unicodedata.normalize("NFD", text.raw.lower()) if unicodedata.category(c) != "Mn")
    return _Verdict(2 * sum(piece in plain for piece in long) < len(long), len(long), _quoted(" ".join(long)))


def _by_count(text: _Text) -> _Verdict | None:
    """Compare by counts: BERT's tokenizers give every word, and every Chinese character, at least one token."""
    if not text.whole:
        return None
    words = "".join(f" {c} " if "\u4e00" <= c <= "\u9fff" else c for c in text.raw).split()
    fewest, most, count = len(words), sum(map(len, words)), len(text.ids)
    # tolerance of a fifth: marks such as laughter may occur in only one of them
    against = 5 * count < 4 * fewest or 4 * count > 5 * most
    return _Verdict(against, count, f"{count} tokens (expected {fewest} to {most})")


@lru_cache(maxsize=1)
def _pieces() -> tuple[str, ...]:
    """Word pieces of `bert-base-uncased` by id, from the packaged encoder; empty if it is not installed."""
    folder = packaged_folder()
    try:
        pieces = tuple((folder / "vocab.txt").read_text(encoding="utf-8").split("\n")) if folder else ()
    except (OSError, UnicodeDecodeError):
        return ()
    pieces = pieces[:-1] if pieces and not pieces[-1] else pieces
    return pieces if len(pieces) == VOCABULARIES[DEFAULT_VOCABULARY] else ()


def _quoted(text: str) -> str:
    short = " ".join(text.split())
    return f"'{short if len(short) <= 60 else short[:57] + '...'}'"
