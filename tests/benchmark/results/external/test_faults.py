"""Faults of predictions from elsewhere: told line by line, each with the row, what was found, and advice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.results.external import EvaluationSet, inspect_predictions
from protocols import InputError
from tests.benchmark.results.external.external_files import PROTOCOLS, change, filled, read_predictions, write

FAULTS = [
    ({"sample_id": "v3_77"}, "line 9: sample 'v3_77' is not in toy/official; did you mean"),
    ({"sample_id": "v0_0"}, "line 9: sample 'v0_0' is a train sample of toy/official"),
    ({"sample_id": ""}, "line 9: sample '' is not in toy/official"),
    ({"seed": "1.5"}, "line 9: seed is '1.5', expected an integer"),
    ({"seed": -1}, "line 9: seed is '-1', expected an integer"),
    ({"seed": ""}, "line 9: seed is empty, expected an integer"),
    ({"prediction": "nan"}, "line 9: prediction is 'nan', expected a finite number"),
    ({"prediction": "inf"}, "line 9: prediction is 'inf', expected a finite number"),
    ({"prediction": "1_0"}, "line 9: prediction is '1_0', expected a finite number"),
    ({"prediction": "0,5"}, "line 9: prediction is '0,5', expected a finite number"),
    ({"prediction": ""}, "line 9: prediction is empty; fill it in"),
    ({"scenario": "dorp(rate=0.5)"}, "line 9: unknown mechanism 'dorp'; did you mean drop"),
    ({"scenario": "drop(rate=0.55)"}, "line 9: scenario 'drop(rate=0.55)' is not of complete, inter-drop; add it with"),
    ({"scenario": "subset(available=text)"}, "add inter-subsets to the protocols"),
    ({"scenario": "0123456789abcdef"}, "fingerprint 0123456789abcdef is not that of any scenario"),
    ({"scenario": ""}, "line 9: scenario is empty"),
]


@pytest.mark.parametrize(("values", "says"), FAULTS)
def test_a_fault_is_one_line_with_file_row_and_advice(
    values: dict[str, object], says: str, toy_set: EvaluationSet, tmp_path: Path
) -> None:
    path = write(change(filled(toy_set), 7, **values), tmp_path / "mine.csv")
    found = inspect_predictions(path, toy_set, PROTOCOLS)
    assert found.external is None
    (line,) = found.faults
    assert line.startswith(f"{path}, line 9")
    assert says in line
    assert "\n" not in line


def test_all_faults_are_listed_at_once_each_with_its_number_of_rows(toy_set: EvaluationSet, tmp_path: Path) -> None:
    table = filled(toy_set)
    for row, (values, _) in enumerate(FAULTS):
        table = change(table, 3 * row, **values)
    table = pd.concat([table, table.iloc[[50, 51]]])
    path = write(table, tmp_path / "mine.csv")
    lines = inspect_predictions(path, toy_set, PROTOCOLS).faults
    kinds = {says.partition(":")[2].split("'")[0].strip() for _, says in FAULTS}
    assert len(lines) >= len(kinds) - 4
    assert any("seed is '1.5'" in line and "and 2 more rows" in line for line in lines)
    (twice,) = [line for line in lines if "already occurs" in line]
    assert f"line {len(table)} (and 1 more row)" in twice
    assert "in line 52; keep one" in twice


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "cannot be read as csv"),
        ("sample_id,scenario,seed,prediction\n", "has no rows"),
        ("sample,scenario,seed,prediction\na,complete,0,1\n", "no column 'sample_id'.*is it called sample"),
        ("sample_id,scenario,seed,prediction,seed\na,complete,0,1,0\n", "column 'seed' occurs twice"),
        ("sample_id,scenario,seed,prediction\na,complete,0,1\na,complete,0,1,5\n", "line 3, saw 5"),
    ],
)
def test_a_file_without_predictions_is_refused(content: str, says: str, toy_set: EvaluationSet, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=says):
        read_predictions(path, toy_set, PROTOCOLS)
    with pytest.raises(InputError, match="no such file"):
        read_predictions(tmp_path / "nowhere.csv", toy_set, PROTOCOLS)
    (tmp_path / "mine.xlsx").write_text("x")
    with pytest.raises(InputError, match=r"\.csv, \.parquet or \.jsonl"):
        read_predictions(tmp_path / "mine.xlsx", toy_set, PROTOCOLS)
    (tmp_path / "mine.parquet").write_text("x")
    with pytest.raises(InputError, match="cannot be read as parquet"):
        read_predictions(tmp_path / "mine.parquet", toy_set, PROTOCOLS)


def test_blanks_around_ids_count_neither_in_the_file_nor_in_an_old_store(
    toy_set: EvaluationSet, tmp_path: Path
) -> None:
    old = replace(toy_set, sample_ids=np.array([f" {i} " for i in toy_set.sample_ids], dtype=object))
    path = write(filled(old), tmp_path / "mine.csv")
    assert np.array_equal(
        read_predictions(path, old, PROTOCOLS).predictions, read_predictions(path, toy_set, PROTOCOLS).predictions
    )


def test_predictions_under_other_masks_are_refused(toy_set: EvaluationSet, tmp_path: Path) -> None:
    hashes = {scenario: sha for (_, scenario), sha in toy_set.masks_sha256(PROTOCOLS[1].scenarios).items()}
    table = filled(toy_set)
    table = table[table["scenario"] != "complete"]
    table["masks_sha256"] = table["scenario"].map(hashes)
    assert read_predictions(write(table, tmp_path / "a.csv"), toy_set, PROTOCOLS).models == ("a",)
    short = table.assign(masks_sha256=table["masks_sha256"].str[:16])
    assert read_predictions(write(short, tmp_path / "b.csv"), toy_set, PROTOCOLS).models == ("b",)
    swapped = table.assign(masks_sha256=table["scenario"].map({**hashes, "drop(rate=0.4)": hashes["drop(rate=0.5)"]}))
    found = inspect_predictions(write(swapped, tmp_path / "c.csv"), toy_set, PROTOCOLS)
    (line,) = found.faults
    assert "(and 59 more rows)" in line
    assert f"the masks of 'drop(rate=0.4)' have {hashes['drop(rate=0.4)'][:16]}" in line
    for empty in ("", "12"):
        table.loc[table.index[0], "masks_sha256"] = empty
        assert inspect_predictions(write(table, tmp_path / "d.csv"), toy_set, PROTOCOLS).faults


def test_a_null_is_an_empty_answer(toy_set: EvaluationSet, tmp_path: Path) -> None:
    table = change(filled(toy_set), 7, prediction=None).astype({"prediction": "Float64"})
    table.to_json(tmp_path / "mine.jsonl", orient="records", lines=True)
    table.to_parquet(tmp_path / "mine.parquet")
    for name in ("mine.jsonl", "mine.parquet"):
        (line,) = inspect_predictions(tmp_path / name, toy_set, PROTOCOLS).faults
        assert "row 8: prediction is empty; fill it in, remove the row, or choose with --absent" in line


def test_prompts_without_answers_are_named(toy_set: EvaluationSet, tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    table = filled(toy_set).drop(columns="prediction").assign(question="How?", prompt="It says")
    table.to_json(path, orient="records", lines=True)
    with pytest.raises(InputError, match="put the answer to each 'prompt' into its record as 'prediction'"):
        inspect_predictions(path, toy_set, PROTOCOLS)
