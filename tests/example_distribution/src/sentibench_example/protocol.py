"""Protocol of recordings whose camera fails on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocols import (
    Layout,
    Mechanism,
    Point,
    Protocol,
    Stream,
    parse,
    register_mechanism,
    register_protocol,
    register_regime,
)
from protocols.counter import below, uniform
from protocols.layout import BoolArray
from protocols.mechanisms.base import Erased, probability


@register_mechanism("camera_fails")
@dataclass(frozen=True)
class CameraFails(Mechanism):
    """The camera of a share `rate` of the samples fails at some moment: vision is gone from then on."""

    rate: float

    kind = "intra"

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", probability("camera_fails", "rate", self.rate))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Vision after the moment, in the samples that are hit."""
        fails = below(stream.samples("fails"), self.rate)  # (n,): who fails at a low rate fails at every higher one
        moment = np.where(fails, uniform(stream.samples("moment")), 1.0)  # (n,), as a share of the sample
        owner = layout.sample_of_position("vision")  # (P,)
        return {"vision": layout.position_in_sample("vision") >= (moment * layout.lengths("vision"))[owner]}


@register_protocol
def camera_failure() -> Protocol:
    """Ever more cameras fail."""
    rates = (0.0, 0.25, 0.5, 0.75, 1.0)
    points = tuple(Point(parse(f"camera_fails(rate={rate})"), {"failure rate": rate}) for rate in rates)
    title = "a share of the cameras fails on the way"
    return Protocol("camera-failure", 1, title, points, ("failure rate",), ("mean", "auilc"))


register_regime("camera-failure", "camera_fails(rate=0.5)")
