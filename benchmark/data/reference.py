"""Data sets as studies and commands name them."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.words import ACROSS


@dataclass(frozen=True)
class Reference:
    """A data set with a split.

    Attributes:
        name: Name of a store, the generator with its options, or a registered name; for a model that is trained on one
            data set and tested on another, `mosi->mmmo` or `mosi/official->mmmo`.
        split: Named split, or the pattern of a family of splits such as `fold*`; empty for the first split.
    """

    name: str
    split: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """The reference written `name` or `name/split`; the split of `mosi/official->mmmo/fold0` is `fold0`."""
        before, across, last = text.rpartition(ACROSS)
        name, _, split = last.partition("/")
        return cls(f"{before}{across}{name}", split)

    def __str__(self) -> str:
        return f"{self.name}/{self.split}" if self.split else self.name
