"""Mechanisms: rules by which positions are erased.

A mechanism is a frozen dataclass whose fields are its parameters. `erase` says which positions go, given what is
still observed and a stream of random numbers that never depends on a rate, so that masks are nested in it.

Inter-modality: `subset`, `drop`. Intra-modality: `random_positions`, `random_rates`.
"""

from __future__ import annotations

import dataclasses
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np

from protocols.counter import Stream, below, uniform
from protocols.errors import InputError, unknown_name
from protocols.layout import MODALITIES, BoolArray, Layout, Modality

Erased = Mapping[Modality, BoolArray]


class Mechanism(ABC):
    """One rule of erasure. Subclasses are frozen dataclasses; their fields are written and parsed as text."""

    name: ClassVar[str]
    version: ClassVar[int] = 1

    @abstractmethod
    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Which positions go.

        Args:
            layout: The samples and their positions.
            present: `(n, 3)`, whether anything of text, audio, vision is still observed (after earlier mechanisms).
            stream: Random numbers of this mechanism on this layout.

        Returns:
            By modality `(P,)`, True where the position is erased; modalities left whole may be absent.
        """

    def __str__(self) -> str:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        arguments = ", ".join(f"{f.name}={_show(getattr(self, f.name))}" for f in fields)
        return f"{self.name}({arguments})"


_MECHANISMS: dict[str, type[Mechanism]] = {}
M = TypeVar("M", bound=type[Mechanism])


def register_mechanism(name: str) -> Callable[[M], M]:
    """Class decorator: makes a mechanism known to `parse` under `name`.

    Raises:
        InputError: if the name is taken or the class is no frozen dataclass.
    """

    def decorate(cls: M) -> M:
        known = _MECHANISMS.get(name)
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise InputError(f"mechanism '{name}' is already registered by {known.__module__}.{known.__qualname__}")
        if not dataclasses.is_dataclass(cls):
            raise InputError(f"mechanism '{name}': put @dataclass(frozen=True) below @register_mechanism")
        cls.name = name
        _MECHANISMS[name] = cls
        return cls

    return decorate


def mechanism_class(name: str) -> type[Mechanism]:
    """The registered class; raises InputError with the nearest names."""
    if name not in _MECHANISMS:
        raise unknown_name("mechanism", name, _MECHANISMS)
    return _MECHANISMS[name]


def mechanisms() -> dict[str, type[Mechanism]]:
    """All registered mechanisms by name."""
    return dict(sorted(_MECHANISMS.items()))


def _show(value: object) -> str:
    if isinstance(value, tuple) and all(isinstance(v, str) for v in value):
        return value[0] if len(value) == 1 else f"({', '.join(value)})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_show(v)}" for k, v in value.items()) + "}"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value) if not isinstance(value, str) else value


def _probability(owner: str, field: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value <= 1.0:
        raise InputError(f"{owner}: {field} must be a number from 0 to 1, found {_show(value)}")
    return float(value)


def _modalities(owner: str, field: str, value: object) -> tuple[Modality, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, (tuple, list, set, frozenset)) or not names:
        raise InputError(f"{owner}: {field} must name at least one of text, audio, vision, found {value!r}")
    for name in names:
        if name not in MODALITIES:
            raise unknown_name("modality", str(name), MODALITIES)
    return tuple(m for m in MODALITIES if m in names)


def _whole(layout: Layout, gone: BoolArray) -> Erased:
    """Turn `(n, 3)` flags of whole modalities into positions."""
    return {m: gone[:, i][layout.sample_of_position(m)] for i, m in enumerate(MODALITIES) if gone[:, i].any()}


@register_mechanism("subset")
@dataclass(frozen=True)
class Subset(Mechanism):
    """Exactly these modalities remain: the {l}, {a}, {v}, {l,a}, ... columns of the missing-modality tables."""

    available: tuple[Modality, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "available", _modalities("subset", "available", self.available))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase every position of the modalities that are not available."""
        gone = np.array([m not in self.available for m in MODALITIES])
        return _whole(layout, np.broadcast_to(gone, (len(layout), 3)))


@register_mechanism("drop")
@dataclass(frozen=True)
class Drop(Mechanism):
    """With probability `rate` a sample loses whole modalities, the pattern uniform over those that leave one or two.

    Sample-level drop rate: MPLMM's rule, and our reading of Senti-iFusion's. Patterns are drawn over the modalities
    that the sample has, so that one always remains: a complete sample has the usual six, one with two modalities
    has two, and one with a single modality is left alone.
    """

    rate: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", _probability("drop", "rate", self.rate))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase whole modalities of the samples that the draw hits."""
        hit = below(stream.samples("hit"), self.rate)
        choice = uniform(stream.samples("pattern"))
        gone = np.zeros((len(layout), 3), dtype=np.bool_)
        code = present @ np.array([1, 2, 4])
        for kind in np.unique(code[hit]):
            here = [i for i in range(3) if kind >> i & 1]
            patterns = [p for k in range(1, len(here)) for p in itertools.combinations(here, k)]
            if not patterns:
                continue
            table = np.zeros((len(patterns), 3), dtype=np.bool_)
            for row, pattern in enumerate(patterns):
                table[row, list(pattern)] = True
            rows = np.flatnonzero(hit & (code == kind))
            gone[rows] = table[(choice[rows] * len(patterns)).astype(np.int64)]
        return _whole(layout, gone)


@register_mechanism("random_positions")
@dataclass(frozen=True)
class RandomPositions(Mechanism):
    """Every position is erased independently with probability `rate` (TFR-Net, LNLN).

    `rate` is one number, or one a modality: `random_positions(rate={text: 0.1, audio: 0.5, vision: 0.5})`.
    """

    rate: float | Mapping[Modality, float]

    def __post_init__(self) -> None:
        if isinstance(self.rate, Mapping):
            _modalities("random_positions", "rate", tuple(self.rate))
            rates = {m: _probability("random_positions", f"rate of {m}", self.rate.get(m, 0.0)) for m in MODALITIES}
            object.__setattr__(self, "rate", rates)
        else:
            object.__setattr__(self, "rate", _probability("random_positions", "rate", self.rate))

    def __hash__(self) -> int:
        return hash(str(self))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase positions whose uniform number lies below the rate."""
        rates = self.rate if isinstance(self.rate, Mapping) else dict.fromkeys(MODALITIES, self.rate)
        return {m: below(stream.positions(m), rates[m]) for m in MODALITIES if rates[m] > 0}


@register_mechanism("random_rates")
@dataclass(frozen=True)
class RandomRates(Mechanism):
    """Every sample and modality draws its own rate from U(0, 1); a share `clean` is left whole (LNLN training)."""

    clean: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "clean", _probability("random_rates", "clean", self.clean))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase positions at the rate that their sample and modality drew."""
        erased: dict[Modality, BoolArray] = {}
        for m in MODALITIES:
            rates = uniform(stream.samples("rate", m))
            rates[below(stream.samples("clean", m), self.clean)] = 0.0
            erased[m] = below(stream.positions(m), np.repeat(rates, layout.lengths(m)))
        return erased
