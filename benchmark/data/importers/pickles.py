"""Safe reader of untrusted pickles: arrays, strings, numbers and containers only.

A pickle is a program. Here every allowed name is replaced by a function of `pickled_names`, and memory and work are
limited by the size of the file (`budget`). The reader is the pure Python one: every opcode can be overridden, and a
damaged number cannot make it fill the memory.

The file is mapped, and large arrays are not copied out of it. Protocols 3 to 5, and files that Python 2 wrote, hold
the bytes of an array as they are: such an array is a view of the map. Python 3 writes them under protocol 2 as Latin-1
text in UTF-8: such an array is decoded piece by piece when it is read. Protocols 0 and 1 hold escaped text, which is
copied; no published feature file uses them.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmark.data.importers.budget import POINTER, Budget, Refused
from benchmark.data.importers.mapped import MappedFile, TooShort
from benchmark.data.importers.pickled_names import ADMITTED, ArrayState, Held, Marker, TypeCode
from protocols import InputError

#: Advice for files with tensors.
TENSORS = "turn each into an array with .numpy() and write the file again with pickle.dump"
#: Size from which bytes and text stay in the file until they are needed.
_LARGE = 1 << 16


class _ArrayUnpickler(pickle._Unpickler):
    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, file: MappedFile, budget: Budget) -> None:
        super().__init__(file, encoding="latin1")
        self.file = file
        self.budget = budget

    def find_class(self, module: str, name: str, /) -> Any:
        """Return the replacement for the name of an array or plain container; refuse any other name."""
        try:
            admitted = ADMITTED["builtins" if module == "__builtin__" else module, name]
            return partial(admitted, self.budget) if callable(admitted) else admitted
        except KeyError:
            if module.partition(".")[0] == "torch":
                raise Refused(f"holds PyTorch tensors ({module}.{name}), which are not read; {TENSORS}") from None
            raise Refused(f"asks for {module}.{name}; refused: only arrays and builtins are read") from None

    def persistent_load(self, pid: Any) -> Any:
        """Refuse references to objects outside the pickle."""
        raise Refused("asks for an object outside the file; refused: only arrays and builtins are read")

    def get_extension(self, code: int) -> None:
        """Refuse names given by number, since a name in the cache would bypass `find_class`."""
        raise Refused(f"asks for extension {code}; refused: only arrays and builtins are read")

    def load_build(self) -> None:
        """Set the state of arrays and type codes only; the base class sets attributes of any object."""
        state = self.stack.pop()  # type: ignore[attr-defined]
        target = self.stack[-1]  # type: ignore[attr-defined]
        if not isinstance(target, TypeCode | ArrayState):
            kind = "function" if callable(target) else type(target).__name__
            raise Refused(f"sets the state of a {kind}; refused: only arrays and builtins are read")
        target.__setstate__(state)

    def load_dict(self) -> None:
        """Check keys before a dict is made of them."""
        self._check_keys(self.stack[::2])  # type: ignore[attr-defined]
        super().load_dict()  # type: ignore[misc]

    def load_setitem(self) -> None:
        """Check a key before it enters a dict."""
        self._check_keys([self.stack[-2]])  # type: ignore[attr-defined]
        super().load_setitem()  # type: ignore[misc]

    def load_setitems(self) -> None:
        """Check keys before they enter a dict."""
        self._check_keys(self.stack[::2])  # type: ignore[attr-defined]
        super().load_setitems()  # type: ignore[misc]

    def load_additems(self) -> None:
        """Check values before they enter a set."""
        self._check_keys(self.stack)  # type: ignore[attr-defined]
        super().load_additems()  # type: ignore[misc]

    def load_frozenset(self) -> None:
        """Check values before they enter a frozen set."""
        self._check_keys(self.stack)  # type: ignore[attr-defined]
        super().load_frozenset()  # type: ignore[misc]

    def _check_keys(self, keys: list[Any]) -> None:
        for key in keys:
            self.budget.key(key.value if isinstance(key, Held) else key)

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
            self.append(Held(self.file, self.file.view(size), kind))  # type: ignore[attr-defined]

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.DICT[0]] = load_dict
    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.ADDITEMS[0]] = load_additems
    dispatch[pickle.FROZENSET[0]] = load_frozenset
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
        budget = Budget(file.size)
        return _Plain(budget).of(_ArrayUnpickler(file, budget).load())
    except InputError:
        raise
    except Refused as error:
        raise InputError(f"{path}: the pickle {error}") from error
    except TooShort as error:
        raise InputError(f"{path}: the pickle ends too early: {error}; it is truncated, download it again") from error
    except EOFError as error:
        raise InputError(f"{path}: the pickle ends too early; it is truncated, download it again") from error
    except RecursionError as error:
        raise InputError(f"{path}: the pickle nests or repeats its parts without end; refused") from error
    except Exception as error:  # damaged bytes can make the reader raise any error
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
        raise InputError(f"{path}: not a readable pickle ({reason}); download it again") from error


class _Plain:
    """Converter of a tree that replaces states by arrays.

    Args:
        budget: Budget that every visit of a value is taken off: a pickle may refer to one list many times, in lists
            that it again refers to many times.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def of(self, value: Any) -> Any:
        """Convert the tree below `value`."""
        if isinstance(value, Held):
            self._budget.spend(POINTER + value.size)
        else:
            self._budget.spend_on(value.array if isinstance(value, ArrayState) else value)
        if isinstance(value, ArrayState):
            if value.array is None:
                raise Refused("has an array without content")
            if isinstance(value.array, np.ndarray) and value.array.dtype.kind == "O":
                items = (self.of(item) for item in value.array.ravel())
                return np.fromiter(items, dtype=object, count=value.array.size).reshape(value.array.shape)
            return value.array
        if isinstance(value, Held):
            return value.value
        if type(value) is dict:
            return {self.of(key): self.of(item) for key, item in value.items()}
        if type(value) in (list, tuple, set, frozenset):
            return type(value)(self.of(item) for item in value)
        if callable(value) or isinstance(value, TypeCode | Marker):
            raise Refused("has a function or a type where data should be; refused: only arrays and builtins are read")
        return value
