"""Training regimes: scenarios drawn during training and, with a fixed replicate, on the validation set.

A regime is a scenario drawn again every epoch. `uncertain` is the default; `modality-dropout(0.3)` drops modalities;
`matched(random_positions(rate=0.5))` trains one model for one test scenario, as TFR-Net does, and is that scenario. Any
scenario's text is a regime too. `frozen(drop(rate=0.5))` draws once for the whole training and shows no complete
sample: data that were never complete.

>>> str(get_regime("matched(drop(rate=0.5))").scenario)
'drop(rate=0.5)'
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from protocols.errors import InputError
from protocols.layout import HasLayout, Layout
from protocols.masks import Masks
from protocols.registry import Registry
from protocols.scenario import Scenario, parse

_REGIMES: Registry[str] = Registry("training regime", "sentibench.protocols")

#: Regimes that take an argument, as listed by `protocols list`.
PARAMETRISED = {
    "matched(SCENARIO)": "SCENARIO",
    "frozen(SCENARIO)": "SCENARIO, drawn once; no complete view",
    "modality-dropout(RATE)": "drop(rate=RATE)",
}


@dataclass(frozen=True)
class Regime:
    """Scenario drawn in training.

    Attributes:
        name: Name of a regime, with its argument if it takes one, or the text of a scenario.
        scenario: Scenario drawn for every sample.
        frozen: True if one draw serves the whole training, and models that want a complete view get what the draw left.
    """

    name: str
    scenario: Scenario
    frozen: bool = False

    @property
    def fingerprint(self) -> str:
        """Hash of the scenario: two names of one scenario are the same regime, unless one of them is frozen."""
        if not self.frozen:
            return self.scenario.fingerprint
        return hashlib.sha256(f"frozen:1:{self.scenario.fingerprint}".encode()).hexdigest()[:16]

    def training_masks(self, data: Layout | HasLayout, replicate: int, epoch: int) -> Masks:
        """Masks of one epoch: a pure function of regime, replicate, epoch and sample, independent of the model.

        They are the same in every epoch if the regime is frozen.
        """
        return self.scenario.masks(data, "train", f"train/{replicate}/{'frozen' if self.frozen else epoch}")

    def validation_masks(self, data: Layout | HasLayout) -> Masks:
        """Masks for the selection of checkpoints: the same for every model, seed and epoch."""
        return self.scenario.masks(data, "valid", "valid")


def register_regime(name: str, scenario: str | Scenario) -> None:
    """Register a training regime under a name; raises InputError for a bad scenario or a name that is taken."""
    text = str(parse(scenario))
    _REGIMES.add(name, text, text)


def regimes() -> dict[str, str]:
    """All named regimes and the scenarios that they draw."""
    return _REGIMES.all()


def get_regime(name: str) -> Regime:
    """Return the regime called `name`, or the one that draws the scenario written in `name`.

    Raises:
        InputError: for an unknown name or a scenario that cannot be read.
    """
    wrapped = re.fullmatch(r"\s*(matched|frozen)\((.*)\)\s*", name, re.DOTALL)
    if wrapped:
        scenario = parse(wrapped[2])
        return Regime(f"{wrapped[1]}({scenario})", scenario, frozen=wrapped[1] == "frozen")
    dropout = re.fullmatch(r"\s*modality-dropout\((?:rate=)?([^()]*)\)\s*", name)
    if dropout:
        try:
            scenario = parse(f"drop(rate={dropout[1]})")
        except InputError as error:
            raise InputError(f"training regime '{name}': {error}; write it as modality-dropout(0.3)") from None
        return Regime(f"modality-dropout({dropout[1].strip()})", scenario)
    if "(" in name:
        scenario = parse(name)
        return Regime(str(scenario), scenario)
    return Regime(name, parse(_REGIMES.get(name, hint="(or write a scenario, matched(SCENARIO) or frozen(SCENARIO))")))


register_regime("complete", "complete")
register_regime("uncertain", "random_rates(clean=0.5) + drop(rate=0.3)")
register_regime("unmarked", "random_rates(clean=0.5, highest=0.5) + unmarked(fill=run)")
register_regime("uncertain-unmarked", "random_rates(clean=0.5) + drop(rate=0.3) + unmarked(fill=run)")
