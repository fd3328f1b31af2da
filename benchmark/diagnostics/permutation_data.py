"""Integrity permutation as a table: change of the metrics with other samples' integrity, or the true one.

Predictions are those of one trained model whose integrity scores were exchanged at test time; nothing is trained again.
If no metric gets worse when the scores of the test samples are shuffled, the model does not use them, provided that
the same test finds a use that is certain, that of the text: the positive control (arXiv 2606.26473 has another one).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.diagnostics.placing import PLACE, place_of
from benchmark.evaluation.metrics import METRICS, metric_names
from benchmark.evaluation.statistics import DRAWS, Estimates, compare, confidence_intervals, holm, resample
from protocols import InputError, unknown_name

#: Integrity given to the model: its own estimate, those of other samples, the true one. In the positive control it is
#: the own one, and the encoded text is that of other samples.
OWN, SHUFFLED, TRUE, CONTROL = "own", "shuffled", "true", "control"
GIVEN = (OWN, SHUFFLED, TRUE, CONTROL)
PERMUTATION_COLUMNS = (
    "protocol", "scenario", *PLACE, "metric", "given", "value", "low", "high",
    "difference", "difference_low", "difference_high", "p", "p_holm", "change", "as_good", "permutations", "seeds",
    "samples", "videos", "level", "flag",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Answers:
    """Predictions of one model with different integrity scores, on n test samples.

    Attributes:
        sample_ids: `(n,)` str.
        video_ids: `(n,)` str: clusters of the bootstrap.
        label: `(n,)` labels.
        label_range: Lowest and highest label.
        cells: One row per cell: `given` (`own`, `true`, `shuffled`, `control`), `permutation` (its number; 0 for `own`
            and `true`), `seed`, `scenario`; row i belongs to `predictions[i]`.
        predictions: `(cells, n)` predictions.
        changes: One row per (`seed`, `scenario`): `change`, the change of a score by shuffling, as a mean absolute
            difference over samples, modalities and permutations.
    """

    sample_ids: npt.NDArray[np.object_]
    video_ids: npt.NDArray[np.object_]
    label: npt.NDArray[np.float64]
    label_range: tuple[float, float]
    cells: pd.DataFrame
    predictions: npt.NDArray[np.float64]
    changes: pd.DataFrame


def permutation_metrics(label_range: tuple[float, float]) -> tuple[str, ...]:
    """Return MAE, Acc-5 and Acc-7, or their equivalents on another scale."""
    known = metric_names(label_range)
    return tuple(m for m in ("mae", "acc5", "acc7", "acc5_sims", "acc3_sims") if m in known)


def permutation_data(
    answers: Answers,
    points: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    *,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute the effect of shuffled and of true integrity, and of shuffled text, on the metrics.

    A metric of `shuffled` and of `control` is the mean of the metric over the permutations (not the metric of a mean
    prediction).
    Differences are paired: the same samples, videos and seeds in every draw (`evaluation.statistics.compare`).

    By default the metrics are those of `permutation_metrics`; `points` are as in `Panel.points`.

    Returns:
        One row per (protocol, point, metric, `given`), and one with an empty `scenario` for the mean over the protocol:
        the point's position, `value` with `low`, `high` (over videos and seeds); of all but `own` the `difference` to
        it (`shuffled` minus own: above 0 is worse for MAE, better for an accuracy) with `difference_low`,
        `difference_high`, `p`, and over the means of all protocols and metrics `p_holm`; `change` (see `Answers`);
        `as_good`, the number of `permutations` whose metric is at least as good as with the own estimates; `seeds`,
        `samples`, `videos`, `level`, `flag` (see `compare`).

    Raises:
        InputError: for an unknown metric, or answers in which one of the four or a scenario is missing.
    """
    names = tuple(metrics or permutation_metrics(answers.label_range))
    for name in names:
        if name not in metric_names(answers.label_range):
            raise unknown_name(f"metric of label range {answers.label_range}", name, metric_names(answers.label_range))
    single = _resampled(answers, names, draws, seed)
    shuffles = {given: [own for key, own in single.items() if key.startswith(given)] for given in (SHUFFLED, CONTROL)}
    lacking = [given for given in GIVEN if given not in single and not shuffles.get(given)]
    if lacking:
        raise InputError(f"answers hold none of kind '{lacking[0]}'; examine the runs again")
    together = {given: _mean(given, shuffles[given]) if given in shuffles else single[given] for given in GIVEN}
    rows: list[dict[str, object]] = []
    for protocol, own_points in points.groupby("protocol", sort=False):
        scenarios = [str(s) for s in own_points["scenario"]]
        groups = {s: (s,) for s in scenarios} | {"": tuple(scenarios)}
        intervals = confidence_intervals(together, groups, level=level).to_dict("records")
        found = {(row["model"], row["group"], row["metric"]): row for row in intervals}
        for group, members in groups.items():
            changes = answers.changes[answers.changes["scenario"].isin(list(members))]
            common = {"protocol": str(protocol), "scenario": group, "change": float(changes["change"].mean())}
            common |= place_of(own_points, group)
            common |= {"permutations": len(shuffles[SHUFFLED]), "samples": len(answers.label), "level": level}
            for metric in names:
                counts = {given: _as_good(single[OWN], own, metric, members) for given, own in shuffles.items()}
                for given in GIVEN:
                    one = found[given, group, metric]
                    row = common | {"metric": metric, "given": given, "as_good": counts.get(given, np.nan)}
                    row |= {name: one[name] for name in ("value", "low", "high", "seeds", "videos", "flag")}
                    rows.append(row | _difference(together, given, metric, members, level))
    table = pd.DataFrame(rows)
    table["p_holm"] = np.nan
    for given in (SHUFFLED, TRUE, CONTROL):
        whole = (table["scenario"] == "") & (table["given"] == given)
        table.loc[whole, "p_holm"] = holm(table.loc[whole, "p"].to_numpy(np.float64))
    return table[list(PERMUTATION_COLUMNS)]


def _resampled(answers: Answers, metrics: Sequence[str], draws: int, seed: int) -> dict[str, Estimates]:
    """Return the estimates of `own`, `true`, `shuffled 0`, `shuffled 1` ..., `control 0` ..."""
    cells = answers.cells
    names = cells["given"].where(
        ~cells["given"].isin((SHUFFLED, CONTROL)), cells["given"] + " " + cells["permutation"].astype(str)
    )
    return resample(
        answers.label,
        answers.video_ids,
        cells.assign(model=names)[["model", "seed", "scenario"]],
        answers.predictions,
        label_range=answers.label_range,
        metrics=metrics,
        draws=draws,
        seed=seed,
        paired_seeds=True,
    )


def _mean(given: str, shuffles: Sequence[Estimates]) -> Estimates:
    """Every draw of a mean over permutations is the mean of their draws: videos and seeds are the same for all."""
    return replace(
        shuffles[0],
        model=given,
        values=np.mean([own.values for own in shuffles], axis=0),
        draws=np.mean([own.draws for own in shuffles], axis=0),
        seed_draws=np.mean([own.seed_draws for own in shuffles], axis=0),
    )


def _as_good(own: Estimates, shuffles: Sequence[Estimates], metric: str, scenarios: Sequence[str]) -> int:
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    bar = sign * float(own.curve(metric, scenarios).mean())
    values = [sign * float(one.curve(metric, scenarios).mean()) for one in shuffles]
    return sum(value >= bar - 1e-9 * abs(bar) for value in values)


def _difference(
    together: Mapping[str, Estimates], given: str, metric: str, scenarios: Sequence[str], level: float
) -> dict[str, object]:
    """Compute the differences to the model's own estimates."""
    if given == OWN:
        return dict.fromkeys(("difference", "difference_low", "difference_high", "p"), np.nan)
    found = compare(together[given], together[OWN], metric, scenarios, level=level)
    return {
        "difference": found["difference"],
        "difference_low": found["low"],
        "difference_high": found["high"],
        "p": found["p"],
        "flag": found["flag"],
    }
