"""Answers as language models give them: absent, as words, on other scales, far off, with other separators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.results.external import (
    EvaluationSet,
    External,
    add_external,
    external_panel,
    inspect_predictions,
)
from benchmark.results.external.answers import AnswerRules, other_scale
from benchmark.results.study_results import StudyResults
from protocols import InputError
from tests.benchmark.fake_panel import leaderboard
from tests.benchmark.results.external.external_files import PROTOCOLS, filled, read_predictions, write


def read(table: pd.DataFrame, samples: EvaluationSet, folder: Path, **rules: str) -> External:
    return read_predictions(write(table, folder / "m.csv"), samples, PROTOCOLS, rules=AnswerRules.of(**rules))


def with_gaps(samples: EvaluationSet) -> pd.DataFrame:
    """Predictions of one seed, absent for the first sample everywhere and for the second under the first scenario."""
    table = filled(samples, (0,)).astype({"prediction": object})
    first, second = samples.sample_ids[:2]
    table.loc[table["sample_id"] == first, "prediction"] = ["", "None", "N/A", "nan"] * 2 + [""] * 3
    table.loc[(table["sample_id"] == second) & (table["scenario"] == table["scenario"][0]), "prediction"] = ""
    return table


def test_absent_answers_are_refused_by_default(toy_set: EvaluationSet, tmp_path: Path) -> None:
    found = inspect_predictions(write(with_gaps(toy_set), tmp_path / "m.csv"), toy_set, PROTOCOLS)
    assert any("choose with --absent how absent answers count" in line for line in found.faults)


def test_absent_answers_can_be_the_training_median(toy_set: EvaluationSet, tmp_path: Path) -> None:
    table = with_gaps(toy_set)
    found = read(table, toy_set, tmp_path, absent="constant")
    whole = read(filled(toy_set, (0,)), toy_set, tmp_path)
    assert found.missing == ()
    assert "12 absent answers counted as the median of the training labels" in found.notes
    assert (found.predictions[:, 0] == toy_set.constant[0]).all()
    assert (found.predictions[:, 2:] == whole.predictions[:, 2:]).all()
    rows = len(table)
    assert found.answered == {"m": pytest.approx((rows - 12) / rows)}
    shown = leaderboard(external_panel(found), "inter-drop", draws=20)
    at = [column.name for column in shown.columns].index("answered")
    cells = {row.cells[1].text: row.cells[at].text for row in shown.rows}
    assert cells["constant"] == ""
    assert next(text for name, text in cells.items() if name.startswith("m")).endswith(" %"), cells
    assert any("which has 9" in note.text for note in shown.footnotes)


def test_absent_answers_can_leave_the_sample_out_for_every_model(toy_set: EvaluationSet, tmp_path: Path) -> None:
    study = external_panel(read(filled(toy_set, (0,)).assign(model="other"), toy_set, tmp_path))
    found = read(with_gaps(toy_set), toy_set, tmp_path, absent="exclude")
    joined = add_external(study, found)
    assert joined.sample_ids.tolist() == toy_set.sample_ids[2:].tolist()
    assert joined.predictions.shape == (len(joined.cells), len(toy_set.sample_ids) - 2)
    assert any(f"2 of {len(toy_set.sample_ids)} test samples have an absent answer" in note for note in joined.notes)
    table = StudyResults("s", (joined,)).to_frame(["mae"], draws=20)
    own = table[(table["model"] == "other") & (table["scenario"] == "drop(rate=0)")]["value"].iloc[0]
    at = np.flatnonzero((study.cells["model"] == "other") & (study.cells["scenario"] == "drop(rate=0)"))[0]
    assert own == pytest.approx(np.abs(study.predictions[at] - study.label)[2:].mean())
    none = filled(toy_set, (0,)).assign(prediction="")
    with pytest.raises(InputError, match="no sample has an answer in every"):
        read(none, toy_set, tmp_path, absent="exclude")


def test_class_words_are_read_when_asked_for(toy_set: EvaluationSet, tmp_path: Path) -> None:
    table = filled(toy_set, (0,))
    words = table.assign(prediction=np.resize(["positive", "Negative", "neutral"], len(table)))
    found = read(words, toy_set, tmp_path, scale="words")
    assert set(np.unique(found.predictions)) == {-1.5, 0.0, 1.5}
    assert any("negative as -1.5, neutral as 0, positive as 1.5" in note for note in found.notes)
    with pytest.raises(
        InputError, match=r"'positive', expected a finite number; with --scale words, negative -1.5, neut"
    ):
        read(words, toy_set, tmp_path)
    with pytest.raises(InputError, match=r"'happy', expected one of negative, "):
        read(words.assign(prediction="happy"), toy_set, tmp_path, scale="words")


SCALES = [
    (np.linspace(0.02, 0.98, 50), (0.0, 1.0)),
    (np.linspace(0.1, 5.8, 50), (0.0, 6.0)),
    (np.linspace(1, 5, 50), (1.0, 5.0)),
    (np.linspace(0, 95, 50), (0.0, 100.0)),
    (np.array([0.0, 1, 2, 2, 1]), (0.0, 2.0)),
    (np.linspace(-2.5, 9.0, 50), None),
    (np.linspace(0.3, 2.5, 50), None),
    (np.full(50, 0.2), None),
    (np.array([0.0, 0.0]), None),
]


@pytest.mark.parametrize(("values", "scale"), SCALES)
def test_other_scales_are_recognised(values: np.ndarray, scale: tuple[float, float] | None) -> None:
    assert other_scale(values, (-3.0, 3.0)) == scale
    assert other_scale(values, (0.0, 100.0)) is None


def test_another_scale_is_refused_until_it_is_named(toy_set: EvaluationSet, tmp_path: Path) -> None:
    table = filled(toy_set, (0,))
    table = table.assign(prediction=((table["prediction"].clip(-3, 3) + 3) / 6).round(6))
    with pytest.raises(
        InputError, match=r"on a scale from 0 to 1, and not from -3 to 3 .* map them with --scale 0,1, or"
    ):
        read(table, toy_set, tmp_path)
    mapped = read(table, toy_set, tmp_path, scale="0,1")
    whole = read(filled(toy_set, (0,)), toy_set, tmp_path)
    np.testing.assert_allclose(mapped.predictions, whole.predictions.clip(-3, 3), atol=1e-5)
    assert any("mapped linearly from [0, 1] to [-3, 3]" in note for note in mapped.notes)
    kept = read(table, toy_set, tmp_path, scale="-3,3")
    assert kept.predictions.max() <= 1
    with pytest.raises(InputError, match=r"outside --scale 0,0.5; correct one"):
        read(table, toy_set, tmp_path, scale="0,0.5")
    with pytest.raises(InputError, match=r"scale '6,0': expected the lowest and the highest answer, such as 0,6"):
        AnswerRules.of(scale="6,0")


def test_one_answer_far_off_is_a_warning(toy_set: EvaluationSet, tmp_path: Path) -> None:
    table = filled(toy_set, (0,))
    table.loc[3, "prediction"] = 9.0
    notes = read(table, toy_set, tmp_path).notes
    assert any("outside the labels' range [-3, 3] are" in note and "the furthest 9; are" in note for note in notes)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_and_decimal_commas(toy_set: EvaluationSet, tmp_path: Path, separator: str) -> None:
    table = filled(toy_set, (0,))
    path = tmp_path / "m.csv"
    table.to_csv(path, index=False, sep=separator, decimal=",")
    found = read_predictions(path, toy_set, PROTOCOLS)
    assert found.predictions.tolist() == read(table, toy_set, tmp_path).predictions.tolist()
