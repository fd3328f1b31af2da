"""Identity of what a script, a notebook or an interactive session defines itself: by its text, or by its code."""

from __future__ import annotations

import hashlib
import inspect
import linecache
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType

from protocols.own_modules import identity, is_own, own_modules

#: Names of the module that Python was started with; worker processes import it under the second.
MAIN = ("__main__", "__mp_main__")
#: Values that count where code names them; others, such as data, do not.
_PLAIN = (bool, int, float, str, bytes, tuple, type(None))


def main_sha256(thing: type) -> str:
    """sha256 of what a class of the main module is made of; empty for a class of another module.

    A class of a script is known by the script and by the modules it imports, as if it were a plugin. One of a notebook
    is known by the cells that define it and what it uses, one of a session without cells by the code of all this.
    """
    if thing.__module__ not in MAIN:
        return ""
    main = sys.modules[thing.__module__]
    defined = {id(part): part for part in _parts(thing, vars(main))}
    codes = [code for part in defined.values() for code in _codes(part)]
    files = {code.co_filename for code in codes if code.co_filename != "<string>" and is_own(Path(code.co_filename))}
    script = Path(getattr(main, "__file__", None) or ".")
    if script.is_file() and (not files or script.resolve() in {Path(file).resolve() for file in files}):
        return _of_script(script.resolve())
    cells = sorted(text for text in ("".join(linecache.getlines(file)) for file in files) if text)
    if len(cells) == len(files) > 0:
        return hashlib.sha256("".join(cells).encode()).hexdigest()
    return hashlib.sha256("\n".join(sorted(map(_written, defined.values()))).encode()).hexdigest()


@cache
def _of_script(file: Path) -> str:
    """Identity of a script as it is when first asked, which is when its first study is planned."""
    return identity(file, own_modules(file, file.parent))


def _parts(thing: object, names: dict[str, object]) -> Iterator[object]:
    """Yield a class or function of the main module, and all such, and plain values, that its code names."""
    todo, seen = [thing], set[int]()
    while todo:
        part = todo.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, type):
            todo += part.__mro__
        if isinstance(part, (type, FunctionType)) and part.__module__ not in MAIN:
            continue
        yield part
        used = {name for code in _codes(part) for name in code.co_names if name in names}
        todo += [names[name] for name in sorted(used) if isinstance(names[name], (type, FunctionType, *_PLAIN))]


def _codes(part: object) -> Iterator[CodeType]:
    """Yield the code of a function, or of the methods of a class, with the functions inside."""
    inner: list[object]
    todo: list[object] = [part, *vars(part).values()] if isinstance(part, type) else [part]
    for item in todo:
        function = inspect.unwrap(getattr(item, "__func__", getattr(item, "fget", item)))  # type: ignore[arg-type]
        inner = [getattr(function, "__code__", None)] if getattr(function, "__module__", "") in MAIN else []
        while inner:
            code = inner.pop()
            if isinstance(code, CodeType):
                yield code
                inner += code.co_consts


def _written(part: object) -> str:
    """Write a part as text that is equal for equal code, wherever it stands."""
    plain = {k: v for k, v in vars(part).items() if isinstance(v, _PLAIN)} if isinstance(part, type) else {}
    plain = {k: v for k, v in plain.items() if k not in ("__module__", "__doc__", "__firstlineno__")}
    codes = [(code.co_code.hex(), code.co_names, code.co_varnames, _constants(code)) for code in _codes(part)]
    functions = [f for f in (part, *getattr(part, "__dict__", {}).values()) if isinstance(f, FunctionType)]
    given = [[v for v in function.__defaults__ or () if isinstance(v, _PLAIN)] for function in functions]
    return repr((getattr(part, "__qualname__", part), sorted(plain.items()), codes, given))


def _constants(code: CodeType) -> list[object]:
    """Return the constants of a code without those whose text differs from process to process."""
    constants = [sorted(map(repr, c)) if isinstance(c, frozenset) else c for c in code.co_consts]
    return [c for c in constants if not isinstance(c, CodeType)]
