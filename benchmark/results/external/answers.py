"""Answers that are not numbers on the labels' scale: class words, other scales, and none at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from protocols import InputError, read_number, unknown_name

FloatArray: TypeAlias = npt.NDArray[np.float64]
#: Treatment of samples without an answer: an empty one is a fault, they get the median of the training labels, or they
#: are left out for every model.
Absent = Literal["refuse", "constant", "exclude"]

#: Texts that stand for no answer, in lower case.
NO_ANSWER = ("", "nan", "na", "n/a", "none", "null", "<na>")
#: Class words, and their place between the middle of the labels' range (0) and its ends (-1 and 1).
WORDS = {"negative": -0.5, "neg": -0.5, "neutral": 0.0, "neu": 0.0, "positive": 0.5, "pos": 0.5}
#: Highest values of usual scales that start at 0, in order.
_TOPS = (1, 2, 3, 4, 5, 6, 7, 10, 100)
#: Scales that start at 1.
_FROM_ONE = (5, 7, 9)
#: Number of different predictions that say something about their scale.
_FEWEST = 10
#: Share of the label range by which a prediction may be outside it before it is reported.
_BEYOND = 0.25


@dataclass(frozen=True)
class AnswerRules:
    """Rules for reading answers.

    Attributes:
        absent: Treatment of samples without an answer.
        scale: Lowest and highest possible answer, mapped linearly to the labels' range; `words` for class words; None
            for the labels' range, with a check that answers are not on another.
    """

    absent: Absent = "refuse"
    scale: tuple[float, float] | Literal["words"] | None = None

    @classmethod
    def of(cls, absent: str = "refuse", scale: str | tuple[float, float] | None = None) -> AnswerRules:
        """Return the rules for options; raises InputError for an unknown policy or an invalid scale."""
        if absent not in get_args(Absent):
            raise unknown_name("policy for absent answers", absent, get_args(Absent))
        if scale is None or scale == "words":
            return cls(absent, scale)  # type: ignore[arg-type]
        ends = [read_number(end.strip()) for end in scale.split(",")] if isinstance(scale, str) else list(scale)
        if len(ends) != 2 or ends[0] is None or ends[1] is None or not ends[0] < ends[1]:
            raise InputError(f"scale {scale!r}: expected the lowest and the highest answer, such as 0,6, or words")
        return cls(absent, (float(ends[0]), float(ends[1])))  # type: ignore[arg-type]

    def mapped(self, values: FloatArray, label_range: tuple[float, float]) -> FloatArray:
        """Map answers to the labels' range; class words are in it."""
        if self.scale is None or self.scale == "words":
            return values
        (low, high), (first, last) = label_range, self.scale
        return values if (first, last) == (low, high) else low + (values - first) / (last - first) * (high - low)


#: Rules of a file without absent answers, on the labels' scale.
USUAL = AnswerRules()


def word_value(word: str, label_range: tuple[float, float]) -> float | None:
    """Return the value of a class word: for labels from -3 to 3, -1.5, 0 or 1.5; None for another word."""
    low, high = label_range
    place = WORDS.get(word.strip().lower())
    return None if place is None else (low + high) / 2 + place * (high - low) / 2


def other_scale(values: FloatArray, label_range: tuple[float, float]) -> tuple[float, float] | None:
    """Return the scale on which all answers of a model seem to be, if it is not that of the labels.

    These are scales without negative numbers, where the labels have some: class numbers from 0, shares from 0 to 1, and
    answers of which more than a tenth are above the labels.
    """
    low, high = label_range
    if not low < 0 < high or values.min() < 0:
        return None
    bottom, top, distinct = values.min(), values.max(), len(np.unique(values))
    if top > high and float(np.mean(values > high)) > 0.1:
        if bottom >= 1 and any(top <= end for end in _FROM_ONE):
            return 1.0, float(next(end for end in _FROM_ONE if top <= end))
        return next(((0.0, float(end)) for end in _TOPS if top <= end), None)
    if distinct > 1 and bool((values == np.floor(values)).all()) and top <= high:
        return 0.0, float(top)
    spread = distinct >= _FEWEST and bottom <= 0.25 and 0.75 <= top <= 1
    return (0.0, 1.0) if spread else None


def beyond(values: FloatArray, label_range: tuple[float, float]) -> str:
    """Describe answers far outside the labels' range, or more than a quarter of all outside; empty without any."""
    low, high = label_range
    margin = _BEYOND * (high - low)
    outside = (values < low) | (values > high)
    far = (values < low - margin) | (values > high + margin)
    if outside.mean() <= _BEYOND and not far.any():
        return ""
    furthest = values[np.argmax(np.abs(values - (low + high) / 2))]
    return (
        f"outside the labels' range [{low:g}, {high:g}] are {int(outside.sum())} of its {len(values)} predictions "
        f"({100 * outside.mean():.2g} %), the furthest {furthest:g}; are they on another scale?"
    )
