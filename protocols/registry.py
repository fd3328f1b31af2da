"""Registries by name: mechanisms, protocols, training regimes, and, in the packages above, models and data sets.

A name comes from one of three places: this project, the entry points of installed distributions (each names a module
that registers items when it is imported), and plugin files.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Generic, TypeVar

from protocols.errors import InputError, unknown_name
from protocols.main_module import MAIN, main_sha256
from protocols.own_modules import file_of, file_sha256, identity, imported_since, is_loose, own_modules, package_of

T = TypeVar("T")
D = TypeVar("D", bound=Callable[..., object])

#: Every registry of this process, for plugin files, which may register items of any kind.
_REGISTRIES: list[Registry[object]] = []
_PLUGIN = "sentibench_plugin_"
_LONGEST_NAME = 80
#: Identity of every plugin file that was imported and of its own modules, by the name of the module.
_SOURCES: dict[str, str] = {}
#: Registered names of every plugin file, by its identity.
_LOADED: dict[str, tuple[str, ...]] = {}
#: Own modules of plugins, by name.
_OWN: dict[str, _OwnModule] = {}
#: Modules that plugins imported while they ran and that belong to no identity: name -> file.
_STRAYS: dict[str, Path] = {}


@dataclass(frozen=True)
class _OwnModule:
    """A module beside a plugin, as it was when the plugin was loaded.

    Attributes:
        file: Path of the module.
        sha256: Hash of its content.
        imported: True if the plugin had imported it by then; False if a function imports it later.
    """

    file: Path
    sha256: str
    imported: bool


class Registry(Generic[T]):
    """Items of one kind by name.

    Args:
        kind: Name of the kind in messages, such as `model`.
        group: Entry points of installed distributions that name modules to import.
        built_in: Name -> module of this project that registers it, imported when the name is first used. These come
            first, in this order, whenever all are listed.
    """

    def __init__(self, kind: str, group: str, built_in: Mapping[str, str] | None = None) -> None:
        self.kind, self.group = kind, group
        self._built_in = dict(built_in or {})
        self._items: dict[str, T] = {}
        self._origins: dict[str, str] = {}
        _REGISTRIES.append(self)  # type: ignore[arg-type]

    def add(self, name: str, item: T, origin: str) -> None:
        """Register an item.

        Args:
            name: Name of the item.
            item: The registered item.
            origin: Place of its definition, `module.qualified_name`; the same place may register again.

        Raises:
            InputError: If the name was registered from another place, or is not a printable text of 1 to 80 characters.
        """
        if not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
            raise InputError(f"{self.kind} {name[:80]!r}: expected a name of 1 to {_LONGEST_NAME} printable characters")
        known = self._origins.get(name)
        if known is not None and known != origin:
            raise InputError(f"{self.kind} '{name}' is already registered by {known}; choose another name")
        self._items[name], self._origins[name] = item, origin

    def decorator(self, name: str, item_of: Callable[[D], T]) -> Callable[[D], D]:
        """Return a decorator that registers, under `name`, what `item_of` makes of a function or class."""

        def decorate(defined: D) -> D:
            self.add(name, item_of(defined), origin_of(defined))
            return defined

        return decorate

    def get(self, name: str, *, hint: str = "") -> T:
        """Return the item called `name`; raises InputError with the nearest names for an unknown one."""
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
        """All items by name: this project's first, in its order, then the others by name."""
        for module in dict.fromkeys(self._built_in.values()):
            importlib.import_module(module)
        for problem in self._load_entry_points():
            warnings.warn(problem, stacklevel=2)
        return self.known()

    def known(self) -> dict[str, T]:
        """Return the entries registered so far, in the order of `all`, without searching for more."""
        order = {name: i for i, name in enumerate(self._built_in)}
        return dict(sorted(self._items.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))

    def _installed(self) -> set[str]:
        """Packages of the modules that installed distributions name."""
        return {entry.module.partition(".")[0] for entry in _entry_points(self.group)}

    def _load_entry_points(self) -> list[str]:
        """Import the modules that installed distributions name; returns one line for each failed import."""
        broken = []
        for entry in _entry_points(self.group):
            try:
                entry.load()
            except Exception as error:  # noqa: BLE001 - whatever a foreign module does on import must not hide the rest
                broken.append(f"(entry point {entry.name} = {entry.value} cannot be imported: {error})")
        return broken


def _entry_points(group: str) -> tuple[importlib.metadata.EntryPoint, ...]:
    """Return the entry points of installed distributions, which are read again when a folder of modules has changed."""
    folders = [Path(path) for path in sys.path]
    return _read_entry_points(group, tuple((path, path.stat().st_mtime_ns) for path in folders if path.exists()))


@lru_cache(maxsize=64)
def _read_entry_points(group: str, folders: object) -> tuple[importlib.metadata.EntryPoint, ...]:
    return tuple(importlib.metadata.entry_points(group=group))


def plugin_sha256(thing: type) -> str:
    """sha256 of the plugin, script or cells that a class was defined in; empty for versioned classes.

    Results of a plugin are filed by its content and by that of its own modules (`protocols.own_modules`), since a file
    that is still being written has no version. So are classes of a script or a notebook (`protocols.main_module`).
    """
    return _SOURCES.get(thing.__module__) or main_sha256(thing)


def origin_of(thing: Callable[..., object]) -> str:
    """Place where a class or function is defined, as `Registry.add` expects it."""
    return f"{thing.__module__}.{thing.__qualname__}"


def registered_in(module: str) -> bool:
    """Return True if a module, such as `__main__`, has registered anything."""
    return any(o.startswith(f"{module}.") for registry in _REGISTRIES for o in registry._origins.values())


def check_importable(kind: str, names: Iterable[str]) -> None:
    """Check that worker processes can import items of one kind, and that runs are filed by their code.

    Raises:
        InputError: for an item of a module that is neither a plugin, the main module nor of a distribution.
    """
    for registry in _REGISTRIES:
        for name in names if registry.kind == kind else ():
            item = registry._items.get(name)
            module = getattr(item, "__module__", "")
            file = file_of(module)
            if file is None or module in {*_SOURCES, *MAIN} or not is_loose(module, file):
                continue
            if module.partition(".")[0] not in registry._installed():
                raise InputError(
                    f"{kind} '{name}' is registered by {file}, which worker processes do not import: instead of "
                    "importing it, name it as a plugin, in Python as 'plugins': "
                    f"['{file}'] of the study"
                )


def load_plugin(path: str | Path) -> list[str]:
    """Import a Python file that registers models, mechanisms, protocols, training regimes or data sets.

    It is identified by its content and by that of its own modules, see `protocols.own_modules`.

    Returns:
        The registered items, such as `model my-model`.

    Raises:
        InputError: if the file is missing, fails to import, registers nothing, or imports a module that is neither
            installed nor seen in its text, or one whose name another module has.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise InputError(f"plugin {path}: no such file")
    # two files of one name are two plugins
    module_name = f"{_PLUGIN}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None or path.suffix != ".py":
        raise InputError(f"plugin {path}: not a Python file; give one that ends in .py")
    importlib.invalidate_caches()  # modules beside it may have been written a moment ago
    modules = own_modules(path, path.parent)
    content = identity(path, modules)
    if content in _LOADED:  # a copy is the same plugin
        return list(_LOADED[content])
    _check_names(path, modules)
    _unload_changed(modules)
    _SOURCES[module_name] = content
    before = {id(registry): dict(registry._items) for registry in _REGISTRIES}
    known = set(sys.modules)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except InputError as error:
        raise InputError(f"plugin {path}: {error}") from error
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        missing = (error.name or "" if isinstance(error, ModuleNotFoundError) else "").partition(".")[0]
        beside = path.parent / missing
        if missing and (beside.with_suffix(".py").is_file() or beside.is_dir()):
            reason += f"; it is beside the plugin, but Python does not look there: export PYTHONPATH={path.parent}"
        raise InputError(f"plugin {path}: {reason}") from error
    _check_names(path, modules)
    for name, file in imported_since(known).items():
        if name not in modules and not name.startswith(_PLUGIN):
            del sys.modules[name]  # seen again when the plugin is loaded again
            raise InputError(f"plugin {path}: {_not_followed(name, file)}")
    for name, file in modules.items():
        _OWN[name] = _OwnModule(file, file_sha256(file), name in sys.modules)
        # of its own and of what it imports: the same whichever plugin loads it
        _SOURCES[name] = identity(file, own_modules(file, path.parent, package_of(name, file)))
    new = list(_changed(before))
    if not new:
        raise InputError(
            f"plugin {path} registers nothing; decorate a model with @register, a mechanism with @register_mechanism, "
            "a protocol with @register_protocol"
        )
    _LOADED[content] = tuple(new)
    return new


def check_imports(known: Collection[str]) -> None:
    """Check that running plugins have imported nothing outside their identity.

    Raises:
        InputError: For a module that the text did not reveal, or one that changed before a function imported it.
    """
    if not _SOURCES:
        return
    _STRAYS.update({n: f for n, f in imported_since(known).items() if n not in _SOURCES})
    for name, file in _STRAYS.items():
        if name in sys.modules:
            raise InputError(f"a plugin {_not_followed(name, file)}")
    for name, module in _OWN.items():
        if name in sys.modules and not module.imported:
            if file_sha256(module.file) != module.sha256:
                raise InputError(f"{module.file}: changed after its plugin was loaded; run the study again")
            _OWN[name] = replace(module, imported=True)


def _not_followed(name: str, file: Path) -> str:
    return (
        f"imports module '{name}' ({file}) in a way that cannot be seen in its text, so that runs cannot be filed by "
        "its content; write `import NAME` in the plugin, or install the module as a distribution"
    )


def _check_names(path: Path, modules: Mapping[str, Path]) -> None:
    """Raise InputError if another file of this process has the name of an own module."""
    for name, file in modules.items():
        other = _OWN[name].file if name in _OWN else (file_of(name) or file).resolve()
        if other != file:
            raise InputError(
                f"plugin {path}: its module '{name}' ({file}) has the name of another module in use ({other}); rename "
                "one of the two"
            )


def _unload_changed(modules: Mapping[str, Path]) -> None:
    """Unload all modules of a plugin if any was edited since its import, so that all are imported again."""
    if any(name in _OWN and _OWN[name].sha256 != file_sha256(file) for name, file in modules.items()):
        for name in modules.keys() & _OWN.keys():
            sys.modules.pop(name, None)


def _changed(before: Mapping[int, Mapping[str, object]]) -> Iterable[str]:
    for registry in _REGISTRIES:
        known, installed = before.get(id(registry), {}), registry._installed()
        for name, item in registry._items.items():
            # modules of this project and of installed distributions may have been imported meanwhile
            theirs = name in registry._built_in or registry._origins[name].partition(".")[0] in installed
            if known.get(name) is not item and not theirs:
                yield f"{registry.kind} {name}"
