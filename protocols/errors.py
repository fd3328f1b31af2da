"""The one exception whose message is written for users."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input: one line that names what was found, what was expected and what to do.

    The command line prints it and exits with 2; it never carries a traceback to the user.
    """


def unknown_name(kind: str, name: str, known: Iterable[str], *, hint: str = "") -> InputError:
    """Return the error for an unknown name, with the nearest known names; upper and lower case count alike."""
    choices = sorted(known)
    by_folded: dict[str, list[str]] = {}
    for choice in choices:
        by_folded.setdefault(choice.casefold(), []).append(choice)
    nearest = difflib.get_close_matches(name[:200].casefold(), by_folded, n=3, cutoff=0.5)
    near = [choice for folded in nearest for choice in by_folded[folded]][:3]
    advice = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(choices) or 'none'}"
    shown = name if name.isprintable() and len(name) <= 80 else repr(name)[1:81]
    return InputError(f"unknown {kind} '{shown}'; {advice}{' ' + hint if hint else ''}")
