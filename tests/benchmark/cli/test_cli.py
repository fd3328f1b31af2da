"""The command line as a user meets it: exit codes, one line for a mistake, no traceback."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from baselines import models
from benchmark.cli.main import main
from benchmark.runs.doctor import Finding
from tests.samples import make_samples


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    captured = capsys.readouterr()
    code = ended.value.code
    return (code if isinstance(code, int) else 0), captured.out, captured.err


def write_npz(path: Path, **changes: object) -> Path:
    """A small archive of the npz layout."""
    samples = make_samples(words=False)
    n, arrays = len(samples), {"id": samples.ids.astype(str), "label": samples.label}
    words = np.array(["unused", "train", "valid", "test"])
    arrays["split.official"] = words[samples.splits["official"]]
    for modality, stream in samples.streams.items():
        steps = int(np.diff(stream.offsets).max())
        values, observed = np.zeros((n, steps, stream.width), np.float32), np.zeros((n, steps), bool)
        for i in range(n):
            rows = slice(stream.offsets[i], stream.offsets[i + 1])
            count = rows.stop - rows.start
            values[i, :count] = stream.values[rows]  # type: ignore[index]
            observed[i, :count] = stream.observed[rows]
        arrays |= {f"{modality}.values": values, f"{modality}.observed": observed}
    np.savez(path, **{**arrays, **changes})  # type: ignore[arg-type]
    return path


def test_import_list_verify_describe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_npz(tmp_path / "toy.npz")
    code, out, _ = call(capsys, "data", "import", "toy", str(source))
    assert code == 0
    assert "toy: 60 samples" in out
    code, out, _ = call(capsys, "data", "list", "--json")
    assert json.loads(out)[0]["name"] == "toy"
    code, out, _ = call(capsys, "data", "verify")
    assert code == 0
    assert out.strip().endswith("ok")
    code, out, _ = call(capsys, "data", "describe", "toy", "--json")
    assert code == 0
    assert json.loads(out)["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    code, _, err = call(capsys, "data", "import", "toy", str(source))
    assert code == 2
    assert "--force" in err
    code, _, err = call(capsys, "data", "describe", "toy/off*")
    assert code == 2
    assert "'toy/off*' is a family of splits; describe one of them, such as toy/official" in err


def test_checksums_of_store_and_source_are_both_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_npz(tmp_path / "toy.npz")
    call(capsys, "data", "import", "toy", str(source))
    store = json.loads(call(capsys, "data", "list", "--json")[1])[0]["sha256"]
    listed = call(capsys, "data", "list")[1]
    assert "store sha256" in listed
    assert store[:12] in listed
    assert f"store sha256 {store[:12]}" in call(capsys, "data", "verify")[1]
    described = " ".join(call(capsys, "data", "describe", "toy", "--no-probe")[1].split())
    own = hashlib.sha256(source.read_bytes()).hexdigest()
    assert f"source sha256 {own[:12]}" in described
    assert store[:12] not in described


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("touch /tmp/this-must-not-exist",)


def test_mistakes_are_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = pickle.dumps({"train": {"regression_labels": np.zeros(3)}, "valid": {}, "test": {}})
    (tmp_path / "truncated.pkl").write_bytes(good[: len(good) // 2])
    (tmp_path / "wrong.pkl").write_bytes(good)
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"train": Malicious()}))
    (tmp_path / "page.pkl").write_text("<!DOCTYPE html><html>not found</html>")
    (tmp_path / "study.yaml").write_text("datasets: [synthetic]\nmodles: [lnln]\n")
    write_npz(tmp_path / "label.npz", label=np.full(60, 7.0, np.float32))
    write_npz(tmp_path / "shape.npz", **{"audio.observed": np.ones((3, 3), bool)})
    cases = [
        (["data", "import", "x", str(tmp_path / "nowhere.pkl")], "no such file"),
        (["data", "import", "x", str(tmp_path / "truncated.pkl")], "truncated.pkl"),
        (["data", "import", "x", str(tmp_path / "wrong.pkl")], "wrong.pkl"),
        (["data", "import", "x", str(tmp_path / "evil.pkl")], "system"),
        (["data", "import", "x", str(tmp_path / "page.pkl")], "web page"),
        (["data", "import", "x", str(tmp_path / "label.npz")], "outside the label range"),
        (["data", "import", "x", str(tmp_path / "shape.npz")], "audio"),
        (["data", "import", "Bad Name", str(tmp_path / "label.npz")], "lower-case"),
        (["data", "describe", "nothing"], "unknown data set 'nothing'"),
        (["run", str(tmp_path / "study.yaml")], "did you mean models"),
        (["run", "--dataset", "synthetic:size=tiny", "--models", "lnnl"], "did you mean lnln"),
        (["run", "--dataset", "synthetic:siz=tiny", "--models", "lnln"], "siz"),
        (["run", "--dataset", "synthetic:size=tiny", "--models", "lnln", "--seeds", "two"], "--seeds"),
        (["run", "--models", "lnln"], "--dataset"),
        (["run", "demo", "--timeout", "soon"], "expected seconds such as 90, or 30m, or 1.5h; found 'soon'"),
        (["run", "demo", "--timeout", "0m"], "expected seconds"),
        (["run", "demo", "--executor", "lokal"], "did you mean local"),
        (["tune", "lnln", "--dataset", "toy", "--executor", "inline", "--timeout", "5"], "cannot be ended"),
        (["run", "demo", "--seeds", "1_0"], "--seeds: expected a number of seeds"),
        (["run", "demo", "--seeds", "²"], "--seeds: expected a number of seeds"),
        (["run", "demo", "--epochs", "1_0"], "'1_0' is not a valid integer"),
        (["tune", "lnln", "--dataset", "synthetic:size=tiny", "--epochs", "1_0"], "--epochs: expected a number"),
        (["report", "demo", "--level", "0.9_5"], "'0.9_5' is not a valid number"),
        (["run", "nosuchstudy"], "unknown study"),
        (["run", "--frobnicate"], "frobnicate"),
        (["protocols", "show", "intra-randm"], "did you mean intra-random"),
        (["report", "--out", str(tmp_path / "empty")], "no study"),
        (["frobnicate"], "frobnicate"),
        (["reprot"], "unknown command 'reprot'; did you mean report"),
        (["REPORT"], "unknown command 'REPORT'; did you mean report? (see sentibench --help)"),
        (["data", "lst"], "unknown command 'lst'; did you mean list? (see sentibench data --help)"),
        (["run", "--modles", "lnln"], "unknown option '--modles'; did you mean --models"),
        (["run", "--dataset", "synthetic:size=tiny", "--models", "LNLN"], "did you mean lnln?"),
        (["run", "demo", "--device", "gpu"], "unknown device 'gpu'; expected cpu, cuda or cuda:1"),
    ]
    for arguments, says in cases:
        code, _, err = call(capsys, *arguments)
        assert code == 2, arguments
        assert says in err, (arguments, err)
        assert len(err.strip().splitlines()) == 1, (arguments, err)
    assert not Path("/tmp/this-must-not-exist").exists()
    assert not list((tmp_path / "home").rglob("*.h5"))


@pytest.mark.parametrize(
    "verb",
    [
        ["run", "--dataset", "synthetic:size=tiny", "--models", "constant", "--dry-run"],
        ["tune", "lf-dnn", "--dataset", "synthetic:size=tiny", "--dry-run"],
    ],
)
@pytest.mark.parametrize(("text", "seconds"), [("90", 90.0), ("1.5m", 90.0), ("2h", 7200.0)])
def test_a_time_limit_reaches_the_executor(
    verb: list[str], text: str, seconds: float, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, object]] = []
    monkeypatch.setattr("benchmark.runs.executors.make_executor", lambda name, **options: given.append(options))
    code, _, err = call(capsys, *verb, "--timeout", text, "--workers", "3")
    assert (code, err) == (0, "")
    assert given == [{"workers": 3, "timeout": seconds}]


def test_a_dry_run_shows_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "study.yaml"
    models = "[text-only, {name: text-only, label: narrow, config: {width: 64}}]"
    file.write_text(f"datasets: ['synthetic:size=tiny']\nmodels: {models}\nseeds: 1\n")
    code, out, err = call(capsys, "run", str(file), "--dry-run", "--json")
    assert (code, err.partition("\n")[0]) == (0, "")
    runs = [found["run"] for found in json.loads(out)]
    assert len(set(runs)) == len(runs) == 3
    assert any(" narrow seed 0" in run for run in runs)


def test_run_report_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "data", "import", "toy", str(write_npz(tmp_path / "toy.npz")))
    out_folder = str(tmp_path / "runs")
    code, out, err = call(
        capsys, "run", "--dataset", "toy", "--models", "constant,late-fusion-dropout", "--protocols",
        "complete,intra-random", "--seeds", "2", "--epochs", "1", "--workers", "1", "--out", out_folder,
    )  # fmt: skip
    assert code == 0, err
    assert "late-fusion-dropout" in out
    progress = [line for line in out.splitlines() if line.startswith("[")]
    assert len(progress) == 4
    assert all(": validation MAE " in line and "test" not in line for line in progress)
    folder = tmp_path / "runs" / "studies" / "study"
    assert {"leaderboard.md", "leaderboard.csv", "scenarios.md", "study.yaml"} <= {p.name for p in folder.iterdir()}
    assert list(folder.glob("*intra-random.png"))
    assert list(folder.glob("*intra-random.csv"))
    for form, says in (("markdown", "|"), ("latex", r"\toprule"), ("csv", "model"), ("html", "<table>")):
        code, out, _ = call(capsys, "report", "--out", out_folder, "--format", form)
        assert code == 0
        assert says in out
    code, out, _ = call(capsys, "plot", "--out", out_folder, "--format", "svg")
    assert out.strip().splitlines()[-1].endswith(".svg")


def test_a_run_of_one_scenario_ends_well_and_has_no_curve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = ["--dataset", "synthetic:size=tiny", "--models", "constant", "--scenario", "drop(rate=0.5)", "--seeds", "1"]
    code, out, err = call(capsys, "run", *study, "--executor", "inline", "--out", str(tmp_path))
    assert (code, err) == (0, "")
    (history,) = tmp_path.rglob("constant-*/history.csv")
    assert history.read_text() == "stage,epoch,valid_mae\n"  # no epoch, but a table
    code, again, _ = call(capsys, "run", "study", "--dry-run", "--out", str(tmp_path))  # by its name
    assert (code, "0 to do" in again) == (0, True)
    assert "leaderboard.md" in out
    assert not list(tmp_path.rglob("*.png"))
    code, _, err = call(capsys, "plot", "--kind", "curves", "--out", str(tmp_path))
    assert code == 2
    assert "numeric axis" in err


@pytest.mark.parametrize(
    "arguments", [["models", "list"], ["protocols", "list"], ["protocols", "show", "uncertain"], ["doctor"]]
)
def test_listings(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, plain, _ = call(capsys, *arguments)
    assert code == 0
    assert plain.strip()
    code, out, _ = call(capsys, *arguments, "--json")
    assert code == 0
    assert json.loads(out)


def test_square_brackets_of_a_finding_are_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    hint = "encoder 'minilm' is not installed; run: pip install 'sentibench[minilm]'"
    monkeypatch.setattr("benchmark.runs.doctor.examine", lambda _: [Finding("text encoder", False, hint)])
    code, out, _ = call(capsys, "doctor")
    assert code == 0
    assert out.strip() == f"--  text encoder  {hint}"


def test_names_of_models_stay_in_one_piece(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = call(capsys, "models", "list", "--variants")
    assert code == 0
    first = {line.split()[0] for line in out.splitlines() if line and not line[0].isspace()}
    assert set(models()) <= first


def test_models_are_grouped_by_their_treatment_of_missing_parts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    code, out, _ = call(capsys, "models", "list")
    assert code == 0
    groups: dict[str, list[str]] = {}
    for line in out.partition("groups, by")[0].splitlines()[1:]:
        if line.strip().endswith(":"):
            groups[line.strip()[:-1]] = []
        elif line.strip():
            groups[list(groups)[-1]].append(line)
    own = {name: cls.info for name, cls in models().items() if not cls.info.variant_of}
    assert sum(map(len, groups.values())) == len(own)
    for kind, lines in groups.items():
        assert lines
        for line in lines:
            name, *rest = line.split()
            info = own[name]
            assert info.missing_parts == kind
            assert str(info.year) in line
            assert ("complete samples" in line, rest[-2] == "masks") == (info.uses_complete_view, info.uses_masks)


@pytest.mark.parametrize("name", ["uncertain", "noise", "inter-subsets", "burst(rate=0.5, mean_length=4)"])
def test_protocols_are_drawn(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for ending in ("png", "pdf", "svg"):
        path = tmp_path / f"protocol.{ending}"
        code, out, _ = call(capsys, "protocols", "show", name, "--figure", str(path))
        assert code == 0
        assert path.stat().st_size > 1000
    assert "█" in out
    again = tmp_path / "again.svg"
    call(capsys, "protocols", "show", name, "--figure", str(again))
    assert again.read_bytes() == path.read_bytes()
    code, _, err = call(capsys, "protocols", "show", name, "--figure", str(tmp_path / "figure.gif"))
    assert code == 2
    assert "png, pdf, svg" in err


def test_masks_are_exported_for_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "data", "import", "toy", str(write_npz(tmp_path / "toy.npz")))
    path = tmp_path / "masks.npz"
    arguments = ["protocols", "export", "intra-random", "uncertain", "--dataset", "toy", "--out", str(path)]
    code, out, _ = call(capsys, *arguments, "--json")
    assert code == 0
    hashes = json.loads(out)
    assert len(hashes) == 10 + 17
    from protocols import read_masks

    assert {text: masks.sha256() for text, masks in read_masks(path).masks.items()} == hashes
    code, _, err = call(capsys, *arguments[:-1], str(tmp_path / "masks.csv"))
    assert code == 2
    assert ".npz" in err


@pytest.mark.parametrize("line", ["--help", "models list", "models list --json", "protocols list"])
def test_what_only_lists_imports_nothing_heavy(line: str) -> None:
    code = (
        f"import sys\nfrom sentibench import main\nsys.argv[1:] = {line.split()}\n"
        "try:\n    main()\nfinally:\n"
        "    heavy = {'torch', 'pandas', 'transformers', 'matplotlib', 'scipy', 'h5py'} & set(sys.modules)\n"
        "    print(sorted(heavy), 'numpy' in sys.modules, file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr.strip() == f"[] {line != '--help'}"


def test_the_command_line_starts_without_torch() -> None:
    code = (
        "import sys; import benchmark.cli.main as m, benchmark.cli.run, benchmark.cli.report, benchmark.cli.data, "
        "benchmark.cli.models, benchmark.cli.protocols, benchmark.cli.doctor; "
        "print(sorted({'torch', 'transformers', 'pandas'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_removed_data_set_is_gone_unless_runs_use_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "data", "import", "toy", str(write_npz(tmp_path / "toy.npz")))
    options = ["--dataset", "toy", "--models", "constant", "--seeds", "1", "--protocols", "complete"]
    call(capsys, "run", *options, "--out", str(tmp_path / "runs"), "--executor", "inline")
    code, _, err = call(capsys, "data", "remove", "toy", "--out", str(tmp_path / "runs"))
    assert code == 2
    assert "1 run in" in err
    assert "give --yes to remove it" in err
    code, out, _ = call(capsys, "data", "remove", "toy", "--out", str(tmp_path / "runs"), "--yes")
    assert (code, out.startswith("toy: removed")) == (0, True)
    code, _, err = call(capsys, "data", "remove", "toy")
    assert code == 2
    assert "unknown data set 'toy'" in err


def test_a_model_is_shown_with_its_settings_and_their_search_space(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "models", "show", "lnln")
    assert code == 0
    for words in ("NeurIPS 2024", "reads text, audio, vision", "differences from the paper", "1e-05 to 0.001 (log)"):
        assert words in out
    record = json.loads(call(capsys, "models", "show", "constant", "--json")[1])
    assert record["settings"]["optimisation.epochs"] == 50
    assert record["search"]["optimisation.learning_rate"] == {"low": 0.0001, "high": 0.01, "log": True, "whole": False}
    assert "did you mean lnln" in call(capsys, "models", "show", "lnl")[2]
