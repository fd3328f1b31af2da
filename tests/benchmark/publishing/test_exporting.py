"""`sentibench export`: records agree with the tables, and exported models predict as their runs do."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from benchmark.cli.main import main
from benchmark.prediction.predict import find_runs, predict
from benchmark.publishing.exporting import FORMS
from benchmark.publishing.exporting import export as write
from benchmark.results.opening import find_results
from tests.benchmark.trained_studies import Studies
from tests.npz import write_npz


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_a_model_folder_predicts_as_the_runs_do(
    studies: Studies, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "card"
    code, out, _ = call(
        capsys, "export", "seeds", "--out", str(studies.runs), "--to", "hf-card", "--into", str(target), "--draws", "20"
    )
    assert (code, out) == (0, f"{target}: 8 files\n")
    folder = target / "toy_official-late-fusion-dropout"
    new = write_npz(studies.samples["toy"], studies.test_rows("toy"), tmp_path / "new.npz", lacking=["vision"])
    expected = predict(find_runs("seeds:late-fusion-dropout", studies.runs), new)
    found = predict(find_runs(str(folder), tmp_path), new)
    pd.testing.assert_frame_equal(found, expected)
    text = (folder / "seed-0" / "run.json").read_text()
    assert '"host"' not in text
    assert '"command"' not in text


def test_the_card_has_readable_front_matter(studies: Studies, tmp_path: Path) -> None:
    results = find_results("seeds", studies.runs)
    files = write(results, "hf-card", tmp_path, draws=20)
    (card,) = (path for path in files if path.name == "README.md")
    _, front, body = card.read_text().split("---\n", 2)
    (index,) = yaml.safe_load(front)["model-index"]
    record = json.loads((card.parent / "config.json").read_text())
    assert [r["dataset"]["revision"] for r in index["results"]] == [record["dataset"]["sha256"]] * len(
        record["protocols"]
    )
    assert "sentibench predict toy_official-late-fusion-dropout new.npz" in body
    assert "@article{late-fusion-dropout2016," in body


def test_records_agree_with_the_results(studies: Studies, tmp_path: Path) -> None:
    results = find_results("seeds", studies.runs)
    frame = results.to_frame(["mae"], by_seed=False, draws=20)
    expected = frame[frame["protocol"].str.startswith("complete")].iloc[0]
    (task,) = (p for p in write(results, "mteb-json", tmp_path / "m", draws=20) if p.name != "model_meta.json")
    content = json.loads(task.read_text())
    scores = {score["hf_subset"]: score for score in content["scores"]["test"]}
    own = scores[expected["protocol"]]
    assert own["mae"] == pytest.approx(expected["value"])
    assert (own["mae_low"], own["mae_high"]) == pytest.approx((expected["low"], expected["high"]))
    assert own["main_score"] == own["corr"]
    assert content["dataset_revision"] == results.plan.runs[0].spec.data_sha256 if results.plan else False
    assert content["sentibench"]["seeds"] == [0, 1, 2]
    assert task.parent.name == content["sentibench"]["versions"]["sentibench"]
    meta = json.loads((task.parent / "model_meta.json").read_text())
    assert meta.keys() >= {"name", "revision", "release_date", "n_parameters", "max_tokens", "training_datasets"}
    assert "ModDrop" in meta["citation"]
    (file,) = write(results, "lm-eval-json", tmp_path / "l", draws=20)
    done = json.loads(file.read_text())
    (task_name,) = (name for name in done["results"] if name.endswith("_complete"))
    assert done["results"][task_name]["mae,none"] == own["mae"]
    assert 0 < done["results"][task_name]["mae_stderr,none"] < own["mae_high"] - own["mae_low"]
    assert done["higher_is_better"][task_name]["mae"] is False
    assert done["n-samples"][task_name]["effective"] == len(results.panels[0].label)


def test_bad_requests_are_one_line(studies: Studies, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    arguments = ["export", "seeds", "--out", str(studies.runs), "--draws", "20"]
    code, _, err = call(capsys, *arguments, "--to", "mteb-json", "--into", str(tmp_path / "file" / "x"))
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot be written" in err
    code, _, err = call(capsys, *arguments, "--to", "nonsense")
    assert code == 2
    assert all(name in err for name in FORMS)
