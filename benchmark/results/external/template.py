"""Template of a file of predictions: the rows to fill in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmark.files import csv_frame, replace_text
from benchmark.results.external.columns import COLUMNS
from benchmark.results.external.reading import External
from benchmark.results.external.samples import EvaluationSet
from protocols import InputError, Protocol


def template(samples: EvaluationSet, protocols: Sequence[Protocol], seeds: Sequence[int] = (0,)) -> pd.DataFrame:
    """Return every (seed, scenario, sample) of some protocols, `prediction` empty; shared scenarios occur once."""
    names = list(dict.fromkeys(str(s) for p in protocols for s in p.scenarios))
    grid = pd.MultiIndex.from_product([list(dict.fromkeys(seeds)), names, list(samples.sample_ids)])
    frame = grid.to_frame(index=False, name=["seed", "scenario", "sample_id"])
    return frame.assign(prediction="")[list(COLUMNS)]


def write_template(path: Path, rows: pd.DataFrame | External) -> int:
    """Write rows to fill in as CSV: those of `template`, or those missing from a file of predictions.

    Returns:
        Number of rows.

    Raises:
        InputError: if the path exists, does not end in .csv or cannot be written, or if no row is missing.
    """
    if isinstance(rows, External):
        if rows.absent.empty:
            raise InputError(f"{path}: nothing is missing from the predictions; leave --template out to evaluate them")
        several = len(set(rows.absent["model"]) | set(rows.models)) > 1
        columns = [*COLUMNS, "model"] if several else list(COLUMNS)
        rows = rows.absent.assign(prediction="")[columns]
    if path.suffix.lower() != ".csv":
        raise InputError(f"{path}: a template is written as CSV; give a name that ends in .csv")
    if path.exists():
        raise InputError(f"{path}: already exists; choose another file so that no predictions are overwritten")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, csv_frame(rows))
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
    return len(rows)
