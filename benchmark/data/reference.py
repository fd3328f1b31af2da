"""Data sets as studies and commands name them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A data set with a split.

    Attributes:
        name: Name of a store, the generator with its options, or a registered name.
        split: Named split, or the pattern of a family of splits such as `fold*`; empty for the first split.
    """

    name: str
    split: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """The reference written `name` or `name/split`."""
        name, _, split = text.partition("/")
        return cls(name, split)

    def __str__(self) -> str:
        return f"{self.name}/{self.split}" if self.split else self.name
