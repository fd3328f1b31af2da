"""Vision features without a model: a coarse picture and its movement, five frames a second. Not a face model."""

from __future__ import annotations

import numpy as np

from benchmark.data.extraction.clip import Clip
from benchmark.data.extraction.registry import Frames, nothing, register_extractor
from benchmark.data.samples import FloatArray

FRAMES_A_SECOND, SIDE = 5, 8
WIDTH = SIDE * SIDE + 1


@register_extractor("vision", "motion", version=1, licence="MIT (part of sentibench)")
def motion(clip: Clip) -> Frames:
    """Brightness of 8 x 8 areas, and its mean change since the picture before, at 5 Hz."""
    if not clip.has_pictures:
        return nothing(WIDTH)
    times = clip.times(FRAMES_A_SECOND)
    values, observed = np.zeros((len(times), WIDTH), np.float32), np.zeros(len(times), np.bool_)
    before: FloatArray | None = None
    for k, picture in enumerate(clip.pictures_at(FRAMES_A_SECOND)):
        if picture is not None:
            grey = picture.grey(SIDE, SIDE).ravel()
            values[k, :-1], observed[k] = grey, True
            if before is not None:
                values[k, -1] = np.abs(grey - before).mean()
            before = grey
    if observed.any():  # nothing is before the first picture: it has the movement of the second
        first = int(observed.argmax())
        values[first, -1] = values[min(first + 1, len(times) - 1), -1]
    return times, values, observed
