"""Integrity estimates as tables: calibration, error, and dominant modality.

Reads the table of `benchmark.results.statements.Diagnostics`, a row per (model, seed, scenario, sample).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.evaluation.metrics import integrity_scores
from benchmark.evaluation.sample_means import sample_means
from benchmark.evaluation.statistics import DRAWS, confidence_intervals
from protocols import MODALITIES, InputError

CALIBRATION_COLUMNS = (
    "model", "modality", "bin", "samples", "observed", "estimated", "low", "high", "mae", "spearman", "scenarios",
    "seeds",
)  # fmt: skip
DECAY_COLUMNS = (
    "model", "quantity", "modality", "axis", "x", "order", "scenario", "mean", "low", "high", "seeds", "level", "flag",
)  # fmt: skip
_BINS = 10
_ESTIMATED = [f"integrity_{m}" for m in MODALITIES]
_OBSERVED = [f"observed_{m}" for m in MODALITIES]


def seed_ranks(table: pd.DataFrame) -> dict[str, float]:
    """Compute Spearman's correlation of estimated and true integrity, by modality: of each seed over all its samples,
    averaged over seeds; NaN if a seed has none, as truth or estimate is constant or unknown.
    """
    if table[_ESTIMATED].isna().to_numpy().any():
        return dict.fromkeys(MODALITIES, np.nan)
    found = []
    for _, one in table.groupby("seed"):
        scores = integrity_scores(one[_OBSERVED].to_numpy(np.float64), one[_ESTIMATED].to_numpy(np.float64))
        found.append(scores["spearman"].where(~scores["constant"].astype(bool)))
    means = pd.concat(found, axis=1).mean(axis=1, skipna=False)
    return {modality: float(means[modality]) for modality in MODALITIES}


def recorded(table: pd.DataFrame) -> list[str]:
    """Return the modalities of which anything was observed under some scenario; the others are not in the data."""
    return [modality for modality in MODALITIES if not (table[f"observed_{modality}"] == 0).all()]


def calibration_data(table: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """Compare estimated with true integrity.

    The scenarios of `points`, rows of `Panel.points`, are pooled.

    Returns:
        One row per (model, modality, bin of true integrity): `bin` (0: all is missing, 1 to 10: tenths of what lies
        between, 11: nothing is missing; empty bins are left out), `samples` (predictions of all seeds and scenarios),
        `observed` and `estimated` (means), `low`, `high` (10th and 90th percentile of the estimates), and for the
        modality as a whole `mae`, `spearman` (`seed_ranks`), `scenarios`, `seeds`. A modality that is not in the data
        has no rows.

    Raises:
        InputError: if no model estimates integrity under these scenarios.
    """
    scenarios = set(points["scenario"])
    own = table[table["scenario"].isin(scenarios)].dropna(subset=[*_ESTIMATED, *_OBSERVED])
    if own.empty:
        raise InputError("no model of the study estimates integrity; only those that do have a calibration")
    rows: list[dict[str, object]] = []
    there = recorded(table)
    for model, part in own.groupby("model", sort=True):
        truth, guess = part[_OBSERVED].to_numpy(np.float64), part[_ESTIMATED].to_numpy(np.float64)
        errors, ranks = integrity_scores(truth, guess)["mae"].to_numpy(np.float64), seed_ranks(part)
        whole = {"scenarios": part["scenario"].nunique(), "seeds": part["seed"].nunique()}
        for column, modality in enumerate(MODALITIES):
            if modality not in there:
                continue
            bins = _bins(truth[:, column])
            quality = {"mae": float(errors[column]), "spearman": ranks[modality]}
            for number in np.unique(bins):
                here = bins == number
                low, high = (float(v) for v in np.quantile(guess[here, column], (0.1, 0.9)))
                rows.append(
                    {
                        "model": str(model),
                        "modality": modality,
                        "bin": int(number),
                        "samples": int(here.sum()),
                        "observed": float(truth[here, column].mean()),
                        "estimated": float(guess[here, column].mean()),
                        "low": low,
                        "high": high,
                        **quality,
                        **whole,
                    }
                )
    return pd.DataFrame(rows, columns=list(CALIBRATION_COLUMNS))


def decay_data(
    table: pd.DataFrame, points: pd.DataFrame, *, draws: int = DRAWS, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Compute the error of estimated integrity and the share of samples that each modality leads, along an axis.

    `points` are those of a protocol with numeric axes, as in `Panel.points`.

    Returns:
        One row per (model, quantity, modality, point): `quantity` is `error` (mean absolute error of the estimate) or
        `dominant` (share of samples that the modality leads), `axis`, `x`, `order`, `scenario`, `mean` (over seeds),
        `low`, `high` (over videos and seeds), `seeds`, `level`, `flag` (as `confidence_intervals`). A modality that is
        not in the data has no error.

    Raises:
        InputError: if no model provides diagnostics under these scenarios, or a sample is missing under one of them.
    """
    known = set(table["scenario"])
    scenarios = [str(s) for s in points["scenario"] if s in known]
    parts = []
    there = recorded(table)
    for column, modality in enumerate(MODALITIES):
        off = (table[f"integrity_{modality}"] - table[f"observed_{modality}"]).abs()
        leads = (table["dominant"] == column).astype("float64").where(table["dominant"].notna())
        for quantity, values in (("error", off), ("dominant", leads)):
            own = table.assign(value=values)[values.notna() & table["scenario"].isin(scenarios)]
            if not own.empty and (quantity != "error" or modality in there):
                found = _intervals(own, scenarios, draws, level, seed)
                parts.append(found.assign(quantity=quantity, modality=modality, level=level))
    if not parts:
        raise InputError("no model of the study estimates integrity or says which modality leads")
    result = pd.concat(parts, ignore_index=True)
    places = points.drop_duplicates("scenario").set_index("scenario")
    for name in ("axis", "x", "order"):
        result[name] = result["scenario"].map(places[name])
    keys = ["model", "quantity", "modality", "order"]
    ranked = {"error": 0, "dominant": 1} | {m: i for i, m in enumerate(MODALITIES)}
    result = result.sort_values(
        keys, key=lambda c: c.map(ranked) if c.name in ("quantity", "modality") else c, kind="stable"
    )
    return result.reset_index(drop=True)[list(DECAY_COLUMNS)]


def _bins(truth: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the bin of a share: 0 for nothing, 11 for everything, tenths between."""
    inner = 1 + np.minimum((truth * _BINS).astype(np.int64), _BINS - 1)
    return np.where(truth <= 0, 0, np.where(truth >= 1, _BINS + 1, inner))


def _intervals(own: pd.DataFrame, scenarios: list[str], draws: int, level: float, seed: int) -> pd.DataFrame:
    """Average `value` over samples, then seeds, with intervals."""
    by_model = {str(model): part for model, part in own.groupby("model")}
    estimates = sample_means(by_model, draws=draws, seed=seed)
    found = confidence_intervals(estimates, {s: (s,) for s in scenarios}, level=level)
    found[["low", "high"]] = found[["low", "high"]].clip(0.0, 1.0)  # shares, and errors of shares
    return found.rename(columns={"value": "mean", "group": "scenario"})
