"""Data that papers used: the published file, its source, and the local store of its name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benchmark.data.catalog import list_stores
from benchmark.data.importers.meaning import OFFICIAL
from benchmark.data.reference import Reference
from benchmark.data.samples import PARTS, BoolArray, Samples
from benchmark.data.sources import load_samples
from benchmark.data.store import StoreInfo
from benchmark.data.synthetic import is_synthetic
from benchmark.papers.reported import published_as
from benchmark.study.plan import resolve_dataset
from protocols import MODALITIES

_MMSA = "the links in https://github.com/thuiar/MMSA"


@dataclass(frozen=True)
class Need:
    """Data set of the field.

    Attributes:
        name: Name of the store.
        title: Name for readers.
        file: Name of the published feature file.
        official: Name that the importer gives it.
    """

    name: str
    title: str
    file: str
    official: str

    @property
    def sha256(self) -> str:
        """sha256 of the published file."""
        return next(sha for sha, file in OFFICIAL.items() if file.title == self.official)

    def store(self) -> StoreInfo | None:
        """Store of this name; None if there is none."""
        return next((s for s in list_stores() if s.name == self.name), None)

    @property
    def state(self) -> str:
        """`yes`, `another file` (a store of this name from another source), or `no`."""
        found = self.store()
        if found is None:
            return "no"
        return "yes" if found.provenance.source_sha256 == self.sha256 else "another file"

    def warning(self, dataset: str) -> str:
        """Warn that the store `dataset` was made from another file; empty if it was not, or does not exist."""
        found = next((s for s in list_stores() if s.name == dataset), None)
        return self.differs if found and found.provenance.source_sha256 != self.sha256 else ""

    @property
    def differs(self) -> str:
        """Consequence of using another file than the published one."""
        return (
            f"This is not the published {self.file} (sha256 {self.sha256[:12]}...) that the papers used: numbers "
            "cannot be expected to agree"
        )

    @property
    def how_to_get(self) -> str:
        """Instructions to get the data, in one line."""
        return (
            f"needs {self.title} {self.file} (sha256 {self.sha256}), not found; get it from {_MMSA}, import it with "
            f"`sentibench data import {self.name} {self.file}`"
        )


#: Data sets by name of the store.
NEEDS: dict[str, Need] = {
    need.name: need
    for need in (
        Need("mosi", "MOSI", "unaligned_50.pkl", "MOSI unaligned_50"),
        Need("mosei", "MOSEI", "unaligned_50.pkl", "MOSEI unaligned_50"),
        Need("sims", "CH-SIMS", "unaligned_39.pkl", "SIMS unaligned_39"),
    )
}


def same_test_set(measured_on: str, published_on: str) -> bool:
    """Return True if a data set, as a study names it, has the test labels of the published numbers."""
    samples, tested = _tested(measured_on)
    return published_as(samples.label[tested], samples.provenance.label_range) == published_on


def _tested(reference: str) -> tuple[Samples, BoolArray]:
    """Return the samples of a data set, and those `(n,)` in the test parts of the splits that it names."""
    header, splits = resolve_dataset(reference)
    samples = load_samples(header.name)
    return samples, np.any([samples.splits[split] == PARTS["test"] for split in splits], axis=0)


@lru_cache(maxsize=8)
def data_facts(reference: str) -> str:
    """Describe the data of a measurement in a line: test samples, features, source."""
    samples, tested = _tested(reference)
    name = Reference.parse(reference).name
    test = samples.label[tested]
    signs = [int((test < 0).sum()), int((test == 0).sum()), int((test > 0).sum())]
    counts = f"{len(test)} test samples ({signs[0]} negative, {signs[1]} zero, {signs[2]} positive)"
    features = ", ".join(_features(name, modality) for modality in MODALITIES)
    line = f"{reference}: {counts}; {features}"
    if is_synthetic(name):
        return f"{line}; generated data"
    provenance = samples.provenance
    line += f"; from {provenance.source}" + (
        f" (sha256 {provenance.source_sha256[:12]}...)" if provenance.source_sha256 else ""
    )
    need = NEEDS.get(published_as(test, provenance.label_range))
    if need and provenance.source_sha256 != need.sha256:
        line += f". {need.differs}"
    return line


def _features(name: str, modality: str) -> str:
    stream = next(s for m, s in load_samples(name).streams.items() if m == modality)
    if not bool(np.asarray(stream.observed).any()):
        return f"{modality} absent"
    width = "tokens" if stream.values is None else f"{stream.width}-d"
    longest, middle = int(np.diff(stream.offsets).max()), float(np.median(np.diff(stream.offsets)))
    return f"{modality} {width}, " + (
        "1 position" if longest == 1 else f"median {middle:g} of at most {longest} positions"
    )
