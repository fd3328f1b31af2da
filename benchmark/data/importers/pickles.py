"""Pickles from strangers: arrays, strings, numbers and containers, nothing else.

A pickle can ask for any function to be called. This unpickler resolves only the few names that NumPy's arrays are made
with; a pickle that asks for anything more is refused by that name, before it is called.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from protocols import InputError

_BUILTINS = {
    "list",
    "dict",
    "tuple",
    "set",
    "frozenset",
    "str",
    "bytes",
    "bytearray",
    "int",
    "float",
    "complex",
    "bool",
}
_NUMPY_MODULES = {
    "numpy",
    "numpy.core.multiarray",
    "numpy._core.multiarray",
    "numpy.core.numeric",
    "numpy._core.numeric",
}
_NUMPY_NAMES = {"ndarray", "dtype", "_reconstruct", "scalar", "_frombuffer"}


class _Refused(pickle.UnpicklingError):
    """The pickle asks for something that is not read."""


def _encode(text: str, encoding: str) -> bytes:
    """Stands for `_codecs.encode`, which old pickles use for raw bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise _Refused("asks for a text encoding other than latin1; refused")
    return text.encode("latin1")


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Resolve the names of arrays and plain containers; refuse every other by name."""
        if module in {"builtins", "__builtin__"} and name in _BUILTINS:
            return {"list": list, "dict": dict, "tuple": tuple, "set": set, "frozenset": frozenset, "str": str,
                    "bytes": bytes, "bytearray": bytearray, "int": int, "float": float, "complex": complex,
                    "bool": bool}[name]  # fmt: skip
        if module == "_codecs" and name == "encode":
            return _encode
        if module in _NUMPY_MODULES and name in _NUMPY_NAMES:
            return _numpy_name(name)
        raise _Refused(f"asks for {module}.{name}; refused: only arrays, strings, numbers and containers are read")

    def persistent_load(self, pid: Any) -> Any:
        """Refuse references to objects outside the pickle."""
        raise _Refused("asks for an object outside the file; refused")


def _numpy_name(name: str) -> Any:
    if name == "ndarray":
        return np.ndarray
    if name == "dtype":
        return np.dtype
    from numpy._core import multiarray, numeric

    return getattr(numeric if name == "_frombuffer" else multiarray, name)


def read_pickle(path: Path) -> Any:
    """The content of a pickle made of arrays and plain containers.

    Raises:
        InputError: when it asks for anything else (by name), is truncated, or is no pickle.
    """
    try:
        with path.open("rb") as file:
            return _ArrayUnpickler(file, encoding="latin1").load()
    except _Refused as error:
        raise InputError(f"{path}: the pickle {error}") from error
    except EOFError as error:
        raise InputError(f"{path}: the pickle ends too early; the file is truncated, fetch it again") from error
    except Exception as error:  # a crafted pickle can make NumPy raise anything
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        if "truncated" in reason or "ran out" in reason:
            raise InputError(f"{path}: the pickle ends too early; the file is truncated, fetch it again") from error
        raise InputError(f"{path}: not a readable pickle ({reason}); fetch the file again") from error
