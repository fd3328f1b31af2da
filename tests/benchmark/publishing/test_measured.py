"""A measured study gives its numbers back, and shows every change."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from benchmark.cli.main import sentibench
from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.evaluation.panel import Panel
from benchmark.files import sha256_of
from benchmark.publishing.measured import check, checking, lacking_labels, publish, read_measured, refresh
from benchmark.results.from_runs import panels
from benchmark.results.measured import MANIFEST, TableChoices
from benchmark.results.opening import open_results
from benchmark.runs.executors.inline import InlineExecutor
from benchmark.study.plan import prepare
from benchmark.study.running import run
from benchmark.study.study import Study, make_study
from protocols import InputError
from tests.samples import make_samples

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "results" / "measured" / "demo"


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed study with tables of few draws, made by the code as it is."""
    folder = Path(shutil.copytree(DEMO, tmp_path_factory.mktemp("measured") / "demo"))
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["tables"]["draws"] = 20
    points = pd.read_csv(folder / "points.csv", dtype=str, keep_default_na=False)
    points[points["protocol"].isin(["inter-drop", "complete"])].to_csv(folder / "points.csv", index=False)
    manifest["files"]["points.csv"] = sha256_of(folder / "points.csv")
    (folder / MANIFEST).write_text(json.dumps(manifest))
    refresh(folder)
    return folder


@pytest.fixture
def demo(tmp_path: Path, quick: Path) -> Path:
    return Path(shutil.copytree(quick, tmp_path / "demo"))


def cover_up(folder: Path) -> None:
    """Forge the manifest, so that it agrees with the files."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["files"] = {p.name: sha256_of(p) for p in folder.iterdir() if p.name != MANIFEST}
    path.write_text(json.dumps(manifest))


def change_prediction(folder: Path) -> None:
    table = pd.read_parquet(folder / "predictions.parquet")
    row = table.index[(table["model"] == "almt") & (table["scenario"] == "drop(rate=0.5)")][7]
    table.loc[row, "prediction"] += 1e-6
    table.to_parquet(folder / "predictions.parquet", index=False)


def change_label(folder: Path) -> None:
    table = pd.read_parquet(folder / "samples.parquet")
    table.loc[3, "label"] += 0.2
    table.to_parquet(folder / "samples.parquet", index=False)


def change_digit(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        found = list(re.finditer(r"\d\.\d\d\d", text))
        place = found[len(found) // 2].end() - 1
        path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])

    return change


def change_settings(folder: Path) -> None:
    path = folder / "runs.json"
    content = json.loads(path.read_text())
    content["runs"][-1]["spec"]["seed"] += 1
    path.write_text(json.dumps(content))


def test_the_committed_study_is_what_its_predictions_say() -> None:
    assert check(DEMO) == []


def test_the_committed_study_is_small_generated_and_names_no_machine() -> None:
    files = [p for p in DEMO.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 2_000_000
    assert all(p.dataset.startswith("synthetic") for p in read_measured(DEMO).panels)
    for path in files:
        if path.suffix != ".parquet":
            assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users|mnt)/", path.read_text()), path.name


def test_the_last_bit_of_a_number_is_no_difference_even_if_it_makes_the_number_short() -> None:
    assert checking._alike("a,0.3253026866608187,1", "a,0.32530268666081863,1")
    assert checking._alike("a,1.8625000000000005,1", "a,1.8625,1")
    assert not checking._alike("a,1.8625000000000005,1", "a,1.8626,1")
    assert not checking._alike("a,21.2,1", "a,21.3,1")


@pytest.mark.parametrize(
    ("change", "seen_in"),
    [
        (change_prediction, "leaderboard.csv"),
        (change_label, "samples.parquet"),
        (change_digit("leaderboard.md"), "leaderboard.md, line"),
        (change_digit("scenarios.csv"), "scenarios.csv, line"),
        (change_digit("pairs.md"), "pairs.md, line"),
        (change_settings, "runs.json"),
        (lambda folder: (folder / "cost.md").unlink(), "cost.md"),
        (lambda folder: (folder / "more.md").write_text("| 0.5 |\n"), "more.md"),
    ],
)
def test_every_change_is_seen_even_when_the_manifest_was_changed_with_it(
    change: Callable[[Path], None], seen_in: str, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = json.loads((demo / MANIFEST).read_text())
    change(demo)
    cover_up(demo)
    found = check(demo)
    assert any(line.startswith(seen_in) for line in found), found
    assert all("\n" not in line for line in found)
    (demo / MANIFEST).write_text(json.dumps(manifest))
    monkeypatch.setattr(checking, "render", lambda *_: {})  # the sha256 alone sees it, too
    assert any(
        "changed since it was published" in line or "missing" in line or "manifest" in line for line in check(demo)
    )


def test_a_folder_of_something_else_is_refused(tmp_path: Path, demo: Path) -> None:
    with pytest.raises(InputError, match=r"no manifest\.json"):
        check(tmp_path)
    (demo / MANIFEST).write_text("{}")
    with pytest.raises(InputError, match=r"manifest\.json: cannot be read"):
        check(demo)


def test_a_file_of_predictions_that_does_not_fit_is_a_difference_not_a_crash(demo: Path) -> None:
    table = pd.read_parquet(demo / "predictions.parquet")
    table.iloc[:-1].to_parquet(demo / "predictions.parquet", index=False)
    assert any("not those of samples.parquet" in line for line in check(demo))
    (demo / "predictions.parquet").write_bytes(b"PAR1")
    assert any("cannot be read" in line for line in check(demo))
    (demo / "points.csv").unlink()
    assert "points.csv: missing, though the manifest names it" in check(demo)


def test_the_tables_of_a_published_folder_are_printed_and_nothing_is_written(demo: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo.iterdir()}
    arguments = [
        "report",
        str(demo),
        "--table",
        "seeds",
        "--protocol",
        "inter-drop",
        "--format",
        "csv",
        "--draws",
        "20",
    ]
    found = CliRunner().invoke(sentibench, arguments, standalone_mode=False)
    assert not found.return_value
    row = next(line for line in found.stdout.splitlines() if ",almt,1," in line)
    predictions = pd.read_parquet(demo / "predictions.parquet").merge(pd.read_parquet(demo / "samples.parquet"))
    cell = predictions.query("model == 'almt' and seed == 1 and scenario == 'drop(rate=0.5)'")
    assert f"{(cell['prediction'] - cell['label']).abs().mean():.12f}"[:12] in row
    assert {path: path.stat().st_mtime_ns for path in demo.iterdir()} == before


def test_tables_are_rebuilt_from_the_predictions_alone(demo: Path) -> None:
    before = {p.name: p.read_bytes() for p in demo.iterdir()}
    change_digit("leaderboard.md")(demo)
    refresh(demo)
    assert {p.name: p.read_bytes() for p in demo.iterdir()} == before
    change_prediction(demo)
    with pytest.raises(InputError, match=r"predictions\.parquet: not the file of the manifest"):
        refresh(demo)
    assert sorted(p.name for p in demo.parent.iterdir() if p.name.startswith(".")) == []


def test_the_readme_traces_a_number_to_its_predictions(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    code = re.search(r"```python\n(.*?)```", (DEMO.parent / "README.md").read_text(), re.DOTALL)
    assert code
    exec(code.group(1), {})
    by_seed = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines() if re.match(r"\d\s", line)]
    assert len(by_seed) == 3
    panel = read_measured(DEMO).panels[0]
    rows = (panel.cells["model"] == "almt") & (panel.cells["scenario"] == "drop(rate=0.5)")
    assert np.mean(by_seed) == pytest.approx(np.abs(panel.predictions[rows] - panel.label).mean(), abs=1e-6)
    printed = re.search(r"\| almt \|.*", (DEMO / "scenarios.md").read_text().split("inter-drop")[1])
    assert printed
    assert f"{np.mean(by_seed):.3f}" in printed.group()


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """A study on a data set that was imported: its folder holds the runs and, in `home`, the data."""
    folder = tmp_path_factory.mktemp("trained")
    study = make_study(
        {
            "name": "small",
            "datasets": ["toy"],
            "models": ["constant", {"name": "late-fusion-dropout", "label": "späte Fusion, 1"}],
            "protocols": ["complete", "inter-drop"],
            "seeds": 2,
            "optimisation": {"epochs": 1},
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTIBENCH_HOME", str(folder / "home"))
        write_store(make_samples(60, words=False), store_path("toy"))
        run(study, folder / "runs", InlineExecutor())
    return study, folder


@pytest.fixture
def trained(trained_once: tuple[Study, Path], own_home: Path) -> tuple[Study, Path]:
    study, folder = trained_once
    shutil.copytree(folder / "home", own_home)
    return study, folder / "runs"


def assert_equal(a: Panel, b: Panel) -> None:
    for field in fields(Panel):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if isinstance(left, pd.DataFrame):
            pd.testing.assert_frame_equal(left, right, check_exact=True, check_dtype=False)
        elif isinstance(left, np.ndarray):
            assert np.array_equal(left, right), field.name
        else:
            assert left == right, field.name


CHOICES = TableChoices(draws=50)


def test_real_labels_stay_at_home_and_nothing_is_lost(trained: tuple[Study, Path], tmp_path: Path) -> None:
    study, root = trained
    folder = tmp_path / "measured" / "small"
    publish(open_results(study, root), folder, choices=CHOICES)
    (panel,) = panels(prepare(study), root)
    (again,) = read_measured(folder).panels
    assert_equal(again, panel)
    assert check(folder) == []
    samples = pd.read_parquet(folder / "samples.parquet")
    assert samples["label"].isna().all()
    for path in folder.iterdir():
        content = path.read_bytes() if path.suffix != ".parquet" else pd.read_parquet(path).to_csv().encode()
        for name in panel.sample_ids:
            assert re.search(rf"\b{name}\b".encode(), content) is None, (path.name, name)


def test_models_that_are_told_and_epochs_chosen_on_the_test_set_are_published_too(
    tmp_path: Path, own_home: Path
) -> None:
    write_store(make_samples(160, words=False), store_path("toy"))
    model = {"name": "senti-ifusion", "config": {"width": 16, "tokens": 2, "heads": 2}}
    filled = "random_positions(rate=0.4) + unmarked(fill=run)"
    study = make_study(
        {
            "datasets": ["toy"],
            "models": ["constant", model],
            "protocols": ["complete", filled],
            "seeds": 2,
            "optimisation": {"epochs": 2},
            "optimism": True,
        }
    )
    assert not run(study, tmp_path / "runs", InlineExecutor()).failed
    results, folder = open_results(study, tmp_path / "runs"), tmp_path / "measured"
    publish(results, folder, choices=CHOICES)
    assert check(folder) == []
    assert "not a result" in (folder / "optimism.md").read_text()
    assert ", told" in (folder / "leaderboard.md").read_text()
    again = read_measured(folder)
    (panel,), (read,) = results.panels, again.panels
    assert panel.told is not None
    assert read.told is not None
    assert_equal(replace(read.told, told=None), replace(panel.told, told=None))
    for protocol in results.protocols:
        ((_, chosen),), ((_, found),) = results.test_oracle(protocol), again.test_oracle(protocol)
        assert list(found) == list(chosen)
        for metric, own in chosen.items():
            assert np.array_equal(found[metric].predictions, own.predictions)
            assert found[metric].notes == own.notes
            pd.testing.assert_frame_equal(found[metric].cells, own.cells, check_dtype=False)

    frame = pd.read_parquet(folder / "test_oracle.parquet")
    frame.loc[3, "prediction"] += 0.5
    frame.to_parquet(folder / "test_oracle.parquet", index=False)
    cover_up(folder)
    assert any(line.startswith("optimism") for line in check(folder))


def test_labels_can_be_given_away_on_purpose(trained: tuple[Study, Path], tmp_path: Path, own_home: Path) -> None:
    study, root = trained
    folder = tmp_path / "measured"
    publish(open_results(study, root), folder, labels=True, choices=CHOICES)
    shutil.rmtree(own_home)
    assert check(folder) == []


def test_without_the_data_set_tables_are_compared_with_each_other(
    trained: tuple[Study, Path], tmp_path: Path, own_home: Path
) -> None:
    study, root = trained
    folder = tmp_path / "measured"
    publish(open_results(study, root), folder, choices=CHOICES)
    assert lacking_labels(folder) == ""
    write_store(make_samples(60, seed=1, words=False), store_path("toy"))
    assert re.search(r"needs data set 'toy' with sha256 .* the one here has", lacking_labels(folder))
    shutil.rmtree(own_home)
    assert re.search(r"needs data set 'toy' with sha256 .* not found", lacking_labels(folder))
    with pytest.raises(InputError, match="needs data set 'toy'"):
        read_measured(folder)
    assert check(folder) == []

    for name in ("aggregates.md", "leaderboard.csv", "scenarios.md"):
        before = (folder / name).read_text()
        (folder / name).write_text(re.sub(r"(?<=[ ,*])(\d)(?=\.\d\d)", lambda d: str(int(d[1]) + 3), before, count=1))
        cover_up(folder)
        (found, *_) = check(folder)
        assert re.match("leaderboard|aggregates|scenarios", found), name  # two tables differ
        (folder / name).write_text(before)
    (folder / "aggregates.csv").write_text((folder / "aggregates.csv").read_text()[:-60])
    cover_up(folder)
    assert re.search("damaged", check(folder)[0])


def test_a_folder_of_measured_studies_is_checked_whole(tmp_path: Path, demo: Path) -> None:
    shutil.copytree(demo, tmp_path / "all" / "one")
    shutil.copytree(demo, tmp_path / "all" / "two")
    change_digit("aggregates.md")(tmp_path / "all" / "two")
    found = CliRunner().invoke(sentibench, ["report", "--check", str(tmp_path / "all")], standalone_mode=False)
    assert found.return_value == 1
    lines = found.output.splitlines()
    assert lines[0].startswith(f"{tmp_path / 'all' / 'one'}: 5 tables recomputed")
    assert any("aggregates.md" in line for line in lines)
    assert lines[-1].endswith("differences")


def test_publishing_replaces_a_measured_study_and_nothing_else(trained: tuple[Study, Path], tmp_path: Path) -> None:
    study, root = trained
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds something else"):
        publish(open_results(study, root), folder, choices=CHOICES)
    assert [p.name for p in folder.iterdir()] == ["thesis.tex"]
    (folder / "thesis.tex").unlink()
    publish(open_results(study, root), folder, choices=CHOICES)
    first = {p.name: p.read_bytes() for p in folder.iterdir()}
    publish(open_results(study, root), folder, choices=CHOICES)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == first
    private = study.model_copy(
        update={"models": [*study.models[:1], study.models[1].model_copy(update={"label": str(root)})]}
    )
    with pytest.raises(InputError, match="would name the folder"):
        publish(open_results(private, root), folder, choices=CHOICES)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == first
    with pytest.raises(InputError, match="no run of study"):
        publish(open_results(study, tmp_path / "empty"), tmp_path / "new", choices=CHOICES)
    assert not (tmp_path / "new").exists()
    assert not [p for p in tmp_path.rglob(".*") if p.is_dir()]


def test_missing_runs_are_named_without_their_place(trained: tuple[Study, Path], tmp_path: Path) -> None:
    study, root = trained
    longer = study.model_copy(update={"seeds": [0, 1, 2]})
    publish(open_results(longer, root), tmp_path / "measured", choices=CHOICES)
    (panel,) = read_measured(tmp_path / "measured").panels
    assert {(gap.model, gap.seed, gap.reason) for gap in panel.missing} == {
        ("constant", 2, "not run"),
        ("späte Fusion, 1", 2, "not run"),
    }
    assert {gap.command for gap in panel.missing} == {"sentibench run study.yaml"}
    assert check(tmp_path / "measured") == []
