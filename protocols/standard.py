"""Protocols: named, versioned lists of scenarios with the axis along which their results are read."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from protocols.errors import InputError, unknown_name
from protocols.layout import MODALITIES
from protocols.scenario import Scenario, parse


@dataclass(frozen=True)
class Point:
    """One scenario of a protocol and where it lies on the axes, such as `{"missing rate": 0.3}`."""

    scenario: Scenario
    coordinates: Mapping[str, float | str]


@dataclass(frozen=True)
class Protocol:
    """A measurement plan: scenarios in order.

    Attributes:
        name: Name without version, as `intra-random`.
        version: Rises whenever any mask changes.
        title: One line for a reader.
        points: The scenarios with their coordinates.
        axes: Names of the coordinates, the curve's x-axis first; empty where there is no order.
        aggregates: What sums the protocol up over its axis: `mean`, `auilc`, `worst`.
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


_BUILDERS: dict[str, Callable[[], Protocol]] = {}


def register_protocol(builder: Callable[[], Protocol]) -> Callable[[], Protocol]:
    """Decorator for a function that returns a Protocol; its name is known from then on."""
    name = builder().name
    if name in _BUILDERS and _BUILDERS[name].__qualname__ != builder.__qualname__:
        raise InputError(f"protocol '{name}' is already registered")
    _BUILDERS[name] = builder
    return builder


def get_protocol(name: str) -> Protocol:
    """The protocol called `name` or `name@version`; a scenario's text gives a protocol of that one scenario.

    Raises:
        InputError: for an unknown name, or a version that is not the current one.
    """
    base, _, version = name.partition("@")
    if base in _BUILDERS:
        protocol = _BUILDERS[base]()
        if version and version != str(protocol.version):
            raise InputError(f"protocol '{base}' is at version {protocol.version} here, '{name}' was asked for")
        return protocol
    if "(" in name:
        scenario = parse(name)
        return Protocol(str(scenario), 1, "one scenario", (Point(scenario, {}),))
    raise unknown_name("protocol", name, _BUILDERS)


def protocols() -> dict[str, Protocol]:
    """All registered protocols by name, in order of registration."""
    return {name: builder() for name, builder in _BUILDERS.items()}


RATES = tuple(round(0.1 * i, 1) for i in range(10))
GRID = (0.0, 0.25, 0.5, 0.75)


def _curve(template: str, axis: str) -> tuple[Point, ...]:
    return tuple(Point(parse(template.format(rate)), {axis: rate}) for rate in RATES)


@register_protocol
def complete() -> Protocol:
    """Nothing is missing: the upper end."""
    return Protocol("complete", 1, "nothing is missing", (Point(Scenario(), {}),))


@register_protocol
def inter_drop() -> Protocol:
    """Whole modalities lost by a growing share of samples: the drop-rate curves."""
    points = _curve("drop(rate={})", "drop rate")
    title = "a share of the samples loses one or two whole modalities"
    return Protocol("inter-drop", 1, title, points, ("drop rate",), ("mean", "auilc"))


@register_protocol
def inter_subsets() -> Protocol:
    """The seven subsets of modalities: which carries what."""
    subsets = [s for k in (1, 2, 3) for s in itertools.combinations(MODALITIES, k)]
    points = tuple(Point(parse(f"subset(available=({','.join(s)},))"), {"available": "+".join(s)}) for s in subsets)
    return Protocol("inter-subsets", 1, "only these modalities are there", points, ("available",), ("mean", "worst"))


@register_protocol
def intra_random() -> Protocol:
    """Positions of every modality erased independently at one rate: the LNLN and P-RMF tables."""
    points = _curve("random_positions(rate={})", "missing rate")
    title = "every position is erased independently, at one rate for all modalities"
    return Protocol("intra-random", 1, title, points, ("missing rate",), ("mean", "auilc"))


@register_protocol
def uncertain() -> Protocol:
    """Whole modalities and positions missing at once, to unknown degrees."""
    axes = ("drop rate", "missing rate")
    grid = [
        Point(parse(f"drop(rate={p}) + random_positions(rate={r})"), {axes[0]: p, axes[1]: r})
        for p, r in itertools.product(GRID, GRID)
    ]
    both = Point(parse("random_rates(clean=0.25) + drop(rate=0.5)"), {axes[0]: "drawn", axes[1]: "drawn"})
    title = "modalities and positions are missing at once, to degrees that no one knows beforehand"
    return Protocol("uncertain", 1, title, (*grid, both), axes, ("mean", "worst"))
