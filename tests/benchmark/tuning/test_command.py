"""`sentibench tune`."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.cli.main import main
from tests.benchmark.tuning.toy import plugin


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.mark.usefixtures("inline")
def test_the_command_from_dry_run_to_a_study(toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "tuned"
    arguments = ["tune", "toy", "--dataset", toy, "--plugin", plugin(tmp_path), "--epochs", "1", "--workers", "1"]
    arguments += ["--seeds", "2", "--budget", "5", "--out", str(out)]
    code, text, _ = call(capsys, *arguments, "--dry-run")
    assert code == 0
    assert "inner.gain" in text
    assert "0.0001 to 0.01 (log)" in text
    assert not out.exists()
    code, text, _ = call(capsys, *arguments, "--dry-run", "--json")
    assert json.loads(text)["to_do"] == [0, 1, 2, 3, 4]
    code, text, err = call(capsys, *arguments)
    assert code == 0, err
    assert text.count("validation MAE") >= 6
    assert "0, first" in text
    code, text, _ = call(capsys, *arguments, "--json")
    assert code == 0
    content = json.loads(text)
    assert content["trained"] == 0
    assert len(content["trials"]) == 5
    command = content["use"].split()
    assert command[:2] == ["sentibench", "run"]
    code, text, err = call(
        capsys,
        *command[1:],
        "--dry-run",
        "--protocols",
        "complete",
        "--seeds",
        "1",
        "--workers",
        "1",
        "--out",
        str(tmp_path / "runs"),
    )
    assert code == 0, err
    assert (text.count("toy toy seed 0"), text.count("toy toy-tuned seed 0")) == (1, 1)
    code, text, _ = call(capsys, *arguments, "--config", content["best_file"], "--dry-run", "--json")
    began = json.loads(text)["first"]
    best = content["trials"][content["best"]]
    assert all(began[field] == best[field] for field in began)
    elsewhere = ["tune", "toy", "--dataset", f"{toy}/fold0", *arguments[4:]]
    code, _, err = call(capsys, *elsewhere, "--config", content["best_file"], "--dry-run")
    assert code == 2
    assert "its settings were found on toy/official" in err


@pytest.mark.usefixtures("inline")
def test_data_sets_are_named_one_by_one_with_the_commas_of_their_options(
    tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = ["synthetic:size=tiny,seed=1", "synthetic:seed=2,size=tiny"]
    arguments = ["tune", "toy", *(word for name in named for word in ("--dataset", name)), "--plugin", plugin(tmp_path)]
    arguments += ["--encoder", str(tiny_encoder), "--epochs", "1", "--seeds", "2", "--budget", "2", "--workers", "1"]
    arguments += ["--out", str(tmp_path / "tuned")]
    code, text, err = call(capsys, *arguments)
    assert code == 0, err
    assert f"on {named[0]} and {named[1]}: 2 trials x 2 data sets x 2 seeds" in " ".join(text.split())
    assert "sd over trainings" in text
    content = json.loads(call(capsys, *arguments, "--json")[1])
    assert content["trained"] == 0
    row = content["trials"][1]
    filed = ["synthetic:seed=1,size=tiny", "synthetic:seed=2,size=tiny"]
    each = [row[f"valid_mae {name} seed {seed}"] for name in filed for seed in (0, 1)]
    assert len(set(each)) == 4
    assert row["valid_mae"] == pytest.approx(sum(each) / 4)
    command = shlex.split(content["use"])
    assert [command[at + 1] for at, word in enumerate(command) if word == "--dataset"] == named


def test_mistakes_are_one_line_and_exit_code_2(toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    listed = tmp_path / "listed.yaml"
    listed.write_text("model: lf-dnn\nconfig: {optimisation: [1]}")
    misspelt = plugin(bad, '{"widht": Choice(1, 2)}')
    cases = [
        (["lnnl", "--dataset", toy], "did you mean lnln"),
        (["lf-dnn", "--dataset", "tyo"], "did you mean toy"),
        (["lf-dnn", "--dataset", "toy/oficial"], "did you mean official"),
        (["lf-dnn", "--dataset", "toy/fold*"], "name one"),
        (["lf-dnn"], "--dataset"),
        (["constant", "--dataset", toy], "no parameters to train"),
        (["cenet", "--dataset", toy], "works inside a text encoder"),
        (["lf-dnn", "--dataset", toy, "--dataset", "tyo"], "did you mean toy"),
        (["lf-dnn", "--dataset", toy, "--dataset", "toy/fold0"], "two splits of one data set"),
        (["lf-dnn", "--dataset", toy, "--regime", "uncertian"], "did you mean uncertain"),
        (["lf-dnn", "--dataset", toy, "--budget", "0"], "--budget"),
        (["lf-dnn", "--dataset", toy, "--seeds", "few"], "--seeds"),
        (["lf-dnn", "--dataset", toy, "--config", str(tmp_path / "no.yaml")], "no such file of settings"),
        (["lf-dnn", "--dataset", toy, "--config", str(listed)], "expected fields"),
        (["toy", "--dataset", toy, "--plugin", misspelt], "did you mean width"),
        (["lf-dnn", "--dataset", toy, "--plugin", "nowhere.py"], "no such file"),
    ]
    for arguments, says in cases:
        code, _, err = call(capsys, "tune", *arguments, "--out", str(tmp_path / "out"))
        assert code == 2, arguments
        assert says in err, (arguments, err)
        assert len(err.strip().splitlines()) == 1, (arguments, err)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("inline")
def test_a_search_in_which_nothing_works_says_why(toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = plugin(tmp_path, '{"way": Choice("diverge", "reject")}')
    text = Path(broken).read_text().replace('way: str = "train"', 'way: str = "diverge"')
    Path(broken).write_text(text)
    code, _, err = call(
        capsys, "tune", "toy", "--dataset", toy, "--plugin", broken, "--seeds", "1", "--budget", "2", "--epochs", "1",
        "--workers", "1", "--out", str(tmp_path / "out"),
    )  # fmt: skip
    assert code == 2
    assert "no trial ended well" in err
    assert "loss is not finite" in err
    assert not list((tmp_path / "out").rglob("best.yaml"))


def test_the_command_starts_without_heavy_imports() -> None:
    code = (
        "import sys; import benchmark.cli.main, benchmark.cli.tune; "
        "print(sorted({'torch', 'transformers', 'pandas', 'optuna'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.usefixtures("inline")
def test_lengths_of_training_are_searched_over_folds(
    toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["tune", "toy", "--dataset", toy, "--plugin", plugin(tmp_path), "--out", str(tmp_path / "out")]
    arguments += ["--seeds", "1", "--budget", "3", "--folds", "2"]
    code, text, err = call(capsys, *arguments, "--epochs", "2,1")
    assert code == 0, err
    assert "3 trials x 2 folds x 1 seed, 0 trials finished" in " ".join(text.split())
    for wrong in ("few", "0,3", ","):
        code, _, err = call(capsys, *arguments, "--epochs", wrong)
        assert code == 2
        assert f"--epochs: expected a number such as 25, or several such as 25,6,12; found '{wrong}'" in err
