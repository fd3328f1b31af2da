"""Points of a protocol and estimates of its models: the common input of tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from benchmark.evaluation.metrics import METRICS, constant_predictions
from benchmark.evaluation.panel import TOLD, UNKNOWN_REGIME, Panel
from benchmark.evaluation.plausibility import implausible
from benchmark.evaluation.shape import ProtocolShape
from benchmark.evaluation.statistics import DRAWS, Estimates, compare, corrected
from benchmark.words import counted, plural, sample_sizes, trained_and_tested
from protocols import InputError, get_protocol, unknown_name

#: Model that is computed from the generator of synthetic data: a bound, not ranked.
ORACLE = "oracle"
#: Model that predicts the training median: the floor.
CONSTANT = "constant"


def protocol_names(panel: Panel) -> list[str]:
    """Return the protocols of a panel, in order."""
    return [str(name) for name in dict.fromkeys(panel.points["protocol"])]


def protocols_called(name: str, known: Sequence[str]) -> list[str]:
    """Return the `known` names (with version) of the protocol called `name`, which may lack the version."""
    return [name] if name in known else [full for full in known if full.partition("@")[0] == name]


def protocol_points(panel: Panel, protocol: str | None = None) -> pd.DataFrame:
    """Return the points of one protocol in order: columns of `Panel.points`.

    Raises:
        InputError: if the panel has no such protocol, or several and none was named.
    """
    names = protocol_names(panel)
    if protocol is None:
        if len(names) != 1:
            raise InputError(f"protocol not given; the panel has {', '.join(names) or 'none'}: choose one")
        protocol = names[0]
    if protocol not in names:
        called = protocols_called(protocol, names)
        if len(called) != 1:
            raise unknown_name("protocol of the panel", protocol, names)
        protocol = called[0]
    points = panel.points[panel.points["protocol"] == protocol]
    return points.sort_values("order", kind="stable").reset_index(drop=True)


def shape_of(panel: Panel, protocol: str | None = None) -> ProtocolShape:
    """The shape of a protocol of a panel; arguments and errors as of `protocol_points`."""
    return ProtocolShape(protocol_points(panel, protocol))


def constant_cells(panel: Panel, scenarios: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Find (model, scenario) pairs in which the predictions of some seed are constant (`constant_predictions`)."""
    rows = np.flatnonzero(panel.cells["scenario"].isin(list(scenarios)).to_numpy(dtype=np.bool_))
    there = panel.cells.iloc[rows[constant_predictions(panel.predictions[rows], panel.split_of)]]
    return frozenset((str(m), str(s)) for m, s in zip(there["model"], there["scenario"], strict=True))


def _add_models(models: Sequence[str], all_models: Sequence[str]) -> str:
    """Return the command that adds models to a study whose file is not known."""
    return f"`sentibench run STUDY --models {','.join((*all_models, *models))}`"


def _no_oracle(at: str | None) -> Mapping[str, Panel]:
    return {}


@dataclass(frozen=True, eq=False)
class ProtocolResults:
    """Results of one protocol, from which tables are made. Bootstrap draws are made once for all of its tables.

    Attributes:
        panel: Predictions on one data set.
        protocol: Name.
        points: The protocol's points in order: columns of `Panel.points`.
        draws: Bootstrap draws.
        level: Confidence level of intervals, ranks and bold.
        seed: Seed of the draws.
        add_models: Function of names of models and of those in the study; returns the command that adds the former.
        test_oracle: Predictions of the epochs that are best on the test set, by metric, chosen at a point of the
            protocol (None: by its mean); empty where no epoch was evaluated there. They are not results.
    """

    panel: Panel
    protocol: str
    points: pd.DataFrame
    draws: int = DRAWS
    level: float = 0.95
    seed: int = 0
    add_models: Callable[[Sequence[str], Sequence[str]], str] = _add_models
    test_oracle: Callable[[str | None], Mapping[str, Panel]] = _no_oracle
    _corrected: dict[str, dict[tuple[str, str], float]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(
        cls,
        panel: Panel,
        protocol: str | None = None,
        *,
        draws: int = DRAWS,
        level: float = 0.95,
        seed: int = 0,
        add_models: Callable[[Sequence[str], Sequence[str]], str] = _add_models,
        test_oracle: Callable[[str | None], Mapping[str, Panel]] = _no_oracle,
    ) -> ProtocolResults:
        """Prepare the results of a protocol of a panel.

        Raises:
            InputError: if the panel has no such protocol, several and none was named, or a level outside 0 to 1.
        """
        if not 0 < level < 1:
            raise InputError(f"level is {level:g}, expected a share between 0 and 1, such as 0.95")
        points = protocol_points(panel, protocol)
        return cls(panel, str(points["protocol"].iloc[0]), points, draws, level, seed, add_models, test_oracle)

    @cached_property
    def scenarios(self) -> tuple[str, ...]:
        """Its scenarios in order."""
        return tuple(str(scenario) for scenario in self.points["scenario"])

    @cached_property
    def estimates(self) -> dict[str, Estimates]:
        """All metrics of every model that has any of the scenarios, the oracle included.

        Raises:
            InputError: if nothing was evaluated under the protocol.
        """
        return self.panel.estimates(self.scenarios, draws=self.draws, seed=self.seed)

    @cached_property
    def contest(self) -> dict[str, Estimates]:
        """The same without the oracle, which is a bound and not a contestant."""
        return {model: own for model, own in self.estimates.items() if model != ORACLE}

    def corrected(self, metric: str) -> dict[tuple[str, str], float]:
        """Return p of all pairs, see `statistics.corrected`, computed once for all tables."""
        if metric not in self._corrected:
            self._corrected[metric] = corrected(self.contest, metric, self.scenarios)
        return self._corrected[metric]

    @cached_property
    def told(self) -> dict[str, Estimates]:
        """Models that were told where their gaps are, by their name with `TOLD`; they are bounds and not ranked."""
        return {name: own for name, own in self._with_told.items() if name.endswith(TOLD)}

    @cached_property
    def _with_told(self) -> dict[str, Estimates]:
        """Models as they are and as told, with paired seeds: a seed is the same training."""
        panel = self.panel.told
        if panel is None or not panel.cells["scenario"].isin(self.scenarios).any():
            return {}
        found = panel.estimates(self.scenarios, draws=self.draws, seed=self.seed, paired_seeds=True)
        return {name: own for name, own in found.items() if name.removesuffix(TOLD) in self.contest}

    def not_knowing(self, model: str, metric: str) -> pd.Series | None:
        """Compare a model with itself told where its gaps are (`statistics.compare`); None if it was not told."""
        both = [self._with_told.get(name) for name in (model, f"{model}{TOLD}")]
        if both[0] is None or both[1] is None or any(own.holes(self.scenarios) for own in both if own):
            return None
        return compare(both[0], both[1], metric, self.scenarios, level=self.level)

    @cached_property
    def rows(self) -> dict[str, Estimates]:
        """All rows of tables: models, the oracle, and models that were told."""
        return {**self.estimates, **self.told}

    @cached_property
    def bounds(self) -> tuple[str, ...]:
        """Rows that are not ranked: models that were told, and the oracle."""
        return (*self.told, *((ORACLE,) if ORACLE in self.estimates else ()))

    @cached_property
    def implausible(self) -> dict[str, str]:
        """By model: why its result is too good to be true; without the others."""
        return implausible(self.estimates, ORACLE, self.panel.bound, self.scenarios, level=self.level)

    def ordered(self, metric: str) -> list[str]:
        """Models without the oracle, the best mean over the scenarios first; those with a hole last."""
        sign = -1.0 if METRICS[metric].higher_is_better else 1.0

        def position(model: str) -> tuple[bool, float, str]:
            own = self.contest[model]
            mean = np.nan if own.holes(self.scenarios) else float(own.by_seed(metric, self.scenarios).mean())
            return bool(np.isnan(mean)), 0.0 if np.isnan(mean) else sign * mean, model

        return sorted(self.contest, key=position)

    @cached_property
    def shape(self) -> ProtocolShape:
        """Positions of its scenarios on axes."""
        return ProtocolShape(self.points)

    @cached_property
    def constant_cells(self) -> frozenset[tuple[str, str]]:
        """Call the function of this name."""
        return constant_cells(self.panel, self.scenarios)

    @cached_property
    def heading(self) -> str:
        """Data set and protocol, as the start of a title."""
        chosen = "" if self.panel.selection == "valid" else f" (selection: {self.panel.selection})"
        return f"{dataset_title(self.panel.dataset, self.panel.split)}: {self.protocol}{chosen}"

    @cached_property
    def title(self) -> str:
        """Heading with the subject of the protocol."""
        try:
            return f"{self.heading} ({get_protocol(self.protocol).title})"
        except InputError:  # the protocol's plugin is not loaded, but its results are readable
            return self.heading

    @cached_property
    def sizes(self) -> str:
        """Sizes of the results of its models, see `describe`."""
        return describe(
            self.panel, self.scenarios, [len(own.seeds) for own in (self.contest or self.estimates).values()]
        )


def dataset_title(dataset: str, split: str) -> str:
    """Return the name of the data set, with its split unless that is the official one, marked if synthetic.

    Of two data sets, it says which of them models are trained on.
    """
    trained, tested = trained_and_tested(dataset)
    name = _marked(tested, tested if split == "official" else f"{tested}/{split}")
    return name if trained == tested else f"trained on {_marked(trained, trained)}, tested on {name}"


def _marked(dataset: str, name: str) -> str:
    return f"{name} (generated data)" if dataset.startswith("synthetic") else name


def trained_under(regime: str) -> str:
    """State the training regime of models; that of predictions made elsewhere may not be known."""
    return "training regime not known" if regime == UNKNOWN_REGIME else f"trained under '{regime}'"


def describe(panel: Panel, scenarios: Sequence[str], seeds: Sequence[int]) -> str:
    """State sample, video, seed and scenario counts, split and regime in one sentence."""
    sizes = [
        sample_sizes(len(panel.label), len(set(panel.video_ids.tolist())), panel.videos),
        f"{counted(seeds, 'seed')} per model",
        plural(len(scenarios), "scenario"),
    ]
    sentence = f"{', '.join(sizes)}; split '{panel.split}', {trained_under(panel.regime)}."
    return sentence + (" The data are synthetic." if panel.generated else "")


def sizes_of(panel: Panel) -> str:
    """State samples, videos and regime of a panel, as the note of a figure."""
    videos = plural(len(set(panel.video_ids.tolist())), "video")
    return f"{plural(len(panel.label), 'test sample')} of {videos}; {trained_under(panel.regime)}."
