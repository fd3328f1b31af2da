"""Predictions of a file as the cells of a panel, with all faults and gaps of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.data.config import EncoderConfig
from benchmark.evaluation.panel import Gap
from benchmark.files import sha256_of
from benchmark.results.external import faults as checks
from benchmark.results.external.answers import USUAL, WORDS, AnswerRules, beyond, other_scale, word_value
from benchmark.results.external.columns import read_columns
from benchmark.results.external.coverage import coverage
from benchmark.results.external.samples import EvaluationSet
from benchmark.words import plural
from protocols import InputError, Protocol


@dataclass(frozen=True, eq=False)
class External:
    """External predictions of one or more models, in the order of an evaluation set.

    Attributes:
        samples: The n samples.
        protocols: The protocols that the scenarios were checked against.
        cells: One row per complete cell, with columns `model`, `seed`, `scenario`; row i belongs to `predictions[i]`.
        predictions: `(cells, n)` float64, finite.
        missing: Gaps of the grid of (seed, scenario, sample); incomplete cells are not among `cells`.
        absent: One row per missing prediction: `model`, `seed`, `scenario`, `sample_id`.
        answered: Share of the predictions of each model that the file has.
        left_out: Number of samples that are left out, see `AnswerRules.absent`; the others are `samples`.
        notes: Notes for the tables: the file with its sha256, and anything suspicious.
    """

    samples: EvaluationSet
    protocols: tuple[Protocol, ...]
    cells: pd.DataFrame
    predictions: npt.NDArray[np.float64]
    missing: tuple[Gap, ...]
    absent: pd.DataFrame
    answered: Mapping[str, float]
    left_out: int
    notes: tuple[str, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the rows."""
        return tuple(dict.fromkeys(self.cells["model"]))


@dataclass(frozen=True, eq=False)
class Inspection:
    """Content of a file and its faults, one line each. Without faults there are predictions."""

    external: External | None
    faults: tuple[str, ...]


def inspect_predictions(
    path: Path,
    samples: EvaluationSet,
    protocols: Sequence[Protocol],
    *,
    name: str = "",
    encoder: EncoderConfig | None = None,
    rules: AnswerRules = USUAL,
) -> Inspection:
    """Read and check a file of predictions, and return every kind of fault.

    Args:
        path: CSV, parquet or JSONL with columns `sample_id`, `scenario` (text or fingerprint), `seed`, `prediction`,
            and optionally `model` and `masks_sha256`.
        samples: Samples that the ids are checked against.
        protocols: Protocols that the scenarios are checked against.
        name: Name of the row; default: name of the file without its ending. Not for files with a column `model`, unless
            it holds only one.
        encoder: Text encoder whose tokens the masks were drawn on; read only if there is a column `masks_sha256`.
        rules: Treatment of absent answers, and scale of the others.

    Raises:
        InputError: if the file cannot be read, or has a missing column or no rows.
    """
    table = read_columns(path)
    faults = checks.Faults(path, table.index)
    models = _models(table, path, name)
    fine = checks.check_models(models, faults)
    scenario, ok = checks.check_scenarios(table["scenario"], protocols, faults)
    fine &= ok
    position, ok = checks.check_samples(table["sample_id"], samples, faults)
    fine &= ok
    seed, ok = checks.check_seeds(table["seed"], faults)
    fine &= ok
    value, ok = checks.check_values(table["prediction"], faults, rules, samples.label_range)
    rated = fine & ok
    cell, keys = _cells(models, seed, scenario, fine)
    code = cell * len(samples.sample_ids) + position

    def describe(i: int) -> str:
        return (
            f"sample '{samples.sample_ids[position[i]]}' of {models.iloc[i]}, seed {seed[i]}, under {scenario.iloc[i]}"
        )

    checks.check_duplicates(code, faults, describe, fine)
    if "masks_sha256" in table and fine.any():
        chosen = [s for p in protocols for s in p.scenarios if str(s) in set(scenario[fine])]
        expected = samples.masks_sha256(dict.fromkeys(chosen), encoder)
        split = samples.split_of[np.where(position < 0, 0, position)]
        checks.check_masks(table["masks_sha256"], scenario, split, expected, faults, fine)
    if rules.scale is None and rated.any():
        _check_scales(path, models[rated], value[rated], samples.label_range, faults)
    if faults.lines:
        return Inspection(None, tuple(faults.lines))
    grid = np.full((len(keys), len(samples.sample_ids)), np.nan)
    grid[cell[rated], position[rated]] = value[rated]
    return _gather(path, samples, protocols, keys, grid, rules)


def _check_scales(
    path: Path,
    models: pd.Series,
    values: npt.NDArray[np.float64],
    label_range: tuple[float, float],
    faults: checks.Faults,
) -> None:
    low, high = label_range
    for model, rows in models.reset_index(drop=True).groupby(models.to_numpy(), sort=False).indices.items():
        own = values[np.asarray(rows)]
        scale = other_scale(own, label_range)
        if scale:
            faults.lines.append(
                f"{path}: the {len(own)} predictions of {model} lie from {own.min():g} to {own.max():g}: on a scale "
                f"from {scale[0]:g} to {scale[1]:g}, and not from {low:g} to {high:g} as the labels? map them with "
                f"--scale {scale[0]:g},{scale[1]:g}, or confirm them with --scale {low:g},{high:g}"
            )


def _models(table: pd.DataFrame, path: Path, name: str) -> pd.Series:
    if "model" not in table:
        return pd.Series(name or path.stem, index=table.index, dtype=object)
    if not name:
        return table["model"]
    held = list(dict.fromkeys(table["model"]))
    if len(held) > 1:
        raise InputError(f"{path}: holds {len(held)} models ({', '.join(held[:5])}), --name is for one; leave it out")
    return pd.Series(name, index=table.index, dtype=object)


def _cells(
    models: pd.Series, seed: npt.NDArray[np.int64], scenario: pd.Series, fine: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], pd.DataFrame]:
    """Return the cell of every row (-1 for none), and the cells in order of first occurrence."""
    keys = pd.DataFrame(
        {"model": models.to_numpy(), "seed": seed, "scenario": scenario.to_numpy()}, index=range(len(models))
    )
    cell = np.full(len(keys), -1, dtype=np.int64)
    groups = keys[fine].groupby(["model", "seed", "scenario"], sort=False)
    cell[fine] = groups.ngroup().to_numpy()
    return cell, keys[fine].drop_duplicates(ignore_index=True)


def _gather(
    path: Path,
    samples: EvaluationSet,
    protocols: Sequence[Protocol],
    keys: pd.DataFrame,
    grid: npt.NDArray[np.float64],
    rules: AnswerRules,
) -> Inspection:
    listing = _listing(path, samples, protocols)
    names = list(dict.fromkeys(str(s) for p in protocols for s in p.scenarios))
    absent, gaps = coverage(keys, grid, samples.sample_ids, names, listing)
    given = ~np.isnan(grid)
    answered = {str(m): float(given[rows].mean()) for m, rows in keys.groupby("model", sort=False).indices.items()}
    left_out = 0
    if rules.absent == "constant":
        grid = np.where(given, grid, samples.constant)
    elif rules.absent == "exclude":
        kept = np.asarray(given.all(axis=0))
        left_out = int((~kept).sum())
        if not kept.any():
            return Inspection(None, (f"{path}: no sample has an answer in every (seed, scenario); none is left",))
        samples, grid = samples.only(kept), grid[:, kept]
    if rules.absent != "refuse":
        _, gaps = coverage(keys, grid, samples.sample_ids, names, listing)
    whole = np.flatnonzero(~np.isnan(grid).any(axis=1))
    if not len(whole):
        return Inspection(None, (f"{path}: no (seed, scenario) has all {grid.shape[1]} samples; {gaps[0]}",))
    cells, predictions = keys.iloc[whole].reset_index(drop=True), grid[whole]
    sha = sha256_of(path)
    notes = [f"{', '.join(dict.fromkeys(cells['model']))}: predictions made elsewhere, {path.name} (sha256 {sha[:16]})"]
    notes += _treatment(rules, samples, left_out, int((~given).sum()))
    notes += _odd(cells, predictions, samples.label_range)
    return Inspection(
        External(samples, tuple(protocols), cells, predictions, gaps, absent, answered, left_out, tuple(notes)), ()
    )


def _treatment(rules: AnswerRules, samples: EvaluationSet, left_out: int, absent: int) -> list[str]:
    """Describe how answers were mapped, and what became of absent ones."""
    notes, (low, high) = [], samples.label_range
    if rules.scale == "words":
        places = ", ".join(f"{word} as {word_value(word, samples.label_range):g}" for word in WORDS if len(word) > 3)
        notes.append(f"answers are class words, read as numbers ({places}): MAE and Corr are those of three values")
    elif rules.scale is not None and rules.scale != samples.label_range:
        first, last = rules.scale
        notes.append(f"answers were mapped linearly from [{first:g}, {last:g}] to [{low:g}, {high:g}]")
    if absent and rules.absent == "constant":
        notes.append(f"{plural(absent, 'absent answer')} counted as the median of the training labels")
    if left_out:
        total = left_out + len(samples.sample_ids)
        notes.append(f"{left_out} of {total} test samples have an absent answer and are left out, for every model")
    return notes


def _listing(path: Path, samples: EvaluationSet, protocols: Sequence[Protocol]) -> str:
    """Return the command that lists the missing predictions."""
    asked = ",".join(p.name for p in protocols if "(" not in p.name)
    options = [f"--protocols {quote(asked)}"] if asked else []
    options += [f"--scenario {quote(p.name)}" for p in protocols if "(" in p.name]
    start = f"sentibench score {quote(str(path))} --dataset {quote(samples.reference)}"
    return f"{start} {' '.join(options)} --template missing.csv"


def _odd(cells: pd.DataFrame, predictions: npt.NDArray[np.float64], label_range: tuple[float, float]) -> list[str]:
    """Describe predictions that are allowed but rarely meant: another scale, or the same under every scenario."""
    notes = []
    for model, rows in cells.groupby("model", sort=False).indices.items():
        own = predictions[np.asarray(rows)]
        if far := beyond(own.ravel(), label_range):
            notes.append(f"{model}: {far}")
        several = cells.iloc[rows].groupby("seed", sort=False).indices
        alike = all(len(r) > 1 and bool((own[r] == own[r[0]]).all()) for r in several.values())
        if alike and not bool((own == own.flat[0]).all()):
            notes.append(f"{model}: its predictions are the same under every scenario; were the masks applied?")
    return notes
