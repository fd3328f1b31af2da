"""Training regimes: scenarios drawn during training and, with a fixed replicate, on the validation set.

A regime is a scenario drawn again every epoch. `uncertain` is the default; `modality-dropout(0.3)` drops modalities;
`matched(random_positions(rate=0.5))` trains one model for one test scenario, as TFR-Net does, and is that scenario. Any
scenario's text is a regime too.

>>> str(get_regime("matched(drop(rate=0.5))").scenario)
'drop(rate=0.5)'
"""

from __future__ import annotations

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
    "modality-dropout(RATE)": "drop(rate=RATE)",
}


@dataclass(frozen=True)
class Regime:
    """Scenario drawn in training.

    Attributes:
        name: `complete`, `uncertain`, `matched(...)`, `modality-dropout(...)`, or the text of a scenario.
        scenario: Scenario drawn for every sample.
    """

    name: str
    scenario: Scenario

    @property
    def fingerprint(self) -> str:
        """Hash of the scenario: two names of one scenario are the same regime."""
        return self.scenario.fingerprint

    def training_masks(self, data: Layout | HasLayout, replicate: int, epoch: int) -> Masks:
        """Masks of one epoch: a pure function of regime, replicate, epoch and sample, independent of the model."""
        return self.scenario.masks(data, "train", f"train/{replicate}/{epoch}")

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
    matched = re.fullmatch(r"\s*matched\((.*)\)\s*", name, re.DOTALL)
    if matched:
        scenario = parse(matched[1])
        return Regime(f"matched({scenario})", scenario)
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
    return Regime(name, parse(_REGIMES.get(name, hint="(or write a scenario, or matched(SCENARIO))")))


register_regime("complete", "complete")
register_regime("uncertain", "random_rates(clean=0.5) + drop(rate=0.3)")
