"""Predictions of every epoch on the test set: the data of the optimism table, never of a result.

Training may not see the test part, so the weights of its epochs wait in scratch files until it has ended. Only then are
they evaluated, all epochs under one scenario after the other: masks and frozen text states are made once for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.torch import save_file

from baselines import SentimentModel
from benchmark.data.batches import MaskedPart
from benchmark.data.encoding import TextSide
from benchmark.runs.cells import epochs_table, epochs_writer
from benchmark.runs.record import Evaluation
from benchmark.training.inference import predict_sentiment
from benchmark.training.weights import copy_weights, load_weights
from protocols import Masks


class EpochWeights:
    """Weights of epochs in scratch files.

    Args:
        folder: Folder of the files; its maker removes it.

    Attributes:
        epochs: Kept epochs, in order; at first those of a killed training of the same run, which keeps the rest again.
        seconds: Seconds spent on writing them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.epochs = sorted(int(path.stem.removeprefix("epoch-")) for path in folder.glob("epoch-*.safetensors"))
        self.seconds = 0.0

    def keep(self, epoch: int, model: SentimentModel, text: TextSide | None) -> None:
        """Write the weights that a model, and an encoder that is trained with it, have after an epoch."""
        started = time.perf_counter()
        save_file(copy_weights(model, text), self.path(epoch))
        if epoch not in self.epochs:
            self.epochs.append(epoch)
        self.seconds += time.perf_counter() - started

    def drop(self) -> None:
        """Remove the kept weights."""
        for epoch in self.epochs:
            self.path(epoch).unlink(missing_ok=True)
        self.epochs = []

    def path(self, epoch: int) -> Path:
        """Return the file of an epoch."""
        return self.folder / f"epoch-{epoch}.safetensors"


def predict_epochs(
    kept: EpochWeights,
    cells: Sequence[Evaluation],
    ids: Sequence[str],
    part: Callable[[Masks], MaskedPart],
    masks: Callable[[str], Masks],
    model: SentimentModel,
    selected: pd.DataFrame,
    selected_epoch: int,
    file: Path,
    report: Callable[[int, int], None],
) -> None:
    """Predict the test part with the weights of every epoch and write the predictions, one row group per scenario.

    The selected epoch is not predicted again: the result itself is used. A prediction that is not finite
    is kept as it is; such an epoch cannot be chosen.

    Args:
        kept: Kept weights.
        cells: The scenarios under which the run was evaluated; those of equal masks are predicted once.
        ids: Ids of the test samples, in order.
        part: Test part as masked.
        masks: Function of a scenario that returns its masks.
        model: Model that gets the weights of one epoch after the other, and is left with any.
        selected: Predictions of the run: `scenario`, `sample_id`, `prediction`.
        selected_epoch: Epoch of these predictions.
        file: File to write.
        report: Function of (scenarios done, scenarios).
    """
    alike: dict[str, list[str]] = {}
    for cell in cells:
        alike.setdefault(cell.masks_sha256, []).append(cell.scenario)
    done = 0
    with epochs_writer(file) as writer:
        for scenarios in alike.values():
            given = part(masks(scenarios[0]))
            own = selected[selected["scenario"] == scenarios[0]].set_index("sample_id")["prediction"]
            rows = []
            for epoch in kept.epochs:
                if epoch == selected_epoch:
                    rows.append(own.loc[list(ids)].to_numpy(dtype=np.float64))
                    continue
                load_weights(model, given.text, kept.path(epoch), given.device)
                rows.append(predict_sentiment(model, given).numpy())
            for scenario in scenarios:
                writer.write_table(epochs_table(kept.epochs, scenario, ids, np.stack(rows)))
                done += 1
                report(done, len(cells))
