"""Mechanisms: rules by which positions are erased or corrupted, one file for each kind.

`inter` whole modalities, `intra` positions on their own, `structured` gaps of several positions, `informative` missing
not at random, `values` present but wrong, `mmsa` the masks of public loaders. `base` defines the interface.
"""

from protocols.mechanisms.base import Mechanism, mechanism_class, mechanisms, register_mechanism
from protocols.mechanisms.informative import Informative
from protocols.mechanisms.inter import Drop, MissingRatio, Subset
from protocols.mechanisms.intra import AlignedPositions, RandomPositions, RandomRates
from protocols.mechanisms.mmsa import MmsaPositions
from protocols.mechanisms.structured import Block, Burst
from protocols.mechanisms.unmarked import Unmarked
from protocols.mechanisms.values import GaussianNoise, OutOfStep, TokenErrors

__all__ = [
    "AlignedPositions",
    "Block",
    "Burst",
    "Drop",
    "GaussianNoise",
    "Informative",
    "Mechanism",
    "MissingRatio",
    "MmsaPositions",
    "RandomPositions",
    "RandomRates",
    "Subset",
    "OutOfStep",
    "TokenErrors",
    "Unmarked",
    "mechanism_class",
    "mechanisms",
    "register_mechanism",
]
