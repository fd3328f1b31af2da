"""Training regimes: what is erased while training and, with a fixed replicate, on the validation set.

A regime is a scenario drawn anew every epoch. `uncertain` is the default; any scenario text is a regime too, so that
`drop(rate=0.3)` is modality dropout and `random_positions(rate=0.5)` trains one model for one rate (TFR-Net style).
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.errors import unknown_name
from protocols.layout import HasLayout, Layout
from protocols.masks import Masks
from protocols.scenario import Scenario, parse

REGIMES: dict[str, str] = {
    "complete": "complete",
    "uncertain": "random_rates(clean=0.5) + drop(rate=0.3)",
}


@dataclass(frozen=True)
class Regime:
    """What is erased in training.

    Attributes:
        name: `complete`, `uncertain`, or the text of a scenario.
        scenario: What is drawn for every sample.
    """

    name: str
    scenario: Scenario

    @property
    def fingerprint(self) -> str:
        """Hash of the scenario: two names for the same erasure are the same regime."""
        return self.scenario.fingerprint

    def training_masks(self, data: Layout | HasLayout, replicate: int, epoch: int) -> Masks:
        """The draw of one epoch: a pure function of regime, replicate, epoch and sample, whatever the model."""
        return self.scenario.masks(data, "train", f"train/{replicate}/{epoch}")

    def validation_masks(self, data: Layout | HasLayout) -> Masks:
        """The one draw by which checkpoints are selected: the same for every model, seed and epoch."""
        return self.scenario.masks(data, "valid", "valid")


def get_regime(name: str) -> Regime:
    """The regime called `name`, or the one that draws the scenario written in `name`."""
    if name in REGIMES:
        return Regime(name, parse(REGIMES[name]))
    if "(" in name:
        scenario = parse(name)
        return Regime(str(scenario), scenario)
    raise unknown_name("training regime", name, REGIMES, hint="(or write a scenario)")
