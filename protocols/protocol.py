"""Protocols: named, versioned lists of scenarios with the axes along which results are read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from protocols.errors import InputError
from protocols.registry import Registry, origin_of
from protocols.scenario import Scenario, parse


@dataclass(frozen=True)
class Point:
    """One scenario of a protocol and its place on the axes.

    Attributes:
        scenario: The scenario.
        coordinates: By axis, its exact place, such as `{"missing rate": 0.3}`.
        ticks: By axis, the printed value where it differs from the coordinate, such as 0.7 for 2/3.
    """

    scenario: Scenario
    coordinates: Mapping[str, float | str]
    ticks: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def printed(self) -> dict[str, float | str]:
        """The coordinates as tables and papers print them."""
        return {**self.coordinates, **self.ticks}


@dataclass(frozen=True)
class Protocol:
    """A measurement plan: scenarios in order.

    Attributes:
        name: Name without version, such as `intra-random`.
        version: Version number, raised whenever any mask changes.
        title: One line of description.
        points: The scenarios with their coordinates.
        axes: Names of the coordinates, the curve's x-axis first; empty if the scenarios have no order.
        aggregates: Summaries over the axis: `mean`, `auilc`, `worst`. Without `auilc`, tables have no area under the
            curve; they show the others for every protocol of several scenarios.
    """

    name: str
    version: int
    title: str
    points: tuple[Point, ...]
    axes: tuple[str, ...] = ()
    aggregates: tuple[str, ...] = ("mean",)

    def __post_init__(self) -> None:
        if not self.points:
            raise InputError(f"protocol '{self.name}' has no scenario")
        names = [str(p.scenario) for p in self.points]
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise InputError(f"protocol '{self.name}' lists {sorted(twice)[0]} twice")

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """The scenarios in order."""
        return tuple(p.scenario for p in self.points)

    @property
    def fingerprint(self) -> str:
        """Hash of the scenarios' fingerprints: the identity of the measurement."""
        text = "\n".join([str(self), *(s.fingerprint for s in self.scenarios)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


#: Standard protocols in order: from nothing missing to everything at once, then values that are wrong.
STANDARD = (
    "complete",
    "inter-drop",
    "inter-subsets",
    "inter-ratio",
    "inter-imbalanced",
    "intra-random",
    "intra-aligned",
    "intra-block",
    "intra-place",
    "intra-burst",
    "intra-informative",
    "uncertain",
    "intra-unmarked",
    "intra-unmarked-hold",
    "uncertain-unmarked",
    "uncertain-unmarked-hold",
    "noise",
    "shift",
    "compat-mmsa",
)

_PROTOCOLS: Registry[Callable[[], Protocol]] = Registry("protocol", "sentibench.protocols")


def register_protocol(builder: Callable[[], Protocol]) -> Callable[[], Protocol]:
    """Register the protocol that a function returns; a decorator."""
    _PROTOCOLS.add(builder().name, builder, origin_of(builder))
    return builder


def get_protocol(name: str) -> Protocol:
    """Return the protocol called `name` or `name@version`; a scenario's text gives a protocol of that one scenario.

    Raises:
        InputError: for an unknown name, or a version that is not the current one.
    """
    if "(" in name:
        scenario = parse(name)
        return Protocol(str(scenario), 1, "one scenario", (Point(scenario, {}),))
    base, _, version = name.partition("@")
    protocol = _PROTOCOLS.get(base, hint="(or write a scenario)")()
    if version and version != str(protocol.version):
        raise InputError(f"protocol '{base}' is at version {protocol.version} here, '{name}' was asked for")
    return protocol


def protocols() -> dict[str, Protocol]:
    """All registered protocols by name: the standard ones first, in their order."""
    by_name = {name: builder() for name, builder in _PROTOCOLS.all().items()}
    first = {name: by_name.pop(name) for name in STANDARD if name in by_name}
    return {**first, **by_name}
