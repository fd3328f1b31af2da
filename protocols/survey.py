"""Survey of a protocol on samples: realised integrity by modality, the masks of one example, shares of lost samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from protocols.errors import InputError
from protocols.layout import MODALITIES, BoolArray, FloatArray, Layout, Modality
from protocols.protocol import Point, Protocol
from protocols.scenario import parse


@dataclass(frozen=True, eq=False)
class PointSurvey:
    """Effect of one scenario.

    Attributes:
        point: The scenario and its coordinates.
        integrity: Realised integrity of every sample, `(n, 3)`.
        example: By modality `(T,)`: observed positions of the example sample.
        spoilt: By modality `(T,)`: corrupted positions of the example sample.
        filled: By modality `(T,)`: gaps of the example sample that hold other content.
        masks_sha256: Hash of all masks.
    """

    point: Point
    integrity: FloatArray
    example: Mapping[Modality, BoolArray]
    spoilt: Mapping[Modality, BoolArray]
    filled: Mapping[Modality, BoolArray]
    masks_sha256: str

    @property
    def mean(self) -> FloatArray:
        """Mean integrity of text, audio, vision, `(3,)`."""
        mean: FloatArray = self.integrity.mean(axis=0)
        return mean

    @property
    def gone(self) -> FloatArray:
        """Share of the samples without the modality, `(3,)`."""
        share: FloatArray = (self.integrity == 0).mean(axis=0)
        return share


@dataclass(frozen=True, eq=False)
class Survey:
    """A protocol on the samples of a layout."""

    protocol: Protocol
    layout: Layout
    sample: int
    points: tuple[PointSurvey, ...]

    @property
    def whole_modalities(self) -> bool:
        """True if some scenario is made to erase whole modalities and does so for some samples but not for all."""
        aims = any(m.kind in ("inter", "both") for p in self.points for m in p.point.scenario.mechanisms)
        return aims and any(((p.gone > 0) & (p.gone < 1)).any() for p in self.points)


def survey(protocol: Protocol, layout: Layout, sample: str | None = None) -> Survey:
    """Draw a protocol.

    Args:
        protocol: Protocol to draw.
        layout: The samples.
        sample: Id of the example; by default the sample of middle length.

    Raises:
        InputError: If there is no such sample.
    """
    if sample is None:
        size = np.sum([layout.lengths(m) for m in MODALITIES], axis=0)
        row = int(np.argsort(size, kind="stable")[len(size) // 2])
    elif sample in layout.sample_ids:
        row = layout.sample_ids.index(sample)
    else:
        raise InputError(f"no sample '{sample}'; ids are like '{layout.sample_ids[0]}'")
    points = []
    for point in protocol.points:
        masks = point.scenario.masks(layout)
        wrong: dict[Modality, BoolArray] = {}
        filled: dict[Modality, BoolArray] = {}
        for m in MODALITIES:
            start, stop = layout.offsets[m][row : row + 2]
            wrong[m] = np.zeros(stop - start, dtype=np.bool_)
            if m in masks.noise:
                wrong[m] |= masks.noise[m].amplitude[start:stop] > 0
            if m in masks.substituted:
                wrong[m] |= masks.substituted[m].where[start:stop]
            filled[m] = masks.filled[m].where[start:stop] if m in masks.filled else np.zeros(stop - start, np.bool_)
            if m in masks.shifted:
                wrong[m] |= masks.shifted[m].source[start:stop] != np.arange(start, stop)
        observed = {m: masks.of_sample(m, row) for m in MODALITIES}
        points.append(PointSurvey(point, masks.integrity(), observed, wrong, filled, masks.sha256()))
    return Survey(protocol, layout, row, tuple(points))


@lru_cache(maxsize=1)
def example_layout(samples: int = 1000) -> Layout:
    """Make samples of varied length with random salience, to examine a protocol without data."""
    rng = np.random.Generator(np.random.Philox(key=[0, 0]))
    longest = {"text": (3, 40), "audio": (10, 200), "vision": (10, 250)}
    lengths = {m: rng.integers(*longest[m], samples).tolist() for m in MODALITIES}
    salience = {m: rng.random(sum(lengths[m])) for m in MODALITIES}
    layout = Layout.of_lengths("example", [f"sample-{i}" for i in range(samples)], **lengths)
    return replace(layout, salience=lambda m: salience[m], donors=lambda: layout)


@lru_cache(maxsize=1024)
def leaves_everything(scenario: str) -> bool:
    """Return True if a scenario, however it is written, erases and corrupts nothing.

    Its masks are drawn on the samples of `example_layout`: at rate 0, or with every modality available, they are those
    of `complete`.

    Raises:
        InputError: for a text that is not a scenario, or one whose masks need a data set of a certain kind.
    """
    layout = example_layout()
    masks = parse(scenario).masks(layout)
    wrong = any(noise.amplitude.any() for noise in masks.noise.values()) or any(
        substitution.where.any() for substitution in masks.substituted.values()
    )
    return (
        not wrong
        and not masks.shifted
        and all(np.array_equal(masks.observed[m], layout.observed[m]) for m in MODALITIES)
    )
