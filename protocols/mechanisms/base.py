"""Interface of mechanisms, and their registry.

>>> @register_mechanism("every_other")
... @dataclass(frozen=True)
... class EveryOther(Mechanism):
...     \"\"\"Every second position of each modality is erased.\"\"\"
...
...     def erase(self, layout, present, stream):
...         return {m: layout.position_in_sample(m) % 2 == 1 for m in MODALITIES}
"""

from __future__ import annotations

import dataclasses
import keyword
from abc import ABC
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, TypeAlias, TypeVar

from protocols.corruption import Corruption, Filling
from protocols.counter import Stream
from protocols.errors import InputError, unknown_name
from protocols.layout import MODALITIES, BoolArray, Layout, Modality
from protocols.registry import Registry, origin_of

Erased: TypeAlias = Mapping[Modality, BoolArray]
Corrupted: TypeAlias = Mapping[Modality, Corruption]
Kind: TypeAlias = Literal["inter", "intra", "both", "value", "own"]


class Mechanism(ABC):
    """One rule. Subclasses are frozen dataclasses whose fields are the parameters, written and parsed as text.

    A mechanism overrides `erase`, `corrupt`, `fillings`, or several of them. It draws from the stream, whose numbers do
    not depend on the parameters: the same numbers at a higher rate make masks nested.

    Attributes:
        name: Name in a scenario's text.
        version: Version number, raised whenever any mask changes.
        adds_noise: True if `corrupt` may return noise, which is scaled by the power of the observed values; False if it
            only substitutes tokens.
        kind: `inter` (whole modalities), `intra` (positions), `both`, `value` (present but wrong), `own` (a user's).
        known_from: Papers or code that use the rule.
        at_random: True if the erased positions do not depend on the sample's values (missing completely at random;
            Rubin 1976). False: a gap carries information about the erased value.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    adds_noise: ClassVar[bool] = True
    kind: ClassVar[Kind] = "own"
    known_from: ClassVar[str] = ""
    at_random: ClassVar[bool] = True

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Choose the positions to erase.

        Args:
            layout: The samples and their positions.
            present: `(n, 3)`, True where text, audio, vision still has an observed position after earlier mechanisms.
            stream: Random numbers of this mechanism on this layout.

        Returns:
            By modality `(P,)`, True where the position is erased; untouched modalities may be omitted.
        """
        return {}

    def corrupt(self, layout: Layout, stream: Stream) -> Corrupted:
        """Choose the corruption of the remaining values: noise or substitution, by modality; none by default.

        Values are corrupted after all mechanisms of a scenario have erased; noise is scaled by the power of the
        observed values.
        """
        return {}

    def fillings(
        self, layout: Layout, observed: Mapping[Modality, BoolArray], stream: Stream
    ) -> Mapping[Modality, Filling]:
        """Choose content for erased positions, by modality; none by default. Only the last mechanism may fill.

        Args:
            layout: The samples and their positions.
            observed: By modality `(P,)`: positions that all mechanisms leave.
            stream: Random numbers of this mechanism on this layout.
        """
        return {}

    def __str__(self) -> str:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        given = ((f.name, getattr(self, f.name)) for f in fields)
        arguments = ", ".join(f"{name}={show(value)}" for name, value in given if value is not None)
        return f"{self.name}({arguments})"

    def __hash__(self) -> int:
        return hash(str(self))


_MECHANISMS: Registry[type[Mechanism]] = Registry("mechanism", "sentibench.protocols")
M = TypeVar("M", bound=type[Mechanism])


def register_mechanism(name: str) -> Callable[[M], M]:
    """Register a mechanism class under `name`, so that `parse` finds it; a class decorator.

    Raises:
        InputError: If the name is taken, or the class is not a frozen dataclass or defines neither `erase` nor
            `corrupt`.
    """

    def decorate(cls: M) -> M:
        if not name.isidentifier():
            raise InputError(f"mechanism '{name}': scenarios are read as text; use letters, digits and _ in its name")
        if "__dataclass_params__" not in vars(cls) or not vars(cls)["__dataclass_params__"].frozen:
            raise InputError(f"mechanism '{name}': put @dataclass(frozen=True) below @register_mechanism")
        if all(getattr(cls, act) is getattr(Mechanism, act) for act in ("erase", "corrupt", "fillings")):
            raise InputError(f"mechanism '{name}': define erase (which positions go) or corrupt (what values become)")
        # the hash that a dataclass makes of its fields fails for a field that is a mapping
        cls.__hash__ = Mechanism.__hash__  # type: ignore[method-assign]
        cls.name = name
        _MECHANISMS.add(name, cls, origin_of(cls))
        return cls

    return decorate


def mechanism_class(name: str) -> type[Mechanism]:
    """The registered class; raises InputError with the nearest names for an unknown one."""
    return _MECHANISMS.get(name)


def mechanisms() -> dict[str, type[Mechanism]]:
    """All registered mechanisms, in order of their kinds, then by name."""
    order = ("inter", "intra", "both", "value", "own")
    return dict(sorted(_MECHANISMS.all().items(), key=lambda item: (order.index(item[1].kind), item[0])))


def show(value: object) -> str:
    """A parameter as text that `parse` reads back; a single modality is written without brackets."""
    if isinstance(value, tuple) and len(value) == 1 and value[0] in MODALITIES:
        return str(value[0])
    return _show(value)


def _show(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_show, value))}{',' * (len(value) == 1)})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_show(k)}: {_show(v)}" for k, v in value.items()) + "}"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    # Python's keywords, such as True, are not read as text
    bare = isinstance(value, str) and value.isascii() and value.isidentifier() and not keyword.iskeyword(value)
    return str(value) if bare else repr(value)


def number(owner: str, field: str, value: object, low: float, high: float) -> float:
    """Check for a number from `low` to `high`; raises InputError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise InputError(f"{owner}: {field} must be a number from {low:g} to {high:g}, found {show(value)}")
    return float(value)


def probability(owner: str, field: str, value: object) -> float:
    """Check for a number from 0 to 1; raises InputError."""
    return number(owner, field, value, 0.0, 1.0)


def by_modality(owner: str, field: str, value: object, low: float, high: float) -> float | dict[Modality, float]:
    """Check for one number, or a mapping by modality (0 where none is given); raises InputError."""
    if isinstance(value, Mapping):
        modality_names(owner, field, tuple(value))
        return {m: number(owner, f"{field} of {m}", value[m], low, high) if m in value else 0.0 for m in MODALITIES}
    return number(owner, field, value, low, high)


def modality_names(owner: str, field: str, value: object) -> tuple[Modality, ...]:
    """Check for one name or several; returns them in the order of MODALITIES; raises InputError."""
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, (tuple, list, set, frozenset)) or not names:
        raise InputError(f"{owner}: {field} must name at least one of text, audio, vision, found {value!r}")
    for name in names:
        if name not in MODALITIES:
            raise unknown_name("modality", str(name), MODALITIES)
    return tuple(m for m in MODALITIES if m in names)


def rate_of(rate: float | Mapping[Modality, float], modality: Modality) -> float:
    """Rate of one modality."""
    return rate[modality] if isinstance(rate, Mapping) else rate


def whole(layout: Layout, gone: BoolArray) -> Erased:
    """Positions of whole modalities from `(n, 3)` flags."""
    return {m: gone[:, i][layout.sample_of_position(m)] for i, m in enumerate(MODALITIES) if gone[:, i].any()}
