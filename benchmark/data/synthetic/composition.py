"""Composition of the sentiment of a sentence from its words.

A sentiment word has one of six levels. The words before it (none, an intensifier, a diminisher, a negation) turn the
level into the value of the clause; one or two clauses give the sentiment of the sentence. Values are small whole
numbers, so that the oracle can sum exactly over every reading of a sentence.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from protocols.layout import FloatArray, IntArray

Pattern: TypeAlias = Literal["plain", "very", "slightly", "not", "not_very"]
Kind: TypeAlias = Literal["none", "one", "but", "and"]

PATTERNS: tuple[Pattern, ...] = ("plain", "very", "slightly", "not", "not_very")
KINDS: tuple[Kind, ...] = ("none", "one", "but", "and")

#: Levels of sentiment words: strong, middling, weak, of either sign.
LEVELS = (-3, -2, -1, 1, 2, 3)

# Value of a clause with a positive word of level 1, 2, 3 in half units (6 is +3.0). Negation inverts the sign and
# reduces the strength: "not amazing" is milder than "bad"; "not very good" is even milder.
_VALUE: dict[Pattern, tuple[int, int, int]] = {
    "plain": (2, 4, 5),
    "very": (3, 5, 6),
    "slightly": (1, 2, 3),
    "not": (-1, -2, -3),
    "not_very": (-1, -1, -2),
}

#: Largest clause value in half units, and largest sentence sentiment in quarter units.
CLAUSE_MAX, TEXT_MAX = 6, 12
CLAUSE_VALUES: IntArray = np.arange(-CLAUSE_MAX, CLAUSE_MAX + 1)
#: The possible sentiments of a sentence, -3 to 3 in steps of 0.25.
TEXT_GRID: FloatArray = np.arange(-TEXT_MAX, TEXT_MAX + 1) / 4.0

KIND_PROBABILITY: dict[Kind, float] = {"none": 0.04, "one": 0.62, "but": 0.18, "and": 0.16}

#: Probability that the second clause has the opposite sign of the first.
OPPOSITE: dict[Kind, float] = {"but": 0.8, "and": 0.1}


def clause_value(level: int, pattern: Pattern) -> int:
    """Return the value of a clause in half units, -6 to 6 and never 0; the sign is the polarity."""
    value = _VALUE[pattern][abs(level) - 1]
    return value if level > 0 else -value


def sentence_value(kind: Kind, first: int = 0, second: int = 0) -> int:
    """Return the sentiment of a sentence in quarter units, -12 to 12.

    Args:
        kind: No clause (neutral), one, or two joined by `but` (the second weighs thrice the first) or `and`.
        first: Value of the first clause in half units.
        second: Value of the second clause in half units.
    """
    if kind == "none":
        return 0
    if kind == "one":
        return 2 * first
    if kind == "and":
        return first + second
    doubled = first + 3 * second  # halves are rounded towards the second clause
    return (doubled + 1) // 2 if second > 0 else -((1 - doubled) // 2)


def second_clause_weight(kind: Kind, clause_prior: FloatArray) -> FloatArray:
    """`(13, 13)`: P(second value | first value) over P(second value).

    Args:
        kind: `but` or `and`.
        clause_prior: `(13,)` probability of each clause value.
    """
    sign = np.sign(CLAUSE_VALUES)
    by_sign = {s: float(clause_prior[sign == s].sum()) for s in (-1, 1)}
    weight = np.zeros((len(sign), len(sign)))
    for i, first in enumerate(sign):
        for j, second in enumerate(sign):
            if first and second:
                share = OPPOSITE[kind] if first != second else 1.0 - OPPOSITE[kind]
                weight[i, j] = share / by_sign[int(second)]
    return weight


def text_prior(clause_prior: FloatArray) -> FloatArray:
    """`(25,)`: probability of each sentiment of `TEXT_GRID`, given that of each clause value."""
    prior = np.zeros(len(TEXT_GRID))
    prior[TEXT_MAX] += KIND_PROBABILITY["none"]
    for first, p in zip(CLAUSE_VALUES, clause_prior, strict=True):
        prior[TEXT_MAX + sentence_value("one", int(first))] += KIND_PROBABILITY["one"] * p
    kinds: tuple[Kind, Kind] = ("but", "and")
    for kind in kinds:
        joint = clause_prior[:, None] * clause_prior * second_clause_weight(kind, clause_prior)
        for i, first in enumerate(CLAUSE_VALUES):
            for j, second in enumerate(CLAUSE_VALUES):
                prior[TEXT_MAX + sentence_value(kind, int(first), int(second))] += KIND_PROBABILITY[kind] * joint[i, j]
    return prior
