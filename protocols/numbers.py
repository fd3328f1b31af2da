"""Numbers in text written by people: plain decimal digits only.

Python's `float` and `int` also accept `1_0` as 10 and digits of other scripts; in a table these are typing errors.
"""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)


def read_number(text: str) -> float | None:
    """Return the nearest double of a decimal number, as `-1.5`, `.5` or `2e-3`; None for any other text.

    Surrounding blanks are ignored. A number beyond the largest double is infinite.
    """
    plain = text.strip()
    return float(plain) if _NUMBER.fullmatch(plain) else None


def read_whole(text: str) -> int | None:
    """Return a whole number of 64 bits; None for any other text. Surrounding blanks are ignored."""
    plain = text.strip()
    value = int(plain) if _WHOLE.fullmatch(plain) else None
    return value if value is not None and -(2**63) <= value < 2**63 else None
