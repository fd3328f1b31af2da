"""Options of an import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path


@dataclass(frozen=True)
class ImportOptions:
    """Choices that a source leaves open; a layout refuses options that it does not use.

    Attributes:
        split: A file that assigns videos or samples to train, valid and test (`benchmark.data.importers.splits`).
        use: `.csd` file of each role, such as `{"vision": "CMU_MOSI_Visual_Facet_42.csd"}`, or `none`.
        label_column: The column of the labels: a name for a CSV, a number from 0 for a `.csd`.
        text_column: The column of the text of a CSV.
        more: Further `.csd` files of the same data set.
        vocabulary: Vocabulary of the token ids of a pickle or an npz archive, one of `VOCABULARIES`.
        map_labels: Map the label range linearly to this one.
    """

    split: Path | None = None
    use: Mapping[str, str] = field(default_factory=dict)
    label_column: str | None = None
    text_column: str | None = None
    more: tuple[Path, ...] = ()
    vocabulary: str | None = None
    map_labels: tuple[float, float] | None = None

    def given(self) -> tuple[str, ...]:
        """Names of the options that were given."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) not in (None, {}, ()))
