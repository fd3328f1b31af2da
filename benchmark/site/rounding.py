"""Numbers of the page with six digits."""

from __future__ import annotations

import math

import numpy as np


def number(value: object, digits: int = 6) -> float | None:
    """Round a number to some significant digits; None for a missing or infinite one."""
    if value is None or not isinstance(value, (int, float, np.integer, np.floating)) or not math.isfinite(value):
        return None
    short = float(f"{float(value):.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
