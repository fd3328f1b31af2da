"""Layout of a protocol: curves over a numeric axis, a grid over two, a heat map of other points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def views(points: Sequence[Mapping[Any, Any]]) -> list[dict[str, Any]]:
    """Return the charts of a protocol, each with the positions of its points.

    Args:
        points: Rows of `Panel.points` of one protocol, in order.

    Returns:
        `{"kind": "curve", "axis", "points"}`, ordered by x, for every axis with at least two different numbers and no
        second axis; `{"kind": "grid", "axis", "axis2", "points"}` for points on two numeric axes; then
        `{"kind": "map", "axis", "points"}` for the remaining points, if the protocol has more than one point. Every
        point is in one view, except for a protocol of a single point, which has none.
    """
    if len(points) < 2:
        return []
    by_axes: dict[tuple[str, str], list[int]] = {}
    rest: list[int] = []
    for i, point in enumerate(points):
        axis, axis2 = str(point["axis"]), str(point["axis2"])
        placed = axis and math.isfinite(point["x"]) and (not axis2 or math.isfinite(point["y"]))
        if placed:
            by_axes.setdefault((axis, axis2), []).append(i)
        else:
            rest.append(i)
    found: list[dict[str, Any]] = []
    for (axis, axis2), members in by_axes.items():
        x = [float(points[i]["x"]) for i in members]
        places = {(points[i]["x"], points[i]["y"] if axis2 else 0.0) for i in members}
        if len(places) < len(members) or len(set(x)) < 2:
            rest += members
        elif axis2:
            found.append({"kind": "grid", "axis": axis, "axis2": axis2, "points": members})
        else:
            ordered = [i for _, i in sorted(zip(x, members, strict=True))]
            found.append({"kind": "curve", "axis": axis, "points": ordered})
    if rest:
        axes = {str(points[i]["axis"]) for i in rest}
        found.append({"kind": "map", "axis": axes.pop() if len(axes) == 1 else "", "points": sorted(rest)})
    return found
