"""Data sets that code makes: found by name beside stores, through entry points and plugin files.

>>> @register_dataset("my-corpus")
... def my_corpus() -> Samples:
...     \"\"\"Where it comes from, in a line.\"\"\"
...     return Samples(...)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from benchmark.data.catalog import store_path
from benchmark.data.samples import Samples
from protocols import InputError, Registry, origin_of

Maker: TypeAlias = Callable[[], Samples]

_DATASETS: Registry[Maker] = Registry("data set", "sentibench.datasets")


def register_dataset(name: str) -> Callable[[Maker], Maker]:
    """Decorator for a function that returns `Samples`; studies find them under `name`.

    The function must return equal samples whenever it is called: runs are filed by their content.

    Raises:
        InputError: for a name that no data set can have, or that is taken.
    """
    store_path(name)  # the rules of names are those of stores

    def decorate(make: Maker) -> Maker:
        _DATASETS.add(name, make, origin_of(make))
        return make

    return decorate


def registered_datasets() -> dict[str, Maker]:
    """All data sets that code makes, by name."""
    return _DATASETS.all()


def is_registered(name: str) -> bool:
    """Whether code makes a data set of this name."""
    return name in _DATASETS


def make_samples(name: str) -> Samples:
    """The samples that are registered under `name`, checked.

    Raises:
        InputError: when there is none, or what it returns breaks a rule.
    """
    samples = _DATASETS.get(name)()
    if not isinstance(samples, Samples):
        raise InputError(f"data set '{name}': its function returned a {type(samples).__name__}, expected Samples")
    samples.validate()
    return samples
