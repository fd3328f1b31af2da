"""Models under a new name: their earlier runs keep id and folder, and are read as runs of the new name."""

from __future__ import annotations

from typing import Any, NamedTuple


class Renamed(NamedTuple):
    """A model that had another name.

    Attributes:
        name: The present name.
        former: The earlier name, which a later version of the model has now.
        version: The version at which both names mean the same code.
        optimisation: Default settings of the earlier name that the present one does not have.
    """

    name: str
    former: str
    version: int
    optimisation: dict[str, Any]


RENAMED = (Renamed("senti-ifusion-light", "senti-ifusion", 11, {"ema_decay": 0.98, "tolerance": 2.0}),)


def present_name(model: str, version: int) -> str:
    """Return the name under which a version of a model is registered now."""
    return next((r.name for r in RENAMED if (r.former, r.version) == (model, version)), model)


def filed_name(model: str, version: int) -> str:
    """Return the name by which the runs of a version of a model are identified."""
    return next((r.former for r in RENAMED if (r.name, r.version) == (model, version)), model)
