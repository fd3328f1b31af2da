"""Masks: the positions of a set of samples that a scenario leaves observed, and those whose values it corrupts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from protocols.corruption import Filling, Noise, Shift, Substitution
from protocols.display import Displayed
from protocols.layout import MODALITIES, BoolArray, FloatArray, IntArray, Layout, Modality, segment_sums


@dataclass(frozen=True, eq=False, repr=False)
class Masks(Displayed):
    """Observed positions of every sample, in the ragged order of the layout.

    Attributes:
        layout: The masked samples.
        observed: By modality `(P,)`: True where the data set has the position and the scenario leaves it.
        noise: By modality: noise that is added to the values of observed positions.
        substituted: By modality: positions whose value is replaced, such as a misheard word.
        shifted: By modality: content that has moved, before anything is erased or corrupted.
        filled: By modality: content at erased positions, which stay unobserved; without it they are zeros or `[UNK]`.
    """

    layout: Layout
    observed: Mapping[Modality, BoolArray]
    noise: Mapping[Modality, Noise] = field(default_factory=dict)
    substituted: Mapping[Modality, Substitution] = field(default_factory=dict)
    shifted: Mapping[Modality, Shift] = field(default_factory=dict)
    filled: Mapping[Modality, Filling] = field(default_factory=dict)

    def facts(self) -> tuple[str, Mapping[str, object]]:
        """Return the number of samples, and the mean share of each modality that is left."""
        left = dict(zip(MODALITIES, self.integrity().mean(axis=0), strict=True))
        shares = {modality: f"{100 * share:.1f} % left" for modality, share in left.items()}
        return "masks", {"samples": len(self.layout.sample_ids), **shares}

    def integrity(self) -> FloatArray:
        """`(n, 3)`: observed over valid positions of text, audio, vision; realised, and 0 where there are none."""
        return integrity_of(self.observed, self.layout.offsets)

    def of_sample(self, modality: Modality, index: int) -> BoolArray:
        """`(T,)`: the mask of one modality of the sample at `index`."""
        start, stop = self.layout.offsets[modality][index : index + 2]
        return self.observed[modality][start:stop]

    def sha256(self) -> str:
        """Hash of sample ids, lengths, masks and corruptions; equal if and only if these are equal."""
        digest = hashlib.sha256("\n".join(self.layout.sample_ids).encode())
        for modality in MODALITIES:
            digest.update(modality.encode())
            digest.update(self.layout.offsets[modality].astype("<i8").tobytes())
            digest.update(np.packbits(self.observed[modality]).tobytes())
            for corruptions in (self.noise, self.substituted, self.shifted, self.filled):
                if modality in corruptions:
                    digest.update(corruptions[modality].bytes())
        return digest.hexdigest()


def integrity_of(observed: Mapping[Modality, BoolArray], offsets: Mapping[Modality, IntArray]) -> FloatArray:
    """`(n, 3)`: share of observed positions by sample and modality, 0 where there are none; see `Masks.integrity`."""
    columns = []
    for modality in MODALITIES:
        kept = segment_sums(observed[modality], offsets[modality])
        columns.append(kept / np.maximum(np.diff(offsets[modality]), 1))
    return np.stack(columns, axis=1)
