"""The one exception whose message is written for users."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input: one line that names what was found, what was expected and what to do.

    The command line prints it and exits with 2; it never carries a traceback to the user.
    """


def unknown_name(kind: str, name: str, known: Iterable[str], *, hint: str = "") -> InputError:
    """Return the error for a name that is not registered, with the nearest known names, whatever the case.

    Initials are understood as well: `lr` suggests `learning_rate` and `optimisation.learning_rate`.
    """
    choices = sorted(known)
    near = _nearest(name[:200].casefold(), choices)
    advice = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(choices) or 'none'}"
    shown = name if name.isprintable() and len(name) <= 80 else repr(name)[1:81]
    return InputError(f"unknown {kind} '{shown}'; {advice}{' ' + hint if hint else ''}")


def _nearest(name: str, choices: list[str]) -> list[str]:
    """Return the choices that equal a lower-case name or have it as initials, else up to three similar ones."""
    by_name: dict[str, list[str]] = {}
    for choice in choices:
        by_name.setdefault(choice.casefold(), []).append(choice)
    meant = by_name.get(name) or [choice for choice in choices if len(name) > 1 and _initials(choice) == name]
    near = difflib.get_close_matches(name, by_name, n=3, cutoff=0.5)
    return meant[:3] or [choice for key in near for choice in by_name[key]][:3]


def _initials(name: str) -> str:
    """`lr` of `learning_rate`, and of `optimisation.learning_rate`, whose last part counts."""
    words = re.split(r"[_\W]+", name.rpartition(".")[2].casefold())
    return "".join(word[:1] for word in words)
