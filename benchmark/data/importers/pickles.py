"""Pickles from strangers: arrays, strings, numbers and containers, nothing else.

A pickle is a program. To admit NumPy's own reconstruction functions is not enough: they let a file clear the flags of
the object dtype and so pass raw bytes off as pointers. Here every admitted name is answered by a function of this file,
and arrays are built by `numpy.frombuffer` from a type code, a shape and bytes whose number is checked. The reader is
the pure Python one: every opcode can be overridden, and a damaged number cannot make it fill the memory.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
import numpy.typing as npt

from protocols import InputError

_MOST_DIMENSIONS = 32


class _Refused(pickle.UnpicklingError):
    """The pickle asks for something that is not read, or describes an array that cannot be."""


class _TypeCode:
    """What `numpy.dtype(...)` becomes: type code and byte order, resolved when an array needs it."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise _Refused("has a dtype with a malformed state")
        self.order = state[1]

    def resolve(self) -> np.dtype[Any]:
        dtype = np.dtype(self.code)
        if dtype.kind not in "biufSUO" or dtype.fields is not None or dtype.subdtype is not None:
            raise _Refused(f"has an array of {self.code}; refused: only numbers and text are read")
        return dtype.newbyteorder(">" if self.order == ">" else "<") if self.order in "<>" else dtype


class _ArrayState:
    """What `numpy...._reconstruct(...)` becomes: an array once its state has been set."""

    __slots__ = ("array",)

    def __init__(self) -> None:
        self.array: npt.NDArray[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise _Refused("has an array with a malformed state")
        _, shape, code, fortran, raw = state
        self.array = _array(shape, code, "F" if fortran else "C", raw)


def _array(shape: Any, code: Any, order: str, raw: Any) -> npt.NDArray[Any]:
    if not isinstance(code, _TypeCode):
        raise _Refused("has an array without a dtype")
    if not isinstance(shape, tuple) or len(shape) > _MOST_DIMENSIONS or any(type(s) is not int or s < 0 for s in shape):
        raise _Refused("has an array without a shape")
    dtype, count = code.resolve(), math.prod(shape)
    if dtype.kind == "O":
        if not isinstance(raw, list) or len(raw) != count:
            raise _Refused(f"has an array of {count} objects without as many objects")
        objects: npt.NDArray[Any] = np.fromiter(raw, dtype=object, count=count)
        return objects.reshape(shape, order="F" if order == "F" else "C")
    if isinstance(raw, str):
        raw = raw.encode("latin-1")  # how Python 3 reads the bytes that Python 2 wrote
    if not isinstance(raw, bytes | bytearray) or len(raw) != count * dtype.itemsize:
        raise _Refused(f"has an array of shape {shape} and type {dtype} without as many bytes")
    if count and not dtype.itemsize:
        raise _Refused(f"has an array of shape {shape} whose entries have no size")
    if not count:
        return np.zeros(shape, dtype)
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if order == "F" else "C")


class _Marker:
    """Stands for a class that is only ever passed as an argument."""

    __slots__ = ()


def _dtype(code: Any, *_: Any) -> _TypeCode:
    if not isinstance(code, str) or len(code) > 16:
        raise _Refused("has a dtype that is no plain type code; refused: only numbers and text are read")
    return _TypeCode(code)


def _reconstruct(*_: Any) -> _ArrayState:
    return _ArrayState()


def _from_buffer(raw: Any, code: Any, shape: Any, order: Any) -> _ArrayState:
    state = _ArrayState()
    state.array = _array(shape, code, order, raw)
    return state


def _scalar(code: Any, raw: Any = b"") -> Any:
    return _array((1,), code, "C", raw)[0]


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    # protocol 2 has no bytes; they come as text with an encoding, and no other codec may be asked for
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _Refused("asks for a text encoding other than latin1; refused")
    return text.encode("latin-1")


def _bytes(kind: Callable[..., Any]) -> Callable[..., Any]:
    def build(*arguments: Any) -> Any:
        if any(isinstance(a, int) for a in arguments):
            raise _Refused("asks for bytes by number, not by content; refused")
        return kind(*arguments)

    return build


def _range(*arguments: Any) -> range:
    found = range(*arguments)
    if len(found) > 10**7:
        raise _Refused(f"has a range of {len(found)} numbers; refused: at most 10 million")
    return found


_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Marker(),
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    ("builtins", "bytes"): _bytes(bytes),
    ("builtins", "bytearray"): _bytes(bytearray),
    ("builtins", "range"): _range,
    ("builtins", "xrange"): _range,
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
    **{
        ("builtins", kind.__name__): kind
        for kind in (list, dict, tuple, set, frozenset, str, int, float, complex, bool, slice)
    },
}


class _BoundedFile:
    """A file that is never asked for more than it has left, so that a damaged size cannot fill the memory."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size

    def read(self, count: int) -> bytes:
        if count > self._size - self._file.tell():
            raise EOFError
        return self._file.read(count)

    def readline(self) -> bytes:
        return self._file.readline()


class _ArrayUnpickler(pickle._Unpickler):
    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str, /) -> Any:
        """Answer the names of arrays and plain containers; refuse every other by name."""
        try:
            return _ADMITTED["builtins" if module == "__builtin__" else module, name]
        except KeyError:
            raise _Refused(f"asks for {module}.{name}; refused: only arrays and builtins are read") from None

    def persistent_load(self, pid: Any) -> Any:
        """Refuse references to objects outside the pickle."""
        raise _Refused("asks for an object outside the file; refused: only arrays and builtins are read")

    def get_extension(self, code: int) -> None:
        """Refuse names given by number: one that was used before would not pass `find_class`."""
        raise _Refused(f"asks for extension {code}; refused: only arrays and builtins are read")

    def load_build(self) -> None:
        """Set the state of arrays and type codes; the general rule sets attributes of anything, functions included."""
        state = self.stack.pop()  # type: ignore[attr-defined]
        target = self.stack[-1]  # type: ignore[attr-defined]
        if not isinstance(target, _TypeCode | _ArrayState):
            raise _Refused(f"sets the state of a {type(target).__name__}; refused: only arrays and builtins are read")
        target.__setstate__(state)

    def load_byte_array(self) -> None:
        """Read first and allocate then; the general rule fills a buffer of whatever size the file names with zeros."""
        size = int.from_bytes(self.read(8), "little")  # type: ignore[attr-defined]
        self.append(bytearray(self.read(size)))  # type: ignore[attr-defined]

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.BYTEARRAY8[0]] = load_byte_array


def read_pickle(path: Path) -> Any:
    """The content of a pickle made of arrays and plain containers; arrays are read-only.

    Raises:
        InputError: when it asks for anything else (by name), is truncated, or is no pickle.
    """
    try:
        with path.open("rb") as file:
            bounded = _BoundedFile(file, path.stat().st_size)
            # latin1: so are the bytes of arrays read that Python 2 wrote
            return _plain(_ArrayUnpickler(bounded, encoding="latin1").load())
    except _Refused as error:
        raise InputError(f"{path}: the pickle {error}") from error
    except EOFError as error:
        raise InputError(f"{path}: the pickle ends too early; the file is truncated, fetch it again") from error
    except Exception as error:  # damaged bytes can make the reader raise anything
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
        if "truncated" in reason or "exhausted" in reason:
            raise InputError(f"{path}: the pickle ends too early; the file is truncated, fetch it again") from error
        raise InputError(f"{path}: not a readable pickle ({reason}); fetch the file again") from error


def _plain(value: Any) -> Any:
    """The same tree with arrays in place of their states."""
    if isinstance(value, _ArrayState):
        if value.array is None:
            raise _Refused("has an array without content")
        if value.array.dtype.kind == "O":
            items = (_plain(item) for item in value.array.ravel())
            return np.fromiter(items, dtype=object, count=value.array.size).reshape(value.array.shape)
        return value.array
    if type(value) is dict:
        return {key: _plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_plain(item) for item in value)
    if callable(value) or isinstance(value, _TypeCode | _Marker):
        raise _Refused("has a function or a type where data should be; refused: only arrays and builtins are read")
    return value
