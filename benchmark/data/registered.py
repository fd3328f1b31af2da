"""Data sets made by code, from entry points and plugin files, found by name like stores.

>>> @register_dataset("my-corpus")
... def my_corpus() -> Samples:
...     \"\"\"Source of the data, in one line.\"\"\"
...     return Samples(...)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from benchmark.data.catalog import store_path
from benchmark.data.samples import Samples
from protocols import InputError, Registry

Maker: TypeAlias = Callable[[], Samples]

_DATASETS: Registry[Maker] = Registry("data set", "sentibench.datasets")


def register_dataset(name: str) -> Callable[[Maker], Maker]:
    """Register a function that returns `Samples`, which studies find under `name`; a decorator.

    The function must return equal samples at every call: runs are identified by their content.

    Raises:
        InputError: For an invalid name, or one that is taken.
    """
    store_path(name)  # names follow the rules of stores
    return _DATASETS.decorator(name, lambda make: make)


def registered_datasets() -> dict[str, Maker]:
    """Return all data sets made by code, by name."""
    return _DATASETS.all()


def is_registered(name: str) -> bool:
    """Return True if a data set of this name is made by code."""
    return name in _DATASETS


def make_samples(name: str) -> Samples:
    """Make the samples registered under `name`, and check them.

    Raises:
        InputError: If the name is unknown, or the returned samples break a rule.
    """
    samples = _DATASETS.get(name)()
    if not isinstance(samples, Samples):
        raise InputError(f"data set '{name}': its function returned a {type(samples).__name__}, expected Samples")
    samples.validate()
    return samples
