"""Epochs chosen on the test set, as some papers do: to measure the effect, never for a result.

Arrays only. Each metric has its own epoch: the one with the best mean of that metric over some scenarios.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.evaluation.metrics import METRICS, score_cells
from protocols import InputError, unknown_name

#: `Panel.selection` of results, and of epochs chosen here.
VALID, TEST_ORACLE = "valid", "test-oracle"


@dataclass(frozen=True, eq=False)
class Candidates:
    """Test predictions of every epoch from which the checkpoint of one run was chosen.

    Attributes:
        epochs: `(E,)` numbers of epochs.
        selected: Number of the epoch that validation chose; one of them.
        scenarios: J names of scenarios.
        predictions: `(E, J, n)`; an epoch with a value that is not finite cannot be chosen.
        label: `(n,)` labels.
        label_range: Lowest and highest label.
    """

    epochs: tuple[int, ...]
    selected: int
    scenarios: tuple[str, ...]
    predictions: npt.NDArray[np.float64]
    label: npt.NDArray[np.float64]
    label_range: tuple[float, float] = (-3.0, 3.0)

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        samples: pd.DataFrame,
        selected: int,
        scenarios: Sequence[str],
        label_range: tuple[float, float] = (-3.0, 3.0),
    ) -> Candidates:
        """Make candidates from rows of `epoch`, `scenario`, `sample_id`, `prediction`, in any order.

        Args:
            table: Rows of predictions.
            samples: The test samples in order: `sample_id`, `label`.
            selected: Epoch that validation chose.
            scenarios: Scenarios to keep.
            label_range: Lowest and highest label.

        Raises:
            InputError: if a row is missing or occurs twice, or the selected epoch is missing.
        """
        epochs = tuple(sorted(int(e) for e in table["epoch"].unique()))
        shape = (len(epochs), len(scenarios), len(samples))
        at = np.stack(
            [
                _places(table["epoch"], epochs),
                _places(table["scenario"], scenarios),
                _places(table["sample_id"], samples["sample_id"].tolist()),
            ]
        )
        known = (at >= 0).all(axis=0)
        size = int(np.prod(shape))
        place = np.ravel_multi_index(tuple(at[:, known]), shape)
        if (np.bincount(place, minlength=size) != 1).any() or selected not in epochs:
            raise InputError(
                f"predictions of epochs: found {len(place)} for {len(epochs)} epochs under {len(scenarios)} scenarios, "
                f"expected each of {len(samples)} samples once and epoch {selected} among them; run the study again"
            )
        predictions = np.empty(size)
        predictions[place] = table["prediction"].to_numpy(dtype=np.float64)[known]
        label = samples["label"].to_numpy(dtype=np.float64)
        return cls(epochs, selected, tuple(scenarios), predictions.reshape(shape), label, label_range)

    @cached_property
    def scores(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return the values of every metric, `(E, J)`; NaN for epochs that cannot be chosen."""
        usable = np.isfinite(self.predictions).all(axis=(1, 2))
        cells = self.predictions[usable].reshape(-1, len(self.label))
        table = score_cells(self.label, cells, self.label_range).drop(columns="constant")
        scores = {}
        for name in table:
            values = np.full(self.predictions.shape[:2], np.nan)
            values[usable] = table[name].to_numpy(dtype=np.float64).reshape(int(usable.sum()), -1)
            scores[str(name)] = values
        return scores

    def best(self, metric: str, at: Sequence[str] | None = None) -> int:
        """Return the epoch with the best mean of a metric over some scenarios (default: all).

        The one that validation chose wins ties; otherwise the first of equals is taken.

        Raises:
            InputError: for an unknown metric or scenario.
        """
        if metric not in self.scores:
            raise unknown_name("metric", metric, self.scores)
        for name in at or ():
            if name not in self.scenarios:
                raise unknown_name("scenario", name, self.scenarios)
        columns = [self.scenarios.index(name) for name in at or self.scenarios]
        means = self.scores[metric][:, columns].mean(axis=1)
        means = means if METRICS[metric].higher_is_better else -means
        honest = means[self.epochs.index(self.selected)]
        if np.isnan(means).all() or honest == np.nanmax(means):
            return self.selected
        return self.epochs[int(np.nanargmax(means))]

    def of_epoch(self, epoch: int) -> npt.NDArray[np.float64]:
        """Return the predictions of one epoch, `(J, n)`."""
        found: npt.NDArray[np.float64] = self.predictions[self.epochs.index(epoch)]
        return found


def _places(column: pd.Series[Any], names: Sequence[object]) -> npt.NDArray[np.int64]:
    """Return the position in `names` of each value of a column; -1 for values that are not in `names`."""
    values = pd.Categorical(column)
    found: npt.NDArray[np.int64] = pd.Index(list(names)).get_indexer(values.categories)[values.codes].astype(np.int64)
    return found
