"""Own modules of a plugin file: those it imports outside any distribution; their content is part of its identity.

Own modules are found in the text, without running it: every `import` statement of the file, of the modules that it
names and so on, including those inside functions. A module is looked for in the folder of the plugin first, then
on `sys.path`. It is the plugin's own unless it belongs to Python, to this suite or to an installed distribution.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

#: Packages of this suite; they are versioned, even when they are imported from a checkout.
_SUITE = frozenset({"protocols", "baselines", "senti_ifusion", "benchmark", "sentibench"})


def own_modules(file: Path, folder: Path, package: str = "") -> dict[str, Path]:
    """Name -> file of every own module that a Python file imports, directly or through others; not the file itself.

    A package counts with its `__init__.py`, and with those of its modules that are imported by name. A file that cannot
    be parsed imports nothing: it fails when it is loaded.

    `package` is that of the file, empty for none.
    """
    modules: dict[str, Path] = {}
    todo = list(_imported(file, package))
    while todo:
        name = todo.pop()
        if name in modules or name.partition(".")[0] in _SUITE | sys.stdlib_module_names:
            continue
        spec = _locate(name, folder)
        if spec is None or not spec.origin or not spec.has_location or not is_own(Path(spec.origin)):
            continue
        modules[name] = Path(spec.origin).resolve()
        todo += _imported(modules[name], package_of(name, modules[name]))
    return dict(sorted(modules.items()))


def package_of(name: str, file: Path) -> str:
    """The package that relative imports of a module start from."""
    return name if file.stem == "__init__" else name.rpartition(".")[0]


def identity(file: Path, modules: Mapping[str, Path]) -> str:
    """sha256 of a plugin file and its own modules, by content and name; without own modules, that of the file."""
    content = file_sha256(file)
    if not modules:
        return content
    digest = hashlib.sha256(f"plugin of modules 1\n{content}\n".encode())
    for name, path in sorted(modules.items()):
        digest.update(f"{name} {file_sha256(path)}\n".encode())
    return digest.hexdigest()


def is_own(file: Path) -> bool:
    """Return True for a file that belongs neither to Python nor to an installed distribution.

    Distributions lie in folders of known names, including those that a cluster adds to the path. A distribution in
    editable mode lies elsewhere; its files count as its author's own.
    """
    places = {file, file.resolve()}
    installed = any(part in ("site-packages", "dist-packages") for place in places for part in place.parts)
    return not installed and not any(place.is_relative_to(folder) for place in places for folder in _python())


def is_loose(name: str, file: Path) -> bool:
    """Return True for a module that belongs neither to Python, nor to this suite, nor to an installed distribution."""
    return name.partition(".")[0] not in _SUITE | sys.stdlib_module_names and is_own(file)


def file_of(name: str) -> Path | None:
    """The file that a module of this process was imported from; None if it is missing or has no source file."""
    spec = getattr(sys.modules.get(name), "__spec__", None)  # `__file__` may say anything
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def imported_since(before: Iterable[str]) -> dict[str, Path]:
    """Name -> file of the modules of this process that no distribution versions and that were not in `before`."""
    modules = {}
    for name in sys.modules.keys() - set(before):
        file = file_of(name)
        if file and is_loose(name, file):
            modules[name] = file.resolve()
    return dict(sorted(modules.items()))


def _imported(file: Path, package: str) -> Iterator[str]:
    """Names that may be modules in the import statements of a file of `package`."""
    if file.suffix != ".py":
        return
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                base = ".".join(filter(None, [*parents[: len(parents) - node.level + 1], base]))
            if base:
                yield from _with_parents(base)
                yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:k]) for k in range(1, len(parts) + 1))


def _locate(name: str, folder: Path) -> ModuleSpec | None:
    """Find the spec of a module without importing anything; None if no module has that name."""
    places: list[str] | None = [str(folder), *sys.path]
    spec: ModuleSpec | None = None
    for part in _with_parents(name):
        spec = PathFinder.find_spec(part, places)
        if spec is None and "." not in part:
            spec = _known_to_finders(part)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    return spec


def _known_to_finders(name: str) -> ModuleSpec | None:
    """A module that only a finder of `sys.meta_path` knows, such as that of an editable installation."""
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):  # ValueError: a module created by code has no spec
        return None


@cache
def _python() -> frozenset[Path]:
    """Folders of Python's standard library."""
    folders = [Path(sysconfig.get_paths()[key]) for key in ("stdlib", "platstdlib")]
    return frozenset({*folders, *(folder.resolve() for folder in folders)})


def file_sha256(file: Path) -> str:
    """sha256 of a file's content."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
