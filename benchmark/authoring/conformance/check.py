"""What a check is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmark.authoring.conformance.subject import Subject


class Violation(Exception):
    """A model does not keep a property; the message says what was found, in one line, with numbers."""


class NotApplicable(Exception):
    """A property cannot be asked of this model, or not on this machine; the message says why."""


@dataclass(frozen=True)
class Check:
    """A property that every model must keep.

    Attributes:
        name: One word or two, hyphenated.
        statement: The property, in a line.
        run: Tries it. Returns what was found where that is worth knowing, else an empty text; raises Violation,
            NotApplicable, or whatever the model raises.
    """

    name: str
    statement: str
    run: Callable[[Subject], str]


def check(name: str, statement: str) -> Callable[[Callable[[Subject], str]], Check]:
    """Decorator: a function of a subject as a check."""
    return lambda run: Check(name, statement, run)


def require(holds: bool, found: str) -> None:
    """Raise Violation with what was found, unless it holds."""
    if not holds:
        raise Violation(found)
