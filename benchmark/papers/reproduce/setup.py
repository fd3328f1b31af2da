"""Study that measures a table or figure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.data.reference import Reference
from benchmark.data.sources import load_samples
from benchmark.papers.reported.schema import DATASETS
from benchmark.papers.reproduce.catalogue import Item, get_item, item_models
from benchmark.papers.reproduce.needs import NEEDS, same_test_set
from benchmark.study.plan import Plan, prepare, resolve_dataset
from benchmark.study.study import Study, make_study
from protocols import InputError


@dataclass(frozen=True)
class Setup:
    """Setup of a measurement.

    Attributes:
        item: Table or figure to reproduce.
        data: Pairs of the measured data set and the one whose published numbers are shown beside it.
        absent: A line for every missing data set.
        plan: Resolved study; None if nothing is trained.
    """

    item: Item
    data: tuple[tuple[str, str], ...]
    absent: tuple[str, ...]
    plan: Plan | None


def prepare_item(
    name: str,
    *,
    dataset: str | None = None,
    models: Sequence[str] = (),
    seeds: int | Sequence[int] | None = None,
    epochs: int | None = None,
    plugins: Sequence[str] = (),
) -> Setup:
    """Find the data of a table or figure and make its study; trains nothing.

    Args:
        name: Name in the catalogue.
        dataset: Data set to measure on instead, or one of several.
        models: Models instead of the item's own.
        seeds: Number or list of seeds; default: 3.
        epochs: Maximum number of epochs, for every model.
        plugins: Python files that register models.

    Raises:
        InputError: for an unknown name, or if every data set that it needs is missing, with instructions to get one.
    """
    item = get_item(name)
    data: tuple[tuple[str, str], ...]
    absent: tuple[str, ...]
    if dataset is not None:
        data, absent = ((dataset, _published(item, dataset)),), ()
    else:
        there = [d for d in item.datasets if NEEDS[d].store() is not None]
        absent = tuple(NEEDS[d].how_to_get for d in item.datasets if d not in there)
        if not there:
            more = f" (as well as {len(absent) - 1} more, any of them will do)" if absent[1:] else ""
            raise InputError(f"{absent[0]}{more}; or measure on other data with --dataset, such as synthetic:size=tiny")
        data = tuple((d, d) for d in there)
    plan = None
    if item.kind == "study":
        plan = prepare(
            item_study(item, [d for d, _ in data], models=models, seeds=seeds, epochs=epochs, plugins=plugins)
        )
    return Setup(item, data, absent, plan)


def item_study(
    item: Item,
    datasets: Sequence[str],
    *,
    models: Sequence[str] = (),
    seeds: int | Sequence[int] | None = None,
    epochs: int | None = None,
    plugins: Sequence[str] = (),
) -> Study:
    """Make the study behind an item on these data sets; raises InputError for a wrong field."""
    own = list(datasets) == [d for d in item.datasets if d in datasets]
    suffix = "" if own else "-" + re.sub(r"[^A-Za-z0-9]+", "-", "-".join(datasets)).strip("-")
    fields: dict[str, Any] = {
        "name": f"reproduce-{item.name}{suffix}",
        "datasets": list(datasets),
        "models": list(models or item_models(item, _variants)),
        "protocols": list(item.protocols),
    }
    if seeds is not None:
        fields["seeds"] = seeds if isinstance(seeds, int) else list(seeds)
    if epochs is not None:
        fields["optimisation"] = {"epochs": epochs}
    if plugins:
        fields["plugins"] = list(plugins)
    return make_study(fields, f"reproduce {item.name}")


def _variants() -> tuple[str, ...]:
    from senti_ifusion.ablation import ABLATION

    return tuple(ABLATION)


def _published(item: Item, dataset: str) -> str:
    """The data set of an item whose published numbers stand beside some data: of the same test labels, or range."""
    name = Reference.parse(dataset).name
    if name in item.datasets and NEEDS[name].store() is None:
        raise InputError(NEEDS[name].how_to_get)
    resolve_dataset(dataset)
    label_range = tuple(load_samples(name).provenance.label_range)
    fitting = [d for d in item.datasets if DATASETS[d] == label_range]
    fitting.sort(key=lambda d: (not same_test_set(dataset, d), d != name))
    if not fitting:
        low, high = label_range
        raise InputError(
            f"'{dataset}' has labels in [{low:g}, {high:g}], unlike any data set of '{item.name}'; choose other data"
        )
    return fitting[0]
