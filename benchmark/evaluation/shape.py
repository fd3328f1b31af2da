"""Positions of a protocol's points on its axes, which decide its tables, figures and charts of the page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

#: Name of the axis whose coordinates are sets of modalities, such as `text+audio`.
_SUBSETS = "available"


@dataclass(frozen=True)
class Grid:
    """Scenarios on two numeric axes.

    Attributes:
        axes: Names of the first and the second axis.
        places: Scenarios by their place.
    """

    axes: tuple[str, str]
    places: dict[tuple[float, float], str]


@dataclass(frozen=True, eq=False)
class ProtocolShape:
    """The shape of a protocol."""

    points: pd.DataFrame

    @property
    def protocol(self) -> str:
        """Name with version."""
        return str(self.points["protocol"].iloc[0])

    @cached_property
    def views(self) -> list[dict[str, Any]]:
        """The charts of a protocol, each with the positions of its points.

        `{"kind": "curve", "axis", "points"}`, ordered by x, for every axis with at least two different numbers and no
        second axis; `{"kind": "grid", "axis", "axis2", "points"}` where points lie on two numeric axes with at least
        two different numbers each; then `{"kind": "map", "axis", "points"}` for the others. Every point is in one
        view, but for a protocol of a single point, which has none.
        """
        if len(self.points) < 2:
            return []
        rows = self.points.reset_index(drop=True)
        grid = rows["axis2"].ne("")
        placed = rows["axis"].ne("") & np.isfinite(rows["x"]) & (~grid | np.isfinite(rows["y"]))
        found: list[dict[str, Any]] = []
        rest = [int(i) for i in rows.index[~placed]]
        for (axis, axis2), own in rows[placed].groupby(["axis", "axis2"], sort=False):
            coordinates = ["x", "y"] if axis2 else ["x"]
            if own.duplicated(coordinates).any() or (own[coordinates].nunique() < 2).any():
                rest += own.index.tolist()
            elif axis2:
                found.append({"kind": "grid", "axis": str(axis), "axis2": str(axis2), "points": own.index.tolist()})
            else:
                found.append({"kind": "curve", "axis": str(axis), "points": own.sort_values("x").index.tolist()})
        if rest:
            axes = set(rows.loc[rest, "axis"])
            found.append({"kind": "map", "axis": axes.pop() if len(axes) == 1 else "", "points": sorted(rest)})
        return found

    @property
    def curves(self) -> bool:
        """True if every point lies on a numeric axis, with at least two different values on each."""
        return bool(self.views) and all(view["kind"] == "curve" for view in self.views)

    @property
    def rates(self) -> tuple[float, ...] | None:
        """Positions of the points on the one numeric axis, in their order; None for several axes or none."""
        return tuple(self.points["x"].astype(float).tolist()) if self.curves and len(self.views) == 1 else None

    @cached_property
    def grid(self) -> Grid | None:
        """The one grid of two numeric axes; None without one. Points beside it may lie anywhere."""
        grids = [view for view in self.views if view["kind"] == "grid"]
        if len(grids) != 1:
            return None
        (view,) = grids
        own = self.points.iloc[view["points"]]
        places = zip(own["x"].astype(float), own["y"].astype(float), strict=True)
        return Grid((view["axis"], view["axis2"]), dict(zip(places, own["scenario"].astype(str), strict=True)))

    @property
    def named(self) -> bool:
        """True if two or more points have names instead of numbers on one axis."""
        one = [(view["kind"], view["axis"] != "") for view in self.views] == [("map", True)]
        return one and not self.points["axis2"].any() and bool(self.points["x"].isna().all())

    @property
    def subsets(self) -> bool:
        """True if every point is a subset of modalities."""
        return bool(self.points["axis"].eq(_SUBSETS).all()) and not self.points["axis2"].any()
