"""The one exception a user is meant to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input: one line that names what was found, what was expected and what to do.

    The command line prints it and exits with 2; it never carries a traceback to the user.
    """


def unknown_name(kind: str, name: str, known: Iterable[str], *, hint: str = "") -> InputError:
    """The error for a name that is not registered, with the nearest known names."""
    choices = sorted(known)
    near = difflib.get_close_matches(name[:200], choices, n=3, cutoff=0.5)
    advice = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(choices) or 'none'}"
    shown = name if name.isprintable() and len(name) <= 80 else repr(name)[1:81]
    return InputError(f"unknown {kind} '{shown}'; {advice}{' ' + hint if hint else ''}")
