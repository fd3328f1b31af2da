"""Rules for what is missing: mechanisms, scenarios, standard protocols, training regimes.

Needs numpy only; imports no other package of this suite.

>>> from protocols import parse
>>> scenario = parse("drop(rate=0.5) + random_positions(rate=0.2)")
"""

from protocols import standard
from protocols.corruption import Noise, Substitution
from protocols.counter import Stream
from protocols.display import Displayed
from protocols.errors import InputError, unknown_name
from protocols.export import MaskFile, export_masks, read_masks
from protocols.layout import MODALITIES, HasLayout, Layout, Modality
from protocols.masks import Masks
from protocols.mechanisms import Mechanism, mechanisms, register_mechanism
from protocols.numbers import read_number, read_whole
from protocols.protocol import Point, Protocol, get_protocol, protocols, register_protocol
from protocols.regimes import Regime, get_regime, regimes, register_regime
from protocols.registry import Registry, check_imports, load_plugin, origin_of, plugin_sha256
from protocols.scenario import Scenario, parse
from protocols.survey import leaves_everything

__all__ = [
    "MODALITIES",
    "Displayed",
    "HasLayout",
    "InputError",
    "Layout",
    "MaskFile",
    "Masks",
    "Mechanism",
    "Modality",
    "Noise",
    "Point",
    "Protocol",
    "Regime",
    "Registry",
    "Scenario",
    "Stream",
    "Substitution",
    "check_imports",
    "export_masks",
    "get_protocol",
    "get_regime",
    "leaves_everything",
    "load_plugin",
    "mechanisms",
    "origin_of",
    "parse",
    "plugin_sha256",
    "protocols",
    "read_masks",
    "read_number",
    "read_whole",
    "regimes",
    "register_mechanism",
    "register_protocol",
    "register_regime",
    "standard",
    "unknown_name",
]
