"""Damage to a tree of dicts, lists and arrays: what a program that writes files may get wrong, or a hostile one do."""

from __future__ import annotations

from typing import Any

import numpy as np

STRINGS = (
    "",
    "x" * 3000,
    "a\0b",
    "two\nlines",
    "half \ud83d",
    "grüß 好 \U0001f600",
    "../../escape",
    "nan",
    "train",
    "\u2028",
)
_DTYPES = ("f2", "f4", "f8", "i1", "u1", "i8", "u8", "?", "c8", "U3", "S3", "O", "M8[s]", "m8[s]", ">f4")


def odd_value(rng: np.random.Generator, arrays: bool = True) -> Any:
    """Something a field should rarely hold."""
    plain: list[Any] = [
        None, True, -1, 0, 2**31, 2**63, -(2**70), 1e308, float("nan"), float("-inf"), 1j, b"\xff\0", [], {}, (), [[]],
        [1, [2]], {"a": {"b": []}}, list(range(50)), [None] * 4, {1: 2}, {0.5, 2}, str(rng.choice(STRINGS)),
    ]  # fmt: skip
    if not arrays:
        plain = [v for v in plain if not isinstance(v, bytes | complex | set | tuple)]
    if arrays and rng.random() < 0.5:
        return odd_array(rng)
    return plain[int(rng.integers(len(plain)))]


def odd_array(rng: np.random.Generator) -> Any:
    """An array of any type and a small or empty shape."""
    shape = tuple(int(s) for s in rng.integers(0, 5, int(rng.integers(0, 5))))
    kind = str(rng.choice(_DTYPES))
    if rng.random() < 0.08:
        return np.zeros(shape, dtype=[("a", "f4"), ("b", "i2", (2,))])
    numbers = rng.integers(-3, 90, shape)
    with np.errstate(all="ignore"):
        return np.asarray(numbers).astype(kind)


def damage_array(array: Any, rng: np.random.Generator) -> Any:
    """The array with another type, shape, order or content."""
    array = np.array(array)
    kind = rng.integers(9)
    with np.errstate(all="ignore"):
        try:
            if kind == 0:
                return array.astype(str(rng.choice(_DTYPES)))
            if kind == 1:
                return array[: int(rng.integers(0, len(array) + 1))] if array.ndim else array
            if kind == 2:
                return array[..., None] if rng.random() < 0.5 else array.reshape(-1)
            if kind == 3:
                return np.asfortranarray(array.T if rng.random() < 0.5 else array)
            if kind == 4:
                return np.concatenate([array, array]) if array.ndim else array
            if kind == 5 and array.ndim:
                return array[:, :0] if array.ndim > 1 else array[:0]
            if array.size:
                place = np.unravel_index(int(rng.integers(array.size)), array.shape)
                wide = array if array.dtype.kind not in "iub" else array.astype("f8")
                value = rng.choice([np.nan, np.inf, -np.inf, 1e300, -1.0, 2.0**40, 0.5, 1e9, 30522.0])
                wide[place] = value if wide.dtype.kind == "f" else str(rng.choice(STRINGS))
                return wide
        except (TypeError, ValueError, OverflowError):
            return array
    return array


def damage_tree(tree: dict[Any, Any], rng: np.random.Generator, arrays: bool = True) -> Any:
    """The tree with one to three fields dropped, renamed, doubled, replaced, damaged or made recursive."""
    for _ in range(int(rng.integers(1, 4))):
        holder: Any = tree
        while True:
            key = _choose(holder, rng)
            if key is None or not isinstance(holder[key], dict | list) or rng.random() < 0.4:
                break
            holder = holder[key]
        if key is None:
            continue
        kind = rng.integers(8)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            name = odd_value(rng, arrays=False)
            holder[name if isinstance(name, str | int | float | None) else "other"] = holder.pop(key)
        elif kind == 2 and isinstance(holder, dict):
            holder[str(key) + "2"] = holder[key]
        elif kind == 3 and rng.random() < 0.3 and arrays:
            holder[key] = tree  # contains itself
        elif kind <= 5 and isinstance(holder[key], np.ndarray):
            holder[key] = damage_array(holder[key], rng)
        else:
            holder[key] = odd_value(rng, arrays)
    return tree


def _choose(holder: Any, rng: np.random.Generator) -> Any:
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    return keys[int(rng.integers(len(keys)))] if keys else None
