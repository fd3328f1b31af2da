"""The grammar: words by class, frames of clauses, neutral filler, and their probabilities.

A symbol is either a word or the name of a class in capitals. Sentiment classes have words by level; all others are
uniform over their words. Every word is one token of the `bert-base-uncased` vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from benchmark.data.synthetic.composition import (
    CLAUSE_MAX,
    CLAUSE_VALUES,
    LEVELS,
    PATTERNS,
    Pattern,
    clause_value,
    text_prior,
)
from protocols.layout import FloatArray

#: Topics of videos: the nouns of their sentences. Nouns do not occur elsewhere in the grammar.
TOPICS: dict[str, tuple[str, ...]] = {
    "film": ("film", "movie", "plot", "ending", "cast", "script", "soundtrack"),
    "phone": ("phone", "camera", "screen", "battery", "keyboard", "design"),
    "hotel": ("hotel", "room", "pool", "breakfast", "service", "location"),
    "book": ("book", "novel", "writing", "cover", "author", "chapter"),
    "game": ("game", "story", "sound", "controller", "level", "gameplay"),
    "car": ("car", "engine", "seat", "ride", "steering", "dashboard"),
    "restaurant": ("restaurant", "food", "menu", "dessert", "wine", "waiter"),
    "album": ("album", "guitar", "singer", "melody", "mix", "chorus"),
}
NOUNS = frozenset(noun for nouns in TOPICS.values() for noun in nouns)

#: Classes whose words are equally likely; the topic gives the words of NOUN.
CLASSES: dict[str, tuple[str, ...]] = {
    "DAY": ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    "MONTH": ("january", "february", "march", "april", "june", "july", "august", "october", "november", "december"),
    "PERSON": ("brother", "sister", "mother", "father", "wife", "husband", "cousin", "friend", "boss", "neighbor"),
    "SUBJECT": ("i", "we"),
    "VERY": ("very", "really", "so", "extremely", "incredibly", "truly"),
    "TRULY": ("really", "truly", "absolutely"),
    "COMPLETE": ("complete", "total", "real"),
    "SLIGHTLY": ("slightly", "somewhat", "fairly", "rather", "mildly"),
    "BUT": ("but", "yet"),
    "AND": ("and", "plus"),
    "HM": ("um", "uh", "well", "hmm", "yeah", "anyway", "basically", "honestly", "okay"),
}

#: Words that carry sentiment, by class and level (-3 strongly negative to 3 strongly positive).
SENTIMENT: dict[str, dict[int, tuple[str, ...]]] = {
    "ADJECTIVE": {
        3: ("amazing", "brilliant", "fantastic", "wonderful", "excellent", "superb", "magnificent", "outstanding"),
        2: ("good", "great", "lovely", "impressive", "funny", "charming", "clever", "exciting", "beautiful"),
        1: ("nice", "pleasant", "decent", "fine", "solid", "interesting", "useful", "acceptable"),
        -1: ("weak", "slow", "odd", "strange", "confusing", "cheap", "predictable", "awkward", "shallow"),
        -2: ("bad", "boring", "annoying", "ugly", "stupid", "disappointing", "poor", "lame", "dull"),
        -3: ("terrible", "horrible", "awful", "disgusting", "dreadful", "pathetic", "disastrous", "unbearable"),
    },
    "VERBED": {
        3: ("loved", "adored"),
        2: ("enjoyed", "admired"),
        1: ("liked", "appreciated"),
        -1: ("doubted", "questioned"),
        -2: ("disliked", "regretted"),
        -3: ("hated", "despised"),
    },
    "VERB": {
        3: ("love", "worship"),
        2: ("enjoy", "admire"),
        1: ("like", "appreciate"),
        -1: ("doubt", "question"),
        -2: ("dislike", "regret"),
        -3: ("hate", "fear"),
    },
    "THING": {
        3: ("masterpiece", "triumph", "wonder"),
        2: ("delight", "joy", "gem"),
        1: ("success", "treat", "pleasure"),
        -1: ("bore", "burden", "shame"),
        -2: ("mess", "failure", "joke"),
        -3: ("disaster", "nightmare", "tragedy"),
    },
}

#: Probability of each of `LEVELS` for a sentiment word: negative ones are more frequent, as negative labels are.
LEVEL_PROBABILITY: FloatArray = np.array([0.19, 0.25, 0.13, 0.11, 0.18, 0.14])

_PATTERN_WEIGHT: dict[Pattern, float] = {"plain": 0.58, "very": 0.2, "slightly": 0.1, "not": 0.09, "not_very": 0.03}

# Words of a pattern around a word of each class.
_READS: dict[str, dict[Pattern, str]] = {
    "ADJECTIVE": {
        "plain": "ADJECTIVE",
        "very": "VERY ADJECTIVE",
        "slightly": "SLIGHTLY ADJECTIVE",
        "not": "not ADJECTIVE",
        "not_very": "not VERY ADJECTIVE",
    },
    "VERBED": {"plain": "VERBED", "very": "TRULY VERBED", "slightly": "SLIGHTLY VERBED"},
    "VERB": {"not": "did not VERB", "not_very": "did not TRULY VERB"},
    "THING": {"plain": "a THING", "very": "a COMPLETE THING", "not": "not a THING", "not_very": "not a COMPLETE THING"},
}

# Frames of clauses with their weights; the asterisk is where the pattern goes. Verbs have one form with `did not`.
_FRAMES: tuple[tuple[str, tuple[str, ...], float], ...] = (
    ("the NOUN was *", ("ADJECTIVE", "THING"), 4.0),
    ("the NOUN is *", ("ADJECTIVE", "THING"), 2.0),
    ("it was *", ("ADJECTIVE", "THING"), 3.0),
    ("i thought the NOUN was *", ("ADJECTIVE", "THING"), 1.5),
    ("to me the NOUN was *", ("ADJECTIVE", "THING"), 1.0),
    ("the NOUN seemed * to me", ("ADJECTIVE",), 1.0),
    ("most of the NOUN was *", ("ADJECTIVE",), 1.0),
    ("the whole NOUN felt *", ("ADJECTIVE",), 1.0),
    ("we all agreed that the NOUN was *", ("ADJECTIVE", "THING"), 0.7),
    ("my PERSON said it was *", ("ADJECTIVE", "THING"), 0.7),
    ("SUBJECT * the NOUN", ("VERBED", "VERB"), 3.0),
    ("SUBJECT * it", ("VERBED", "VERB"), 1.5),
    ("my PERSON and i * the NOUN", ("VERBED", "VERB"), 0.7),
)
_THING_SHARE = 0.25

#: Neutral phrases with their weights.
FILLERS: tuple[tuple[str, float], ...] = (
    ("HM", 6.0),
    ("HM HM", 1.0),
    ("you know", 3.0),
    ("i mean", 3.0),
    ("like i said", 1.0),
    ("so here we go", 1.0),
    ("to be clear", 1.0),
    ("as you can see", 1.0),
    ("i saw it on DAY", 1.0),
    ("my PERSON was there with me", 1.0),
    ("it came out in MONTH", 1.0),
    ("the NOUN came out in MONTH", 1.0),
    ("we went there last DAY", 1.0),
    ("my PERSON told me about the NOUN", 1.0),
    ("there is a second part in MONTH", 1.0),
    ("i am going to talk about the NOUN", 1.0),
    ("this is a review of the NOUN", 1.0),
    ("it was about two hours", 1.0),
    ("i watched it with my PERSON last DAY", 1.0),
    ("they showed us the NOUN on DAY", 1.0),
    ("then there is the NOUN", 1.5),
    ("we drove into the city with my PERSON in MONTH", 0.7),
)

#: Number of fillers in a gap: a mixture of geometric distributions (weight, probability of one more).
GAPS: tuple[tuple[float, float], ...] = ((0.62, 0.12), (0.28, 0.5), (0.1, 0.76))


@dataclass(frozen=True)
class Clause:
    """One way to build a clause.

    Attributes:
        symbols: Words and classes, in order.
        slot: Index of the sentiment word in `symbols`.
        pattern: Effect of the word's surroundings on its level.
        probability: Probability among all ways.
    """

    symbols: tuple[str, ...]
    slot: int
    pattern: Pattern
    probability: float

    @property
    def sentiment_class(self) -> str:
        """Class of the sentiment word."""
        return self.symbols[self.slot]


@cache
def clauses() -> tuple[Clause, ...]:
    """Return every way to build a clause; probabilities sum to 1."""
    ways: list[tuple[tuple[str, ...], str, Pattern, float]] = []
    for frame, classes, weight in _FRAMES:
        for name in classes:
            share = {"THING": _THING_SHARE, "ADJECTIVE": 1.0 - _THING_SHARE}.get(name, 1.0) if len(classes) > 1 else 1.0
            for pattern, reads in _READS[name].items():
                symbols = tuple(frame.replace("*", reads).split())
                ways.append((symbols, name, pattern, weight * share * _PATTERN_WEIGHT[pattern]))
    total = sum(weight for *_, weight in ways)
    return tuple(Clause(s, s.index(name), pattern, weight / total) for s, name, pattern, weight in ways)


@cache
def fillers() -> tuple[tuple[tuple[str, ...], float], ...]:
    """Return the neutral phrases as symbols, with probabilities that sum to 1."""
    total = sum(weight for _, weight in FILLERS)
    return tuple((tuple(text.split()), weight / total) for text, weight in FILLERS)


@cache
def clause_prior() -> FloatArray:
    """`(13,)`: probability of each clause value."""
    prior = np.zeros(len(CLAUSE_VALUES))
    by_pattern = {p: sum(c.probability for c in clauses() if c.pattern == p) for p in PATTERNS}
    for pattern, weight in by_pattern.items():
        for level, p in zip(LEVELS, LEVEL_PROBABILITY, strict=True):
            prior[CLAUSE_MAX + clause_value(level, pattern)] += weight * p
    return prior


@cache
def sentence_prior() -> FloatArray:
    """`(25,)`: probability of each sentiment of a sentence, in `TEXT_GRID`."""
    return text_prior(clause_prior())


def words() -> tuple[str, ...]:
    """Return every word of the grammar, sorted."""
    said = set(NOUNS)
    for group in CLASSES.values():
        said.update(group)
    for levels in SENTIMENT.values():
        for group in levels.values():
            said.update(group)
    classes = {"NOUN", *CLASSES, *SENTIMENT}
    for symbols in [c.symbols for c in clauses()] + [symbols for symbols, _ in fillers()]:
        said.update(s for s in symbols if s not in classes)
    return tuple(sorted(said))
