"""Drawing of sentences from the grammar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.data.synthetic.composition import (
    KIND_PROBABILITY,
    KINDS,
    LEVELS,
    OPPOSITE,
    Kind,
    clause_value,
    sentence_value,
)
from benchmark.data.synthetic.grammar import CLASSES, GAPS, LEVEL_PROBABILITY, SENTIMENT, TOPICS, clauses, fillers
from protocols.layout import FloatArray


@dataclass(frozen=True)
class Sentence:
    """A sentence and its sentiment.

    Attributes:
        words: The words, each one token.
        value: Composed sentiment in quarter units, -12 to 12.
    """

    words: tuple[str, ...]
    value: int


class Speaker:
    """Speaker of sentences about one topic."""

    def __init__(self, topic: str, max_length: int, random: np.random.Generator) -> None:
        self._nouns = TOPICS[topic]
        self._max_length = max_length
        self._random = random

    def sentence(self) -> Sentence:
        """Draw a sentence of at most `max_length` words."""
        while True:
            sentence = self._draw()
            if len(sentence.words) <= self._max_length:
                return sentence

    def _draw(self) -> Sentence:
        kind = KINDS[self._index(np.array([KIND_PROBABILITY[k] for k in KINDS]))]
        if kind == "none":
            return Sentence(tuple(self._filler() + self._gap()), 0)
        words = self._gap()
        first, value = self._clause()
        words += first
        if kind == "one":
            return Sentence(tuple(words + self._gap()), sentence_value(kind, value))
        second, second_value = self._second_clause(kind, value)
        words += [*self._gap(), self._say(kind.upper()), *second, *self._gap()]
        return Sentence(tuple(words), sentence_value(kind, value, second_value))

    def _clause(self) -> tuple[list[str], int]:
        clause = clauses()[self._index(_CLAUSE_PROBABILITY)]
        level = LEVELS[self._index(LEVEL_PROBABILITY)]
        words = [self._say(symbol) for symbol in clause.symbols]
        words[clause.slot] = self._pick(SENTIMENT[clause.sentiment_class][level])
        return words, clause_value(level, clause.pattern)

    def _second_clause(self, kind: Kind, first: int) -> tuple[list[str], int]:
        opposite = self._random.random() < OPPOSITE[kind]
        while True:
            words, value = self._clause()
            if (value * first < 0) == opposite:
                return words, value

    def _gap(self) -> list[str]:
        more = GAPS[self._index(np.array([weight for weight, _ in GAPS]))][1]
        words: list[str] = []
        while self._random.random() < more:
            words += self._filler()
        return words

    def _filler(self) -> list[str]:
        symbols, _ = fillers()[self._index(_FILLER_PROBABILITY)]
        return [self._say(symbol) for symbol in symbols]

    def _say(self, symbol: str) -> str:
        if symbol == "NOUN":
            return self._pick(self._nouns)
        return self._pick(CLASSES[symbol]) if symbol in CLASSES else symbol

    def _pick(self, choices: Sequence[str]) -> str:
        return choices[int(self._random.integers(len(choices)))]

    def _index(self, probability: FloatArray) -> int:
        return int(np.searchsorted(np.cumsum(probability)[:-1], self._random.random(), side="right"))


_CLAUSE_PROBABILITY: FloatArray = np.array([c.probability for c in clauses()])
_FILLER_PROBABILITY: FloatArray = np.array([p for _, p in fillers()])
