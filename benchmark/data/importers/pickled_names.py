"""Replacements of the names that a pickle may ask for: arrays, bytes, containers and numbers.

Allowing only NumPy's reconstruction functions would not be safe: they let a file clear the flags of the object dtype
and so pass raw bytes as pointers. Here arrays are built by `numpy.frombuffer` from a type code, a shape and bytes
whose number is checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.data.importers.blocks import Source, StreamedArray
from benchmark.data.importers.budget import NUMBER, POINTER, Budget, Refused
from benchmark.data.importers.mapped import LatinText, MappedFile

_MOST_DIMENSIONS = 32


class TypeCode:
    """Replacement of `numpy.dtype(...)`: type code and byte order, resolved when an array needs it."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise Refused("has a dtype with a malformed state")
        self.order = state[1]

    def resolve(self) -> np.dtype[Any]:
        """Return the dtype; raises Refused for anything but numbers, text and objects."""
        dtype = np.dtype(self.code)
        if dtype.kind not in "biufSUO" or dtype.fields is not None or dtype.subdtype is not None:
            raise Refused(f"has an array of {self.code}; refused: only numbers and text are read")
        return dtype.newbyteorder(">" if self.order == ">" else "<") if self.order in "<>" else dtype


class ArrayState:
    """Replacement of `numpy...._reconstruct(...)`: an array once its state has been set."""

    __slots__ = ("array",)

    def __init__(self) -> None:
        self.array: Source | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise Refused("has an array with a malformed state")
        _, shape, code, fortran, raw = state
        self.array = _array(shape, code, "F" if fortran else "C", raw)


class Held:
    """Large bytes or text that are kept in the file.

    Args:
        file: File that holds them.
        view: Their bytes in the file.
        kind: `bytes`; `latin1`: bytes written as text by Python 2; `utf8`: text; `encoded`: UTF-8 text that encodes
            bytes by Latin-1.
    """

    __slots__ = ("_size", "_value", "file", "kind", "view")

    def __init__(self, file: MappedFile, view: memoryview, kind: str) -> None:
        self.file, self.view, self.kind = file, view, kind
        self._value: Any = None
        self._size: int | None = None

    @property
    def size(self) -> int:
        """Number of encoded bytes."""
        if self._size is None:
            self._size = LatinText(self.view).size() if self.kind in ("utf8", "encoded") else len(self.view)
        return self._size

    @property
    def value(self) -> bytes | str:
        """Return the object, made once."""
        if self._value is None:
            if self.kind == "bytes":
                self._value = bytes(self.view)
            elif self.kind == "latin1":
                self._value = str(self.view, "latin-1")
            else:
                text = str(self.view, "utf-8", "surrogatepass")
                self._value = text.encode("latin-1") if self.kind == "encoded" else text
        return self._value  # type: ignore[no-any-return]

    def encoded(self) -> Held:
        """Return these characters as the bytes of their Latin-1 encoding; the text is unchanged."""
        return Held(self.file, self.view, "encoded")

    def array(self, dtype: np.dtype[Any], shape: tuple[int, ...], order: str) -> Source:
        """Return the array of these bytes, whose number has been checked."""
        if self.kind in ("bytes", "latin1"):
            return np.frombuffer(self.view, dtype).reshape(shape, order="F" if order == "F" else "C")
        where = f"{self.file.path}: an array of shape {shape}"
        inner = (math.prod(shape),) if order == "F" else shape
        streamed = StreamedArray(where, inner, dtype, lambda: nullcontext(LatinText(self.view)))
        return np.asarray(streamed).reshape(shape, order="F") if order == "F" else streamed


def _array(shape: Any, code: Any, order: str, raw: Any) -> Source:
    if not isinstance(code, TypeCode):
        raise Refused("has an array without a dtype")
    if not isinstance(shape, tuple) or len(shape) > _MOST_DIMENSIONS or any(type(s) is not int or s < 0 for s in shape):
        raise Refused("has an array without a shape")
    dtype, count = code.resolve(), math.prod(shape)
    if dtype.kind == "O":
        if not isinstance(raw, list) or len(raw) != count:
            raise Refused(f"has an array of {count} objects without as many objects")
        objects: npt.NDArray[Any] = np.fromiter(raw, dtype=object, count=count)
        return objects.reshape(shape, order="F" if order == "F" else "C")
    if isinstance(raw, str):
        raw = raw.encode("latin-1")  # how Python 3 reads the bytes that Python 2 wrote
    held = raw.size if isinstance(raw, Held) else len(raw) if isinstance(raw, bytes | bytearray) else -1
    if held != count * dtype.itemsize:
        actual = f"{held} bytes" if held >= 0 else "no bytes"
        raise Refused(f"has an array of shape {shape} and type {dtype} without as many bytes; found {actual}")
    if count and not dtype.itemsize:
        raise Refused(f"has an array of shape {shape} whose entries have no size")
    if not count:
        return np.zeros(shape, dtype)
    if isinstance(raw, Held):
        return raw.array(dtype, shape, order)
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if order == "F" else "C")


class Marker:
    """Replacement of a class that is only passed as an argument."""

    __slots__ = ()


def _dtype(_: Budget, code: Any, *__: Any) -> TypeCode:
    if not isinstance(code, str) or len(code) > 16:
        raise Refused("has a dtype that is not a plain type code; refused: only numbers and text are read")
    return TypeCode(code)


def _reconstruct(*_: Any) -> ArrayState:
    return ArrayState()


def _from_buffer(_: Budget, raw: Any, code: Any, shape: Any, order: Any) -> ArrayState:
    state = ArrayState()
    state.array = _array(shape, code, order, raw)
    return state


def _scalar(_: Budget, code: Any, raw: Any = b"") -> Any:
    return np.asarray(_array((1,), code, "C", raw.value if isinstance(raw, Held) else raw))[0]


def _encode(budget: Budget, text: Any, encoding: Any = "latin1") -> bytes | Held:
    # protocol 2 has no bytes; they come as text with an encoding, and no other codec may be asked for
    if not isinstance(text, Held | str) or encoding not in ("latin1", "latin-1"):
        raise Refused("asks for a text encoding other than latin1; refused")
    if isinstance(text, Held) and text.kind == "utf8":
        budget.spend(text.size)
        return text.encoded()
    plain = str(text.value if isinstance(text, Held) else text)
    budget.spend_on(plain)
    return plain.encode("latin-1")


def _bytes(kind: Callable[..., Any], budget: Budget, *arguments: Any) -> Any:
    given = [a.value if isinstance(a, Held) else a for a in arguments]
    if any(isinstance(a, int) for a in given):
        raise Refused("asks for bytes by number, not by content; refused")
    for one in given:
        budget.spend(len(one))
    return kind(*given)


def _range(_: Budget, *arguments: Any) -> range:
    numbers = range(*arguments)
    if len(numbers) > 10**7:
        raise Refused(f"has a range of {len(numbers)} numbers; refused: at most 10 million")
    return numbers


def _container(kind: type, budget: Budget, *content: Any) -> Any:
    for one in content:
        if kind is dict and type(one) is not dict:
            raise Refused("makes a dict of other values; refused: only arrays and builtins are read")
        budget.spend(len(one) * (NUMBER if isinstance(one, range) else POINTER))
        if kind in (set, frozenset):
            for key in one:
                budget.key(key)
    return kind(*content)


def _plain(kind: Callable[..., Any], _: Budget, *arguments: Any) -> Any:
    if not all(isinstance(a, str | int | float | complex | None) for a in arguments):
        raise Refused("makes a number or text of other values; refused: only arrays and builtins are read")
    return kind(*arguments)


#: Allowed name -> a marker, or a function of the budget and the arguments in the file.
ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): Marker(),
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    ("builtins", "bytes"): partial(_bytes, bytes),
    ("builtins", "bytearray"): partial(_bytes, bytearray),
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
    **{("builtins", kind.__name__): partial(_container, kind) for kind in (list, dict, tuple, set, frozenset)},
    **{("builtins", kind.__name__): partial(_plain, kind) for kind in (str, int, float, complex, bool, slice)},
}
