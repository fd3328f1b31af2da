"""The masks of the public MMSA and LNLN loaders, for comparison with numbers made with them.

Facts read in `generate_m` of thuiar/MMSA (`data_loader.py`) and Haoyu-ha/LNLN (`core/dataset.py`); the code is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from protocols.counter import Stream
from protocols.errors import InputError
from protocols.layout import MODALITIES, BoolArray, FloatArray, Layout, Modality
from protocols.mechanisms.base import Erased, Mechanism, by_modality, probability, register_mechanism, show


@register_mechanism("mmsa_positions")
@dataclass(frozen=True)
class MmsaPositions(Mechanism):
    """The masks of the public MMSA / LNLN loaders for unaligned files, flaws included: for comparison only.

    For each modality the generator is seeded again with the same `seed`, and one uniform number is drawn for every
    position of the padded array `(n, steps)`; positions with a number of at most `rate` are erased. Masks therefore
    depend on the order of the samples and on the padding, and all modalities read one stream of numbers: the numbers
    of one sample's audio are those of another's vision. `[CLS]` and `[SEP]` are drawn too, and kept.

    `steps` is the padded length of each modality; by default that of the source file, or the length of the longest
    sample where the file's is not known. Masks equal those of the loaders bit for bit if `steps` are the lengths of
    their arrays, the order of the samples is theirs, and position j of a sample is column j of its array (the first
    word is column 1, after `[CLS]`). The import of an unaligned MMSA pickle keeps all three; the import of an aligned
    one trims leading frames, so the columns are lost and the mechanism refuses the data. Neither replicate nor sample
    ids enter the draw.

    Raises:
        InputError: On data imported from an aligned file, and if a sample is longer than `steps`.
    """

    rate: float
    seed: int = 1111
    steps: Mapping[Modality, float] | None = None

    kind = "intra"
    known_from = "thuiar/MMSA and Haoyu-ha/LNLN, missing_seed 1111"

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", probability("mmsa_positions", "rate", self.rate))
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise InputError(f"mmsa_positions: seed must be an integer from 0 to 2^32 - 1, found {show(self.seed)}")
        if self.steps is not None:
            given = self.steps if isinstance(self.steps, Mapping) else {}
            if set(given) != set(MODALITIES) or any(isinstance(v, float) and v % 1 for v in given.values()):
                raise InputError(
                    "mmsa_positions: steps must be whole numbers, as in {text: 50, audio: 375, vision: 500}"
                )
            object.__setattr__(self, "steps", by_modality("mmsa_positions", "steps", given, 1, 1e6))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase the positions that the loader's generator erases."""
        erased: dict[Modality, BoolArray] = {}
        for m in MODALITIES:
            length = layout.lengths(m)
            framed = 1 if m == "text" and layout.text_is_framed else 0  # [CLS] precedes the first token
            known = layout.steps.get(m, 0)
            if m != "text" and not known and layout.steps.get("text", 0):  # the mark that an aligned import leaves
                raise InputError(
                    f"mmsa_positions: the import of this data set does not say where its {m} stood in the padded array "
                    "(an aligned file is trimmed), so the loaders' masks cannot be drawn; import the unaligned file"
                )
            steps = int(self.steps[m]) if self.steps else known or int(length.max()) + 2 * framed
            if length.max(initial=0) + framed > steps:
                raise InputError(
                    f"mmsa_positions: a sample has {length.max()} positions of {m}, more than {steps} steps"
                )
            key = ("mmsa", m, self.seed, steps)
            drawn = layout.remember(key, partial(self._draw, layout, m, steps, framed))
            erased[m] = ~(drawn > self.rate)
        return erased

    def _draw(self, layout: Layout, modality: Modality, steps: int, framed: int) -> FloatArray:
        """`(P,)`: the number that the loader draws for each position."""
        # the generator that the loaders seed, as a separate instance, so that the global one is not changed
        padded = np.random.RandomState(self.seed).uniform(size=(len(layout), steps))
        owner, position = layout.sample_of_position(modality), layout.position_in_sample(modality)
        return padded[owner, position + framed]
