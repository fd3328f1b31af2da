"""Finding things by name: mechanisms, protocols, training regimes, and, in the packages above, models and data sets.

A name is found in three places: what this project brings, the entry points of installed distributions (each names a
module that registers things when it is imported), and plugin files.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from protocols.errors import InputError, unknown_name

T = TypeVar("T")

#: Every registry of this process, for plugin files, which may register things of any kind.
_REGISTRIES: list[Registry[object]] = []
_PLUGIN = "sentibench_plugin_"
#: sha256 of every plugin file that was imported, by the name of its module.
_SOURCES: dict[str, str] = {}
#: What every plugin file registered, by the sha256 of its content.
_LOADED: dict[str, tuple[str, ...]] = {}


class Registry(Generic[T]):
    """Things of one kind by name.

    Args:
        kind: What they are called in messages, such as `model`.
        group: Entry points of installed distributions that name modules to import.
        built_in: Name -> module of this project that registers it, imported when the name is first asked for. They come
            first, in this order, whenever all are listed.
    """

    def __init__(self, kind: str, group: str, built_in: Mapping[str, str] | None = None) -> None:
        self.kind, self.group = kind, group
        self._built_in = dict(built_in or {})
        self._items: dict[str, T] = {}
        self._origins: dict[str, str] = {}
        _REGISTRIES.append(self)  # type: ignore[arg-type]

    def add(self, name: str, item: T, origin: str) -> None:
        """Register a thing.

        Args:
            name: Its name.
            item: The thing.
            origin: Where it is defined, `module.qualified_name`: the same place may register again.

        Raises:
            InputError: if the name is taken from elsewhere.
        """
        known = self._origins.get(name)
        if known is not None and known != origin:
            raise InputError(f"{self.kind} '{name}' is already registered by {known}; choose another name")
        self._items[name], self._origins[name] = item, origin

    def get(self, name: str, *, hint: str = "") -> T:
        """The thing called `name`; raises InputError with the nearest names."""
        if name not in self._items and name in self._built_in:
            importlib.import_module(self._built_in[name])
        if name not in self._items:
            broken = self._load_entry_points()
            if name not in self._items:
                known = {*self._built_in, *self._items}
                raise unknown_name(self.kind, name, known, hint=" ".join(filter(None, [hint, "; ".join(broken)])))
        return self._items[name]

    def __contains__(self, name: str) -> bool:
        if name in self._items or name in self._built_in:
            return True
        self._load_entry_points()
        return name in self._items

    def all(self) -> dict[str, T]:
        """Everything that can be found, by name: this project's first, in its order, then by name."""
        for module in dict.fromkeys(self._built_in.values()):
            importlib.import_module(module)
        for problem in self._load_entry_points():
            warnings.warn(problem, stacklevel=2)
        order = {name: i for i, name in enumerate(self._built_in)}
        return dict(sorted(self._items.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))

    def _installed(self) -> set[str]:
        """Packages of the modules that installed distributions name."""
        return {entry.module.partition(".")[0] for entry in importlib.metadata.entry_points(group=self.group)}

    def _load_entry_points(self) -> list[str]:
        """Import the modules that installed distributions name; what cannot be imported is returned, a line each."""
        broken = []
        for entry in importlib.metadata.entry_points(group=self.group):
            try:
                entry.load()
            except Exception as error:  # noqa: BLE001 - whatever a foreign module does on import must not hide the rest
                broken.append(f"(entry point {entry.name} = {entry.value} cannot be imported: {error})")
        return broken


def plugin_sha256(thing: type) -> str:
    """sha256 of the plugin file that a class was defined in; empty for all others, which have versions.

    What comes of a file that its author is still writing is filed by its content.
    """
    return _SOURCES.get(thing.__module__, "")


def origin_of(thing: Callable[..., object]) -> str:
    """Where a class or function is defined, as `Registry.add` wants it."""
    return f"{thing.__module__}.{thing.__qualname__}"


def load_plugin(path: str | Path) -> list[str]:
    """Import a Python file that registers models, mechanisms, protocols, training regimes or data sets.

    Returns:
        What it registered, as `model my-model`.

    Raises:
        InputError: if the file is missing, fails to import, or registers nothing.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise InputError(f"plugin {path}: no such file")
    # two files of one name are two plugins
    module_name = f"{_PLUGIN}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None or path.suffix != ".py":
        raise InputError(f"plugin {path}: not a Python file; give one that ends in .py")
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    if content in _LOADED:  # a copy is the same plugin
        return list(_LOADED[content])
    _SOURCES[module_name] = content
    before = {id(registry): dict(registry._items) for registry in _REGISTRIES}
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except InputError as error:
        raise InputError(f"plugin {path}: {error}") from error
    except Exception as error:
        raise InputError(f"plugin {path}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    new = list(_changed(before))
    if not new:
        raise InputError(
            f"plugin {path} registers nothing; decorate a model with @register, a mechanism with @register_mechanism, "
            "a protocol with @register_protocol"
        )
    _LOADED[content] = tuple(new)
    return new


def _changed(before: Mapping[int, Mapping[str, object]]) -> Iterable[str]:
    for registry in _REGISTRIES:
        known, installed = before.get(id(registry), {}), registry._installed()
        for name, item in registry._items.items():
            # what this project and installed distributions bring may have been imported on the way
            theirs = name in registry._built_in or registry._origins[name].partition(".")[0] in installed
            if known.get(name) is not item and not theirs:
                yield f"{registry.kind} {name}"
