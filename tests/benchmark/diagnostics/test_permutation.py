"""Shuffled and true integrity in tables: paired differences, and a verdict that claims no more than they show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmark.diagnostics.permutation_data import CONTROL, GIVEN, OWN, SHUFFLED, TRUE, permutation_data
from benchmark.diagnostics.permutation_table import permutation_table, verdicts
from protocols import InputError
from tests.benchmark.diagnostics.made_examination import made_answers, made_points


@pytest.mark.parametrize(
    ("error", "change", "says"),
    [
        (0.8, 0.2, "worse: the model uses them"),
        (0.0, 0.2, "nothing gets worse when the scores are shuffled"),
        (0.0, 0.001, "too little to tell"),
    ],
)
def test_the_verdict_says_whether_the_scores_are_decoration(error: float, change: float, says: str) -> None:
    found = permutation_data(made_answers(error, change=change), made_points(), draws=300)
    (line,) = verdicts(found)
    assert says in line
    assert line in [note.text for note in permutation_table(found, "x").footnotes]


def test_the_control_says_whether_a_use_would_be_seen() -> None:
    found = permutation_data(made_answers(0.0), made_points(), draws=300)
    seen = found[(found["scenario"] == "") & (found["given"] == CONTROL)]
    assert (seen["p_holm"] < 0.05).all()
    assert (seen["as_good"] == 0).all()
    (line,) = verdicts(found)
    assert "decoration (control: shuffled text makes MAE, Acc-5 and Acc-7 worse)" in line
    (row, *_) = permutation_table(found, "x").rows
    mae = seen.set_index("metric").loc["mae"]
    assert [cell.value for cell in row.cells[-2:]] == [mae["difference"], mae["p_holm"]]
    (line,) = verdicts(permutation_data(made_answers(0.0, control_error=0.0), made_points(), draws=300))
    assert "nor when the text is: too few data to tell" in line
    assert "decoration" not in line


def test_worse_in_every_shuffling_but_not_beyond_chance_is_no_proof() -> None:
    found = permutation_data(made_answers(0.3, seeds=1, n=24), made_points(), draws=300)
    found["p_holm"] = found["p_holm"].where(found["p_holm"].isna(), 0.5)
    found["as_good"] = found["as_good"].where(found["as_good"].isna(), 0)
    (line,) = verdicts(found)
    assert "worse in each of 4 shufflings" in line
    assert "no proof" in line


def test_differences_are_paired_and_exact() -> None:
    answers = made_answers(0.8)
    found = permutation_data(answers, made_points(), draws=200)
    whole = found[found["scenario"] == ""].set_index(["metric", "given"])
    assert set(found["given"]) == set(GIVEN)
    assert (whole.xs(TRUE, level="given")["difference"] == 0).all()
    cells = answers.cells
    errors = np.abs(answers.predictions - answers.label).mean(axis=1)
    by_hand = errors[(cells["given"] == SHUFFLED).to_numpy()].mean() - errors[(cells["given"] == OWN).to_numpy()].mean()
    row = whole.loc[("mae", SHUFFLED)]
    assert np.isclose(row["difference"], by_hand)
    assert row["difference_low"] < by_hand < row["difference_high"]
    assert row["as_good"] == 0
    same = whole.xs(TRUE, level="given")
    assert (same[["difference_low", "difference_high"]] == 0).all(axis=None)  # though the values have wide intervals
    assert (same["high"] > same["low"]).all()
    lacking = replace(answers, cells=cells[cells["given"] != TRUE].reset_index(drop=True))
    lacking = replace(lacking, predictions=answers.predictions[(cells["given"] != TRUE).to_numpy()])
    with pytest.raises(InputError, match="true"):
        permutation_data(lacking, made_points(), draws=20)
