"""Numbers of the page with six digits."""

from __future__ import annotations

import math

import numpy as np


def number(value: object) -> float | None:
    """Round a number to 6 significant digits; None for a missing or infinite one."""
    if value is None or not isinstance(value, (int, float, np.integer, np.floating)) or not math.isfinite(value):
        return None
    short = float(f"{float(value):.6g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
