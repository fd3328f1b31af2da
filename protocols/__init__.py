"""What is missing: mechanisms, scenarios, standard protocols, training regimes.

Needs numpy only; imports nothing of ours.

>>> from protocols import parse
>>> scenario = parse("drop(rate=0.5) + random_positions(rate=0.2)")
"""

from protocols.errors import InputError, unknown_name
from protocols.layout import MODALITIES, HasLayout, Layout, Modality
from protocols.masks import Masks
from protocols.mechanisms import Mechanism, mechanisms, register_mechanism
from protocols.regimes import REGIMES, Regime, get_regime
from protocols.scenario import Scenario, parse
from protocols.standard import Point, Protocol, get_protocol, protocols, register_protocol

__all__ = [
    "MODALITIES",
    "REGIMES",
    "HasLayout",
    "InputError",
    "Layout",
    "Masks",
    "Mechanism",
    "Modality",
    "Point",
    "Protocol",
    "Regime",
    "Scenario",
    "get_protocol",
    "get_regime",
    "mechanisms",
    "parse",
    "protocols",
    "register_mechanism",
    "register_protocol",
    "unknown_name",
]
