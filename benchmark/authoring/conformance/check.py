"""Checks, and their results as exceptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmark.authoring.conformance.subject import Subject


class Violation(Exception):
    """Raised when a model does not keep a property; the message gives the finding, in one line, with numbers."""


class NotApplicable(Exception):
    """Raised when a property does not apply to this model, or cannot be checked here; the message gives the reason."""


@dataclass(frozen=True)
class Check:
    """Property required of every model.

    Attributes:
        name: Name, one word or two, hyphenated.
        statement: Statement of the property, one line.
        run: Function that checks it. Returns a finding worth reporting, else an empty text; raises Violation,
            NotApplicable, or any error of the model.
    """

    name: str
    statement: str
    run: Callable[[Subject], str]


def check(name: str, statement: str) -> Callable[[Callable[[Subject], str]], Check]:
    """Return a decorator that makes a function of a subject a check."""
    return lambda run: Check(name, statement, run)


def require(holds: bool, found: str) -> None:
    """Raise Violation with the finding unless the condition holds."""
    if not holds:
        raise Violation(found)
