"""Likelihood of the observed words for every sentiment of the sentence, summed over all possible erased words.

The sum over readings is exact: spans of words are scored as fillers and as clauses of every value, and the spans are
joined along the sentence, as a sum-product over a regular grammar.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import numpy as np

from benchmark.data.synthetic.composition import (
    CLAUSE_MAX,
    CLAUSE_VALUES,
    KIND_PROBABILITY,
    LEVELS,
    TEXT_GRID,
    TEXT_MAX,
    Kind,
    Pattern,
    clause_value,
    second_clause_weight,
    sentence_value,
)
from benchmark.data.synthetic.grammar import (
    CLASSES,
    GAPS,
    LEVEL_PROBABILITY,
    NOUNS,
    SENTIMENT,
    clause_prior,
    clauses,
    fillers,
)
from benchmark.data.synthetic.vocabulary import TOKEN_ID
from protocols import InputError
from protocols.layout import BoolArray, FloatArray, IntArray

_CHUNK = 256  # sentences at a time: bounds the memory of the span tables
_ERASED, _PADDING = -1, -2


def text_likelihood(token_ids: IntArray, observed: BoolArray, offsets: IntArray) -> FloatArray:
    """Joint probability of sentiment and observed words.

    Args:
        token_ids: `(P,)` content tokens of all sentences, back to back.
        observed: `(P,)` False where the word is erased; its id is then ignored.
        offsets: `(n + 1,)` sentence i has positions `offsets[i]:offsets[i + 1]`.

    Returns:
        `(n, 25)`, by `TEXT_GRID`: P(sentiment, observed words, length), each row up to a constant factor (nouns are
        certain given the topic).

    Raises:
        InputError: If a sentence cannot come from the grammar.
    """
    local = _local_index(token_ids, observed)
    lengths = np.diff(offsets)
    result = np.zeros((len(lengths), len(TEXT_GRID)))
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), _CHUNK):
        rows = order[start : start + _CHUNK]
        table = np.full((len(rows), int(lengths[rows[-1]])), _PADDING, dtype=np.int64)
        inside = np.arange(table.shape[1]) < lengths[rows, None]
        table[inside] = local[(offsets[rows, None] + np.arange(table.shape[1]))[inside]]
        result[rows] = _sentences(table, lengths[rows])
    impossible = np.flatnonzero(result.sum(axis=1) <= 0.0)
    if len(impossible):
        raise InputError(
            f"synthetic oracle: sentence {impossible[0]} of the masked text cannot come from the grammar; "
            "give samples as the generator made them"
        )
    return result


@cache
def _word_index() -> dict[str, int]:
    return {word: i for i, word in enumerate(sorted(TOKEN_ID))}


def _local_index(token_ids: IntArray, observed: BoolArray) -> IntArray:
    by_id = np.full(max(TOKEN_ID.values()) + 1, _PADDING, dtype=np.int64)
    for word, i in _word_index().items():
        by_id[TOKEN_ID[word]] = i
    local = by_id[np.clip(token_ids, 0, len(by_id) - 1)]
    local[token_ids >= len(by_id)] = _PADDING  # not a word of the grammar: matches nothing
    local[~observed] = _ERASED
    return local


class _Matches:
    """Probability of each word of a table under a symbol: 1 where erased, 0 at padding; cached by symbol."""

    def __init__(self, table: IntArray) -> None:
        self._table = table
        self._known: dict[str, FloatArray] = {}

    def symbol(self, symbol: str) -> FloatArray:
        """Probabilities of a word, or of a uniform class, `(n, T)`."""
        if symbol not in self._known:
            if symbol == "NOUN":
                self._known[symbol] = self._of(tuple(NOUNS), 1.0)
            else:
                group = CLASSES.get(symbol, (symbol,))
                self._known[symbol] = self._of(group, 1.0 / len(group))
        return self._known[symbol]

    def levels(self, name: str) -> FloatArray:
        """Probabilities of a sentiment word of each level, times that of the level, `(n, T, 6)`."""
        groups = [SENTIMENT[name][level] for level in LEVELS]
        return np.stack([self._of(g, 1.0 / len(g)) for g in groups], axis=2) * LEVEL_PROBABILITY

    def _of(self, group: tuple[str, ...], probability: float) -> FloatArray:
        row = np.zeros(len(_word_index()) + 2)  # the last two are padding and erased
        row[[_word_index()[word] for word in group]] = probability
        row[_ERASED] = 1.0
        return row[self._table]


def _product(matches: _Matches, symbols: tuple[str, ...], skip: int | None, starts: int) -> FloatArray:
    """`(n, starts)`: probability of the words from each start under the symbols, the one at `skip` left out."""
    factors = [matches.symbol(s)[:, j : j + starts] for j, s in enumerate(symbols) if j != skip]
    return np.multiply.reduce(factors) if factors else np.ones((1, starts))


def _filler_spans(matches: _Matches, n: int, length: int) -> FloatArray:
    """`(n, T + 1, T + 1)`: probability that words p to q are one filler."""
    spans = np.zeros((n, length + 1, length + 1))
    for symbols, probability in fillers():
        starts = length + 1 - len(symbols)
        if starts > 0:
            p = np.arange(starts)
            spans[:, p, p + len(symbols)] += probability * _product(matches, symbols, None, starts)
    return spans


def _clause_spans(matches: _Matches, n: int, length: int) -> dict[int, FloatArray]:
    """By number of words `(n, starts, 13)`: probability that the words from a start are a clause of each value."""
    grouped: defaultdict[tuple[int, str, int, Pattern], list[tuple[tuple[str, ...], float]]] = defaultdict(list)
    for c in clauses():
        grouped[len(c.symbols), c.sentiment_class, c.slot, c.pattern].append((c.symbols, c.probability))
    levels = {name: matches.levels(name) for name in SENTIMENT}
    spans: dict[int, FloatArray] = {}
    for (size, name, slot, pattern), ways in grouped.items():
        starts = length + 1 - size
        if starts <= 0:
            continue
        around = np.zeros((n, starts))
        for symbols, probability in ways:
            around += probability * _product(matches, symbols, slot, starts)
        span = spans.setdefault(size, np.zeros((n, starts, len(CLAUSE_VALUES))))
        word = levels[name][:, slot : slot + starts]
        for i, level in enumerate(LEVELS):
            span[:, :, CLAUSE_MAX + clause_value(level, pattern)] += around * word[:, :, i]
    return spans


def _sentences(table: IntArray, lengths: IntArray) -> FloatArray:
    """`(n, 25)`: the sum over all readings of each sentence of a padded table."""
    n, length = table.shape
    matches = _Matches(table)
    filler = _filler_spans(matches, n, length)
    gap = np.zeros_like(filler)
    for weight, more in GAPS:
        gap += weight * (1.0 - more) * np.linalg.inv(np.eye(length + 1) - more * filler)
    spans = _clause_spans(matches, n, length)
    rest = gap[np.arange(n), :, lengths]  # (n, T + 1): a gap from p to the end

    first = np.zeros((n, length + 1, len(CLAUSE_VALUES)))  # gap and clause that end at q
    last = np.zeros_like(first)  # clause that starts at p, and gap to the end
    for size, span in spans.items():
        first[:, size:] += gap[:, 0, : span.shape[1], None] * span
        last[:, : span.shape[1]] += span * rest[:, size:, None]

    result = np.zeros((n, len(TEXT_GRID)))
    result[:, TEXT_MAX] += KIND_PROBABILITY["none"] * np.einsum("np,np->n", filler[:, 0], rest)
    one = np.einsum("nqv,nq->nv", first, rest)
    for i, value in enumerate(CLAUSE_VALUES):
        result[:, TEXT_MAX + sentence_value("one", int(value))] += KIND_PROBABILITY["one"] * one[:, i]
    middle = gap.transpose(0, 2, 1) @ first  # (n, T + 1, 13): gap, clause, gap that end at q
    kinds: tuple[Kind, Kind] = ("but", "and")
    for kind in kinds:
        joined = middle[:, :-1] * matches.symbol(kind.upper())[:, :, None]
        both = joined.transpose(0, 2, 1) @ last[:, 1:]
        both *= second_clause_weight(kind, clause_prior()) * KIND_PROBABILITY[kind]
        for i, v in enumerate(CLAUSE_VALUES):
            for j, w in enumerate(CLAUSE_VALUES):
                result[:, TEXT_MAX + sentence_value(kind, int(v), int(w))] += both[:, i, j]
    return result
