"""Scenarios of this suite that a published number is about, and their aggregation.

A point is written `rate=0.3`, `drop=0.5`, `ratio=0.1`, `available=text+audio`, `complete`, a scenario's text such as
`drop(rate=0.5)`, or an aggregate: `mean 0..0.9`, `auilc 0..1`, `mean incomplete` (all points at which something is
missing) or `mean` (all points of the protocol).

>>> aggregate_of("intra-random", "mean 0..0.1").scenarios
('complete', 'random_positions(rate=0.1)')
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from protocols import MODALITIES, InputError, Protocol, get_protocol, leaves_everything, parse

#: Names of axes in points.
AXES = {"rate": "missing rate", "drop": "drop rate", "ratio": "missing ratio", "available": "available"}
#: Rates of papers that the protocol of that name does not have.
_BEYOND = {("intra-random", 1.0): "random_positions(rate=1)"}
_RANGE = re.compile(r"(mean|auilc) (\d+(?:\.\d+)?)\.\.(\d+(?:\.\d+)?)")
_STEP = 0.1


@dataclass(frozen=True)
class Aggregate:
    """Aggregate of scenarios.

    Attributes:
        kind: `single` (one scenario), `mean`, or `auilc` (area under the curve).
        scenarios: Texts of our scenarios, as evaluated; for comparison, scenarios in which nothing is missing
            are all written `complete`.
        x: Position on the axis in papers; empty for `single` and for points without numbers.
        length: Length of the axis, for an area that is not divided by it.
    """

    kind: str
    scenarios: tuple[str, ...]
    x: tuple[float, ...] = ()

    @property
    def length(self) -> float:
        """Length of the axis: an area divided by it is a mean."""
        return max(self.x) - min(self.x) if self.x else 1.0


@lru_cache(maxsize=256)
def aggregate_of(protocol: str, point: str) -> Aggregate:
    """Return the aggregate that a point of a protocol means.

    Raises:
        InputError: for an unknown protocol, or an unknown point.
    """
    plan = get_protocol(protocol)
    if "(" in point:
        return Aggregate("single", (plain_scenario(str(parse(point))),))
    if point == "complete":
        return Aggregate("single", ("complete",))
    if point in ("mean", "mean incomplete"):
        chosen = [plain_scenario(str(s)) for s in plan.scenarios]
        return Aggregate("mean", tuple(s for s in chosen if point == "mean" or s != "complete"))
    ranged = _RANGE.fullmatch(point)
    if ranged:
        kind, low, high = ranged[1], float(ranged[2]), float(ranged[3])
        axis = next((k for k, name in AXES.items() if plan.axes == (name,) and k != "available"), None)
        if axis is None or high <= low:
            raise InputError(f"point '{point}': protocol '{protocol}' has no such stretch of one numeric axis")
        x = tuple(round(low + _STEP * i, 6) for i in range(round((high - low) / _STEP) + 1))
        return Aggregate(kind, tuple(_at(plan, axis, value) for value in x), x)
    key, equals, value = point.partition("=")
    if not equals or key not in AXES:
        forms = ", ".join(f"{name}=" for name in AXES)
        raise InputError(
            f"point '{point}' is unknown; write {forms} complete, a scenario, mean, mean incomplete, mean 0..0.9 or "
            "auilc 0..1"
        )
    if key == "available":
        named = value.split("+")
        ordered = "+".join(m for m in MODALITIES if m in named)
        return Aggregate("single", (_at(plan, key, ordered if len(named) == len(set(named)) else value),))
    try:
        return Aggregate("single", (_at(plan, key, float(value)),))
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"point '{point}': '{value}' is not a number") from None


def wanted_aggregate(protocol: str) -> Aggregate:
    """Return the aggregate in a leaderboard of a protocol: its one scenario, or the mean over all of them."""
    scenarios = tuple(plain_scenario(str(s)) for s in get_protocol(protocol).scenarios)
    return Aggregate("single" if len(scenarios) == 1 else "mean", scenarios)


def same(a: Aggregate, b: Aggregate) -> bool:
    """Return True if two numbers aggregate the same scenarios in the same way."""
    return a.kind == b.kind and set(a.scenarios) == set(b.scenarios)


def plain_scenario(text: str) -> str:
    """Return a scenario's text, or `complete` for every way to write that nothing is missing."""
    try:
        return "complete" if leaves_everything(text) else text
    except InputError:  # its plugin is not loaded
        return text


def _at(plan: Protocol, key: str, value: float | str) -> str:
    """Return the text of the scenario at a value of the axis, as in papers."""
    for point in plan.points:
        there = point.printed.get(AXES[key])
        if there == value or (
            isinstance(there, (int, float)) and isinstance(value, float) and abs(there - value) < 1e-9
        ):
            return plain_scenario(str(point.scenario))
    if isinstance(value, float) and (plan.name, round(value, 6)) in _BEYOND:
        return str(parse(_BEYOND[plan.name, round(value, 6)]))
    raise InputError(f"point '{key}={value}': protocol '{plan.name}' has no such point")
