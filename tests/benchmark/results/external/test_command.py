"""`sentibench score`: rates a file of predictions, writes a template, or says what is wrong in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmark.cli.main import main
from benchmark.publishing.measured import read_measured
from benchmark.results.external import EvaluationSet, evaluation_set, template
from protocols import get_protocol
from tests.benchmark.results.external.external_files import DEMO, change, filled, write


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["score", *arguments])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err  # type: ignore[return-value]


def test_the_command_rates_lists_and_refuses(
    toy_set: EvaluationSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--dataset", "toy", "--protocols", "complete,inter-drop"]
    path = tmp_path / "fill.csv"
    code, out, _ = call(capsys, *where, "--template", str(path), "--seeds", "3")
    assert code == 0
    assert f"{3 * 11 * 20} rows" in out
    mine = str(write(filled(toy_set), tmp_path / "mine.csv"))
    code, out, _ = call(capsys, mine, *where)
    assert code == 0
    assert "mine (external)" in out
    code, out, _ = call(capsys, mine, *where, "--name", "other", "--json")
    found = json.loads(out)
    assert found["models"] == ["other"]
    assert [table["protocol"] for table in found["tables"]] == ["complete", "inter-drop"]
    for form, says in (
        ("markdown", "| 1 |"),
        ("markdown", "training regime not known"),
        ("csv", "protocol"),
        ("latex", r"\toprule"),
        ("html", "<!doctype html>"),
    ):
        code, out, _ = call(capsys, mine, *where, "--format", form)
        assert code == 0
        assert says in out
    bad = change(change(filled(toy_set), 3, seed="x"), 5, sample_id="who")
    code, out, err = call(capsys, str(write(bad, tmp_path / "bad.csv")), *where)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 2
    for arguments, says in (
        ([mine], "--dataset and --protocols"),
        (where, "--template"),
        ([mine, "--dataset", "toy", "--protocols", "inter-dorp"], "did you mean inter-drop"),
        ([mine, *where, "--beside", str(DEMO)], "unknown data set"),
        ([mine, "--beside", str(DEMO), "--protocols", "intra-burst"], "unknown protocol of the panel"),
        ([mine, "--beside", str(DEMO)], "is not in synthetic"),
    ):
        code, _, err = call(capsys, *arguments)
        assert code == 2, arguments
        assert says in err
        assert "Traceback" not in err


def test_beside_a_study_it_has_ranks_among_its_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    panel = read_measured(DEMO).panels[0]
    samples = evaluation_set(f"{panel.dataset}/{panel.split}")
    rows = template(samples, [get_protocol("complete")], (0, 1, 2))
    label = rows["sample_id"].map(dict(zip(samples.sample_ids, samples.label, strict=True)))
    path = write(rows.assign(prediction=0.99 * label), tmp_path / "seer.csv")
    code, out, err = call(capsys, str(path), "--beside", str(DEMO), "--protocols", "complete", "--json")
    assert code == 0, err
    (table,) = json.loads(out)["tables"]
    ranked = [(row["rank"], row["model"]) for row in table["rows"]]
    assert ranked[0] == (1, "seer (external)")
    assert {name for _, name in ranked} >= {"almt", "constant", "oracle"}


def test_a_protocol_without_a_complete_scenario_says_what_is_missing(
    toy_set: EvaluationSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = filled(toy_set, (0,))
    path = write(table.drop(index=table.index[table["scenario"] == "complete"][0]), tmp_path / "mine.csv")
    code, out, _ = call(capsys, str(path), "--dataset", "toy", "--protocols", "complete,inter-drop")
    assert code == 0
    assert "toy: complete" in out
    assert "Missing: mine: seed 0 lacks 1 of 20 predictions" in " ".join(out.split())
    never = write(table[table["scenario"] != "complete"], tmp_path / "never.csv")
    code, out, _ = call(capsys, str(never), "--dataset", "toy", "--protocols", "complete,inter-drop")
    assert "toy: complete" not in out
