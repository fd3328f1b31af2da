"""Search spaces of config fields: declared in the config, used by `sentibench tune`.

>>> class MyConfig(ModelConfig):
...     width: int = 128
...     search: ClassVar = {"width": Choice(64, 128, 256), "optimisation.learning_rate": Interval(1e-4, 1e-2, log=True)}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from protocols import InputError


@dataclass(frozen=True, init=False)
class Choice:
    """One value of a list: numbers, strings, truth values."""

    values: tuple[float | int | str | bool | None, ...]

    def __init__(self, *values: float | int | str | bool | None) -> None:
        if not values:
            raise InputError("Choice: give at least one value")
        object.__setattr__(self, "values", values)


@dataclass(frozen=True)
class Interval:
    """A number from `low` to `high`, uniform, or uniform in its logarithm; whole if both ends are integers."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise InputError(f"Interval: needs low < high, both positive on a log scale; found {self.low}, {self.high}")

    @property
    def whole(self) -> bool:
        """True if only integers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)


Search: TypeAlias = Choice | Interval
