"""Journal of a search: one line per suggested trial and per finished training, each on disk before the next.

A search that is killed loses the trainings that were running. A last line that was cut short is dropped; any other
unreadable line is an error. Readable without this program or Optuna: one JSON object per line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from benchmark.data.folds import fold_suffix
from benchmark.runs.spec import RunSpec
from benchmark.tuning.space import Fields
from protocols import InputError

#: `pruned`: ended early. `diverged`: a loss or a validation prediction was not finite. `rejected`: the
#: model does not accept these settings together. `failed`: any other error, or its process died: the next command tries
#: it again, while the other states are final.
Status = Literal["done", "pruned", "diverged", "rejected", "failed"]

#: Training of a trial: its data set, by the name that runs are filed under (`mosi~2of5`: a fold of it), and its
#: seed.
Key = tuple[str, int]


def key_of(spec: RunSpec) -> Key:
    """Return the training of a trial that a run is."""
    return spec.dataset + fold_suffix(spec.split), spec.seed


class Suggestion(BaseModel):
    """Settings of a trial."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["trial"] = "trial"
    trial: int
    fields: Fields


class TrainingRecord(BaseModel):
    """Outcome of the training of a trial on one data set, or one fold of it, with one seed.

    Attributes:
        trial: Number of the trial.
        dataset, seed: Training of the trial.
        run: Identity of the run that a study would make of the same settings.
        valid_mae: Validation MAE of the selected weights; None unless done.
        curve: Validation MAE by epoch; None in stages that no checkpoint may be chosen from.
        best_epoch: Number of the best epoch, from 1.
        seconds: Seconds of training, without text states, which are shared.
        error: Error in one line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["training"] = "training"
    trial: int
    dataset: str
    seed: int
    run: str
    status: Status
    valid_mae: float | None = None
    curve: tuple[float | None, ...] = ()
    best_epoch: int = 0
    seconds: float = 0.0
    error: str | None = None

    @property
    def key(self) -> Key:
        """Training of the trial."""
        return self.dataset, self.seed

    @property
    def final(self) -> bool:
        """True if training again would end in the same way."""
        return self.status != "failed"


_LINE: TypeAdapter[Suggestion | TrainingRecord] = TypeAdapter(
    Annotated[Suggestion | TrainingRecord, Field(discriminator="kind")]
)


class Journal:
    """Journal of one search; only one process at a time may hold it.

    Raises:
        InputError: with the line that cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.suggestions: dict[int, Fields] = {}
        self.trainings: dict[tuple[int, Key], TrainingRecord] = {}
        self._length = 0
        if path.exists():
            self._read()

    def add(self, entries: Iterable[Suggestion | TrainingRecord]) -> None:
        """Write entries; they are on disk when this returns."""
        entries = list(entries)
        lines = "".join(json.dumps(e.model_dump(mode="json"), allow_nan=False) + "\n" for e in entries).encode()
        with self._path.open("ab") as file:
            file.truncate(self._length)  # the rest of a line that a killed process left
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        self._length += len(lines)
        for entry in entries:
            self._take(entry)

    def _read(self) -> None:
        content = self._path.read_bytes()
        self._length = content.rfind(b"\n") + 1
        for number, line in enumerate(content[: self._length].splitlines(), 1):
            try:
                self._take(_LINE.validate_json(line))
            except ValidationError as error:
                reason = error.errors()[0]["msg"]
                raise InputError(
                    f"{self._path}: line {number} cannot be read ({reason}); remove the line to lose that training, or "
                    "the folder to start the search again"
                ) from None

    def _take(self, entry: Suggestion | TrainingRecord) -> None:
        if isinstance(entry, Suggestion):
            self.suggestions[entry.trial] = entry.fields
        else:
            self.trainings[entry.trial, entry.key] = entry
