"""Safe reader of untrusted pickles: arrays, strings, numbers and containers only.

A pickle is a program. Allowing only NumPy's reconstruction functions would not be safe: they let a file clear the flags
of the object dtype and so pass raw bytes as pointers. Here every allowed name is replaced by a function of this file,
and arrays are built by `numpy.frombuffer` from a type code, a shape and bytes whose number is checked. The reader is
the pure Python one: every opcode can be overridden, and a damaged number cannot make it fill the memory.

The file is mapped, and large arrays are not copied out of it. Protocols 3 to 5, and files that Python 2 wrote, hold
the bytes of an array as they are: such an array is a view of the map. Python 3 writes them under protocol 2 as Latin-1
text in UTF-8: such an array is decoded piece by piece when it is read. Protocols 0 and 1 hold escaped text, which is
copied; no published feature file uses them.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from benchmark.data.importers.blocks import Source, StreamedArray
from benchmark.data.importers.mapped import LatinText, MappedFile, TooShort
from protocols import InputError

#: Advice for files with tensors.
TENSORS = "turn each into an array with .numpy() and write the file again with pickle.dump"
_MOST_DIMENSIONS = 32
#: Size from which bytes and text stay in the file until they are needed.
_LARGE = 1 << 16


class _Refused(pickle.UnpicklingError):
    """Error for a pickle that asks for a refused object or describes an impossible array."""


class _TypeCode:
    """Replacement of `numpy.dtype(...)`: type code and byte order, resolved when an array needs it."""

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
    """Replacement of `numpy...._reconstruct(...)`: an array once its state has been set."""

    __slots__ = ("array",)

    def __init__(self) -> None:
        self.array: Source | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise _Refused("has an array with a malformed state")
        _, shape, code, fortran, raw = state
        self.array = _array(shape, code, "F" if fortran else "C", raw)


class _Held:
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

    def encoded(self) -> _Held:
        """Return these characters as the bytes of their Latin-1 encoding; the text is unchanged."""
        return _Held(self.file, self.view, "encoded")

    def array(self, dtype: np.dtype[Any], shape: tuple[int, ...], order: str) -> Source:
        """Return the array of these bytes, whose number has been checked."""
        if self.kind in ("bytes", "latin1"):
            return np.frombuffer(self.view, dtype).reshape(shape, order="F" if order == "F" else "C")
        where = f"{self.file.path}: an array of shape {shape}"
        inner = (math.prod(shape),) if order == "F" else shape
        streamed = StreamedArray(where, inner, dtype, lambda: nullcontext(LatinText(self.view)))
        return np.asarray(streamed).reshape(shape, order="F") if order == "F" else streamed


def _array(shape: Any, code: Any, order: str, raw: Any) -> Source:
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
    held = raw.size if isinstance(raw, _Held) else len(raw) if isinstance(raw, bytes | bytearray) else -1
    if held != count * dtype.itemsize:
        actual = f"{held} bytes" if held >= 0 else "no bytes"
        raise _Refused(f"has an array of shape {shape} and type {dtype} without as many bytes; found {actual}")
    if count and not dtype.itemsize:
        raise _Refused(f"has an array of shape {shape} whose entries have no size")
    if not count:
        return np.zeros(shape, dtype)
    if isinstance(raw, _Held):
        return raw.array(dtype, shape, order)
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if order == "F" else "C")


class _Marker:
    """Replacement of a class that is only passed as an argument."""

    __slots__ = ()


def _dtype(code: Any, *_: Any) -> _TypeCode:
    if not isinstance(code, str) or len(code) > 16:
        raise _Refused("has a dtype that is not a plain type code; refused: only numbers and text are read")
    return _TypeCode(code)


def _reconstruct(*_: Any) -> _ArrayState:
    return _ArrayState()


def _from_buffer(raw: Any, code: Any, shape: Any, order: Any) -> _ArrayState:
    state = _ArrayState()
    state.array = _array(shape, code, order, raw)
    return state


def _scalar(code: Any, raw: Any = b"") -> Any:
    return np.asarray(_array((1,), code, "C", raw.value if isinstance(raw, _Held) else raw))[0]


def _encode(text: Any, encoding: Any = "latin1") -> bytes | _Held:
    # protocol 2 has no bytes; they come as text with an encoding, and no other codec may be asked for
    if isinstance(text, _Held) and text.kind == "utf8" and encoding in ("latin1", "latin-1"):
        return text.encoded()
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _Refused("asks for a text encoding other than latin1; refused")
    return text.encode("latin-1")


def _bytes(kind: Callable[..., Any]) -> Callable[..., Any]:
    def build(*arguments: Any) -> Any:
        if any(isinstance(a, int) for a in arguments):
            raise _Refused("asks for bytes by number, not by content; refused")
        return kind(*(a.value if isinstance(a, _Held) else a for a in arguments))

    return build


def _range(*arguments: Any) -> range:
    numbers = range(*arguments)
    if len(numbers) > 10**7:
        raise _Refused(f"has a range of {len(numbers)} numbers; refused: at most 10 million")
    return numbers


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


class _ArrayUnpickler(pickle._Unpickler):
    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, file: MappedFile) -> None:
        super().__init__(file, encoding="latin1")
        self.file = file

    def find_class(self, module: str, name: str, /) -> Any:
        """Return the replacement for the name of an array or plain container; refuse any other name."""
        try:
            return _ADMITTED["builtins" if module == "__builtin__" else module, name]
        except KeyError:
            if module.partition(".")[0] == "torch":
                raise _Refused(f"holds PyTorch tensors ({module}.{name}), which are not read; {TENSORS}") from None
            raise _Refused(f"asks for {module}.{name}; refused: only arrays and builtins are read") from None

    def persistent_load(self, pid: Any) -> Any:
        """Refuse references to objects outside the pickle."""
        raise _Refused("asks for an object outside the file; refused: only arrays and builtins are read")

    def get_extension(self, code: int) -> None:
        """Refuse names given by number, since a name in the cache would bypass `find_class`."""
        raise _Refused(f"asks for extension {code}; refused: only arrays and builtins are read")

    def load_build(self) -> None:
        """Set the state of arrays and type codes only; the base class sets attributes of any object."""
        state = self.stack.pop()  # type: ignore[attr-defined]
        target = self.stack[-1]  # type: ignore[attr-defined]
        if not isinstance(target, _TypeCode | _ArrayState):
            raise _Refused(f"sets the state of a {type(target).__name__}; refused: only arrays and builtins are read")
        target.__setstate__(state)

    def load_frame(self) -> None:
        """Skip frames: they only help readers of pipes, and copying them would copy the arrays within."""
        size = int.from_bytes(self.file.read(8), "little")
        self.file.need(size)

    def load_byte_array(self) -> None:
        """Read, then allocate; the base class first allocates a buffer of the size that the file names."""
        size = int.from_bytes(self.file.read(8), "little")
        self._push(size, "bytes", bytearray)

    def _push(self, size: int, kind: str, small: Callable[[bytes], Any]) -> None:
        if size < _LARGE:
            self.append(small(self.file.read(size)))  # type: ignore[attr-defined]
        else:
            self.append(_Held(self.file, self.file.view(size), kind))  # type: ignore[attr-defined]

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.FRAME[0]] = load_frame
    dispatch[pickle.BYTEARRAY8[0]] = load_byte_array


def _loader(count: int, kind: str, small: Callable[[bytes], Any]) -> Callable[[_ArrayUnpickler], None]:
    """Make the reader of an opcode that is followed by a length of `count` bytes and by content of that length."""

    def load(self: _ArrayUnpickler) -> None:
        size = int.from_bytes(self.file.read(count), "little")
        self._push(size, kind, small)

    return load


def _utf8(content: bytes) -> str:
    return str(content, "utf-8", "surrogatepass")


_ArrayUnpickler.dispatch |= {
    pickle.BINBYTES[0]: _loader(4, "bytes", bytes),
    pickle.BINBYTES8[0]: _loader(8, "bytes", bytes),
    pickle.BINSTRING[0]: _loader(4, "latin1", lambda content: content.decode("latin-1")),
    pickle.BINUNICODE[0]: _loader(4, "utf8", _utf8),
    pickle.BINUNICODE8[0]: _loader(8, "utf8", _utf8),
}


def read_pickle(path: Path) -> Any:
    """Read a pickle of arrays and plain containers.

    Arrays are read-only. Large ones are views of the file, which must not change while they are in use, or, under
    protocol 2, a `StreamedArray` (`numpy.asarray` converts it).

    Raises:
        InputError: If it asks for anything else (by name), is truncated, or is not a pickle.
    """
    try:
        file = MappedFile(path)
        return _Plain(most=path.stat().st_size).of(_ArrayUnpickler(file).load())
    except InputError:
        raise
    except _Refused as error:
        raise InputError(f"{path}: the pickle {error}") from error
    except TooShort as error:
        raise InputError(f"{path}: the pickle ends too early: {error}; it is truncated, download it again") from error
    except EOFError as error:
        raise InputError(f"{path}: the pickle ends too early; it is truncated, download it again") from error
    except Exception as error:  # damaged bytes can make the reader raise any error
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
        raise InputError(f"{path}: not a readable pickle ({reason}); download it again") from error


class _Plain:
    """Converter of a tree that replaces states by arrays.

    Args:
        most: Largest number of visited nodes. A pickle may refer to one list many times, in lists that it again refers
            to many times, so that few bytes make a huge tree; a regular file has fewer nodes than bytes.
    """

    def __init__(self, most: int) -> None:
        self._left = most

    def of(self, value: Any) -> Any:
        """Convert the tree below `value`."""
        self._left -= 1
        if self._left < 0:
            raise _Refused("repeats its parts without end; refused: it holds more values than bytes")
        if isinstance(value, _ArrayState):
            if value.array is None:
                raise _Refused("has an array without content")
            if isinstance(value.array, np.ndarray) and value.array.dtype.kind == "O":
                items = (self.of(item) for item in value.array.ravel())
                return np.fromiter(items, dtype=object, count=value.array.size).reshape(value.array.shape)
            return value.array
        if isinstance(value, _Held):
            return value.value
        if type(value) is dict:
            return {self.of(key): self.of(item) for key, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self.of(item) for item in value)
        if callable(value) or isinstance(value, _TypeCode | _Marker):
            raise _Refused("has a function or a type where data should be; refused: only arrays and builtins are read")
        return value
