"""Examining a trained Senti-iFusion: answers with other scores, recovery, calibration, and what is written of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.cli.main import main
from benchmark.commands import run
from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.diagnostics import Examination, examine, runs_to_examine, write_diagnostics
from benchmark.diagnostics.asking import ask
from benchmark.executors import InlineExecutor
from benchmark.metrics import integrity_scores
from benchmark.prediction import open_run
from benchmark.report.integrity_points import integrity_points
from benchmark.report.integrity_table import calibration_table, dominance_table
from benchmark.report.permutation_data import GIVEN, OWN, SHUFFLED, TRUE, Answers, permutation_data
from benchmark.report.permutation_figure import plot_permutation
from benchmark.report.permutation_table import permutation_table, verdicts
from benchmark.report.placing import along_axes
from benchmark.report.recovery_data import CONSTANT, DEPTHS, FEATURE, SEMANTIC, recovery_data
from benchmark.report.recovery_figure import plot_recovery
from benchmark.report.recovery_table import recovery_table
from benchmark.results import protocol_table
from benchmark.study import make_study
from protocols import MODALITIES, InputError, get_protocol, parse
from senti_ifusion.model import SentiIFusion
from tests.samples import make_samples

PLAIN, TOLD, WHOLE = "senti-ifusion", "senti-ifusion-true-integrity", "senti-ifusion-without-integrity"
UNREAD = "senti-ifusion-without-semantic-validation"
SMALL = {"width": 16, "tokens": 2, "heads": 2}
COLUMN = {modality: i for i, modality in enumerate(MODALITIES)}
HALF, GONE = "random_positions(rate=0.5)", "drop(rate=0.5)"


@dataclass(frozen=True)
class Place:
    """Where studies were run."""

    home: Path
    runs: Path

    def examine(self, model: str = PLAIN, protocols: tuple[str, ...] = (HALF, GONE), **options: Any) -> Examination:
        folders, _, label = runs_to_examine(f"small:{model}", self.runs)
        return examine([open_run(f) for f in folders], protocols, permutations=3, name=label, **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Place:
    home, runs = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("runs")
    common: dict[str, Any] = {
        "protocols": ["complete", HALF, GONE],
        "encoder": {"name": str(tiny_encoder)},
        "optimisation": {"epochs": 2, "batch_size": 16},
    }
    small = [{"name": name, "config": SMALL} for name in (PLAIN, TOLD, WHOLE, UNREAD)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTIBENCH_HOME", str(home))
        write_store(make_samples(), store_path("toy"))
        for study in (
            {"name": "small", "datasets": ["toy"], "models": [*small, "text-only"], "seeds": 2},
            {"name": "folds", "datasets": ["toy/fold*"], "models": small[:1], "seeds": 1, "protocols": ["complete"]},
        ):
            outcome = run(make_study({**common, **study}), runs, InlineExecutor())
            assert not outcome.failed, outcome.failed[0].error
    return Place(home, runs)


@pytest.fixture
def place(trained: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("SENTIBENCH_HOME", str(trained.home))
    return trained


def predictions(found: Examination, given: str, seed: int, scenario: str, permutation: int = 0) -> np.ndarray[Any, Any]:
    assert found.answers is not None
    cells = found.answers.cells
    chosen = (cells["given"] == given) & (cells["seed"] == seed) & (cells["scenario"] == scenario)
    (row,) = np.flatnonzero(chosen & (cells["permutation"] == permutation))
    return found.answers.predictions[row]


def test_own_answers_are_what_the_runs_have_on_file(place: Place) -> None:
    found = place.examine()
    assert found.answers is not None
    for seed, folder in enumerate(runs_to_examine(f"small:{PLAIN}", place.runs)[0]):
        table = pd.read_parquet(folder / "predictions.parquet")
        for scenario in (HALF, GONE):
            filed = table[table["scenario"].astype(str) == scenario]
            assert filed["sample_id"].astype(str).tolist() == found.answers.sample_ids.tolist()
            assert np.allclose(predictions(found, OWN, seed, scenario), filed["prediction"], rtol=0, atol=1e-6)
            said = found.statements[(found.statements["seed"] == seed) & (found.statements["scenario"] == scenario)]
            names = [f"{kind}_{m}" for kind in ("integrity", "observed") for m in MODALITIES]
            assert np.allclose(said[names], filed[names], atol=1e-6)


def test_a_model_that_is_told_the_truth_answers_the_same_when_given_it(place: Place) -> None:
    found = place.examine(TOLD)
    for scenario in (HALF, GONE):
        own, true = (predictions(found, given, 0, scenario) for given in (OWN, TRUE))
        assert np.allclose(own, true, atol=1e-6)
        assert not np.allclose(own, predictions(found, SHUFFLED, 0, scenario), atol=1e-6)


def test_a_model_without_integrity_has_nothing_to_shuffle_and_recovers_nothing(place: Place, tmp_path: Path) -> None:
    found = place.examine(WHOLE)
    assert found.answers is None
    own = found.recovery[found.recovery["depth"] != CONSTANT]
    assert np.array_equal(own["completed"], own["left"])
    ratios = recovery_data(found.recovery, found.points, draws=50)
    assert np.allclose(ratios.loc[ratios["depth"] != CONSTANT, "ratio"], 1)
    written = write_diagnostics(found, tmp_path, ("svg",), draws=50)
    assert written.absent == (f"permutation: {WHOLE} weighs by no integrity",)
    assert not (tmp_path / "permutation.csv").exists()


def test_true_integrity_is_given_as_it_is(place: Place) -> None:
    (folder, *_), _, _ = runs_to_examine(f"small:{PLAIN}", place.runs)
    opened = open_run(folder)
    found = examine([opened], [HALF], permutations=1)
    part = opened.masked_part(parse(HALF).masks(opened.dataset, "test"))
    assert isinstance(opened.model, SentiIFusion)
    with torch.inference_mode():
        whole = opened.model.predict(part.batch(torch.arange(len(part))), part.integrity)
    assert np.allclose(predictions(found, TRUE, 0, HALF), whole.sentiment, atol=1e-5)


def test_answers_do_not_depend_on_what_else_is_examined(place: Place) -> None:
    both, one = place.examine(), place.examine(protocols=(GONE,))
    for permutation in range(3):
        first, second = (predictions(found, SHUFFLED, 1, GONE, permutation) for found in (both, one))
        assert np.array_equal(first, second)
    other = place.examine(protocols=(GONE,), seed=1)
    assert not np.array_equal(predictions(one, SHUFFLED, 1, GONE), predictions(other, SHUFFLED, 1, GONE))


def test_recovery_is_of_what_was_lost(place: Place) -> None:
    found = place.examine(protocols=("complete", HALF, GONE))
    lost = found.recovery.groupby("scenario")["lost"]
    assert "complete" not in lost.groups
    assert (found.recovery.loc[found.recovery["scenario"] == GONE, "lost"] == 1).all()
    assert lost.get_group(HALF).between(0, 1, inclusive="right").all()
    assert (lost.get_group(HALF) < 1).any()
    assert (found.recovery[["left", "completed"]] >= 0).all(axis=None)
    # what is missing in the data already is not lost
    gone = found.statements[(found.statements["scenario"] == GONE) & (found.statements["seed"] == 0)]
    own = found.recovery[(found.recovery["scenario"] == GONE) & (found.recovery["seed"] == 0)]
    counts = own.groupby("depth")["modality"].value_counts()
    assert all(counts[d, m] <= (gone[f"observed_{m}"] == 0).sum() for d in DEPTHS for m in MODALITIES)


def test_semantic_recovery_is_what_the_shared_head_reads(place: Place) -> None:
    found = place.examine(protocols=(GONE,))
    for seed, folder in enumerate(runs_to_examine(f"small:{PLAIN}", place.runs)[0]):
        opened = open_run(folder)
        assert isinstance(opened.model, SentiIFusion)
        assert opened.model.semantic is not None
        complete = opened.masked_part(None)
        part = opened.masked_part(parse(GONE).masks(opened.dataset, "test"))
        rows = torch.arange(len(part))
        with torch.inference_mode():
            view = opened.model.represent(part.batch(rows))
            tokens = (view.tokens, view.completed, opened.model.represent(complete.batch(rows)).tokens)
            left, completed, whole = (opened.model.semantic.score(own).numpy() for own in tokens)
        own = found.recovery[(found.recovery["depth"] == SEMANTIC) & (found.recovery["seed"] == seed)]
        at = (
            own["sample_id"].map({s: i for i, s in enumerate(part.part.layout.sample_ids)}),
            own["modality"].map(COLUMN),
        )
        assert len(own)
        assert np.allclose(own["left"], np.abs(left - whole)[at], atol=1e-5)
        assert np.allclose(own["completed"], np.abs(completed - whole)[at], atol=1e-5)


def test_each_depth_sees_what_the_other_does_not(place: Place) -> None:
    (folder, *_), _, _ = runs_to_examine(f"small:{PLAIN}", place.runs)
    opened = open_run(folder)
    assert isinstance(opened.model, SentiIFusion)
    part = opened.masked_part(parse(HALF).masks(opened.dataset, "test"))
    with torch.inference_mode():
        completed = opened.model.represent(part.batch(torch.arange(len(part)))).completed
    exchanged = completed.flip(2)  # other tokens of one mean, which is all that the head reads
    found = ask(opened, part, part.integrity, exchanged, 1, np.random.default_rng(0))
    assert found.completed_meaning is not None
    assert found.completed_meaning.max() < 1e-4 < 0.01 < found.completed.mean()


def test_the_constant_is_the_mean_of_those_that_have_the_modality(place: Place) -> None:
    (folder, *_), _, _ = runs_to_examine(f"small:{PLAIN}", place.runs)
    opened = open_run(folder)
    assert isinstance(opened.model, SentiIFusion)
    part = opened.masked_part(parse(GONE).masks(opened.dataset, "test"))
    config = opened.model.config
    target = torch.randn(len(part), 3, config.tokens, config.width, generator=torch.Generator().manual_seed(0))
    target[:, 1] = target[0, 1]
    whole = torch.ones(len(part), 3)
    whole[::2, 2] = 0
    target[1::2, 2] = target[1, 2]
    found = ask(opened, part, whole, target, 1, np.random.default_rng(0))
    assert found.constant[:, 1].max() < 1e-6
    assert found.constant[1::2, 2].max() < 1e-6 < 0.1 < found.constant[::2, 2].min()
    assert 0.1 < found.constant[:, 0].mean() < 0.6


def test_without_semantic_validation_there_is_feature_level_only(place: Place, tmp_path: Path) -> None:
    found = place.examine(UNREAD)
    assert set(found.recovery["depth"]) == {FEATURE, CONSTANT}
    data = recovery_data(found.recovery, found.points, draws=50)
    assert set(data["depth"]) == {FEATURE, CONSTANT}
    written = write_diagnostics(found, tmp_path, ("svg",), draws=50)
    assert not written.absent
    (table,) = (table for table in written.tables if table.title.startswith("Recovery error"))
    assert {row.cells[1].text for row in table.rows} == {FEATURE, CONSTANT}
    assert "semantic level" not in table.caption


def test_folds_are_examined_as_one(place: Place) -> None:
    folders, folder, label = runs_to_examine(f"folds:{PLAIN}", place.runs, dataset="toy/fold*")
    found = examine([open_run(f) for f in folders], [GONE], permutations=2, name=label)
    assert found.split == "fold*"
    assert found.file_name == "toy_fold_-senti-ifusion"
    assert folder == place.runs / "studies" / "folds" / "diagnostics"
    assert found.answers is not None
    assert len(found.answers.label) == len(set(found.answers.sample_ids)) == 40
    with pytest.raises(InputError, match="the study has toy/fold"):
        runs_to_examine(f"folds:{PLAIN}", place.runs, dataset="other/fold*")


def test_only_seeds_of_one_senti_ifusion_are_examined(place: Place) -> None:
    plain, told, text = (
        [open_run(f) for f in runs_to_examine(f"small:{m}", place.runs)[0]] for m in (PLAIN, TOLD, "text-only")
    )
    for runs, says in (
        (text, "model 'text-only' is no Senti-iFusion"),
        ([*plain, told[0]], "is not toy/official senti-ifusion"),
        ([plain[0], plain[0]], "each once"),
        ([], "no run was given"),
    ):
        with pytest.raises(InputError, match=says) as caught:
            examine(runs, [GONE])
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no protocol was given"):
        examine(plain, [])


@pytest.mark.parametrize("reference", ["small:senti-ifusion", "folder"])
def test_the_command_says_what_it_found_and_where_it_is(
    place: Place, reference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (first, *_), folder, _ = runs_to_examine(f"small:{PLAIN}", place.runs)
    name = str(first) if reference == "folder" else reference
    folder = (first / "diagnostics" if reference == "folder" else folder) / "toy_official-senti-ifusion"
    options = ["--out", str(place.runs), "--protocol", "inter-drop", "--permutations", "2", "--format", "svg"]
    with pytest.raises(SystemExit) as caught:
        main(["plot", "diagnostics", name, *options])
    assert not caught.value.code
    shown = capsys.readouterr().out
    assert "inter-drop: " in shown
    assert str(folder) in shown
    for title in ("Integrity permutation", "Recovery error", "Calibration of estimated integrity", "Dominant modality"):
        assert title in shown
        assert f"{title} under inter-drop" in (folder / "diagnostics.md").read_text() or title == "Recovery error"
    there = {path.name for path in folder.iterdir()}
    assert {"permutation.csv", "recovery.csv", "integrity.csv", "diagnostics.tex"} <= there
    assert {"inter-drop-permutation.svg", "inter-drop-recovery.csv", "inter-drop-calibration.svg"} <= there


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["small:text-only"], "is no Senti-iFusion"),
        ([], "Missing argument 'RUN'"),
        (["small:senti-ifusion", "--protocol", "inter-drp"], "did you mean inter-drop"),
        (["nowhere"], "'nowhere' is no run"),
    ],
)
def test_what_cannot_be_examined_is_one_line(
    place: Place, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["plot", "diagnostics", *arguments, "--out", str(place.runs)])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert says in error
    assert len(error.strip().splitlines()) == 1


# Tables and figures, of made-up answers.


def made_points(*names: str) -> pd.DataFrame:
    return protocol_table([get_protocol(name) for name in names or ("inter-drop",)])


def made_answers(shuffled_error: float, seeds: int = 3, n: int = 200, change: float = 0.2) -> Answers:
    """Answers whose shuffled predictions are off by so much more than the own ones; the true ones are the own ones."""
    rng = np.random.default_rng(3)
    label = rng.integers(-15, 16, n) / 5
    scenarios = made_points()["scenario"].tolist()
    cells, rows, changes = [], [], []
    for seed in range(seeds):
        for scenario in scenarios:
            own = label + rng.normal(0, 0.6, n)
            cells += [(OWN, 0, seed, scenario), (TRUE, 0, seed, scenario)]
            rows += [own, own]
            for k in range(4):
                cells.append((SHUFFLED, k, seed, scenario))
                rows.append(own + shuffled_error * rng.normal(size=n))
            changes.append((seed, scenario, change))
    return Answers(
        sample_ids=np.array([f"s{i}" for i in range(n)], dtype=object),
        video_ids=np.array([f"v{i // 8}" for i in range(n)], dtype=object),
        label=label,
        label_range=(-3.0, 3.0),
        cells=pd.DataFrame(cells, columns=["given", "permutation", "seed", "scenario"]),
        predictions=np.stack(rows),
        changes=pd.DataFrame(changes, columns=["seed", "scenario", "change"]),
    )


def made_recovery(
    factor: float,
    seeds: int = 3,
    scale: tuple[float, ...] = (1.0, 1.0, 1.0),
    *,
    semantic: float | None = None,
    protocols: tuple[str, ...] = ("inter-drop", "intra-random"),
) -> pd.DataFrame:
    """Distances after completion that are `factor` times, at semantic level `semantic` times, those before."""
    rng = np.random.default_rng(5)
    points = made_points(*protocols)
    chosen = points["x"].isin((0.2, 0.5, 0.9)) | points["axis2"].ne("")
    factors = {FEATURE: factor, CONSTANT: factor, SEMANTIC: factor if semantic is None else semantic}
    index = pd.MultiIndex.from_product(
        [factors, range(seeds), points.loc[chosen, "scenario"], range(24), MODALITIES],
        names=["depth", "seed", "scenario", "sample", "modality"],
    )
    table = index.to_frame(index=False)
    table = table[rng.random(len(table)) < 0.5]  # which samples lost something
    table["sample_id"], table["video_id"] = "s" + table["sample"].astype(str), "v" + (table["sample"] // 4).astype(str)
    table["lost"] = np.where(table["scenario"].str.startswith("drop"), 1.0, 0.5)
    table["left"] = rng.uniform(0.5, 1.5, len(table)) * np.asarray(scale)[table["seed"]]
    table["completed"] = table["depth"].map(factors) * table["left"]
    return table.drop(columns="sample")


@settings(deadline=None, max_examples=5)
@given(factor=st.floats(0.05, 5), scale=st.tuples(*3 * [st.floats(0.1, 10)]))
def test_the_ratio_is_that_of_the_distances_whatever_their_unit(factor: float, scale: tuple[float, ...]) -> None:
    found = recovery_data(made_recovery(factor, scale=scale), made_points("inter-drop", "intra-random"), draws=40)
    assert np.allclose(found[["ratio", "low", "high"]], factor)
    assert set(zip(found["protocol"], found["lost"], strict=True)) == {
        ("inter-drop", "whole"), ("inter-drop", "any"), ("intra-random", "part"), ("intra-random", "any")
    }  # fmt: skip
    bold = [cell.bold for row in recovery_table(found, "x").rows for cell in row.cells[2:] if cell.text != "–"]
    row = [factor < 1 - 1e-9] * 3
    assert bold == [*row, False, False, False, *row] * 2  # no reference is bold


def test_both_depths_are_told_apart_in_data_table_and_caption() -> None:
    found = recovery_data(made_recovery(0.5, semantic=1.25), made_points("inter-drop", "intra-random"), draws=40)
    assert np.allclose(found["ratio"], found["depth"].map({FEATURE: 0.5, CONSTANT: 0.5, SEMANTIC: 1.25}))
    sizes = found.groupby("depth")["samples"].sum()
    assert sizes[FEATURE] > 0
    assert sizes[SEMANTIC] > 0
    for protocol in (None, "inter-drop"):
        table = recovery_table(found, "x", protocol)
        assert [row.cells[1].text for row in table.rows] == list(DEPTHS) * (len(table.rows) // 3)
        for row in table.rows:
            numbers = [cell for cell in row.cells[2:] if cell.text != "–"]
            assert numbers
            assert {cell.text for cell in numbers} == {"1.250" if row.cells[1].text == SEMANTIC else "0.500"}
            assert all(cell.bold == (row.cells[1].text == FEATURE) for cell in numbers)
        names = [row["protocol" if protocol is None else "point"] for row in table.records()]
        assert names[::3] == names[1::3] == names[2::3]  # for machines, every row says what it is about
        assert "Feature level: smooth L1 between tokens" in table.caption
        assert "semantic level: difference between what the shared sentiment head reads" in table.caption


def test_recovery_over_few_videos_has_no_interval_and_nothing_lost_is_an_error() -> None:
    table = made_recovery(0.5)
    few = recovery_data(table[table["video_id"].isin(["v0", "v1"])], made_points(), draws=40)
    assert few["low"].isna().all()
    assert set(few["flag"]) == {"few videos"}
    assert "(a)" in str(recovery_table(few, "x").plain())
    with pytest.raises(InputError, match="no sample loses anything"):
        recovery_data(table[:0], made_points())


def test_seeds_that_disagree_widen_the_interval_of_recovery() -> None:
    table = made_recovery(0.5)
    apart = table.assign(completed=table["completed"] * np.asarray([0.6, 1.0, 1.4])[table["seed"]])
    whole = recovery_data(apart, made_points(), draws=400).query("scenario == '' and lost == 'any'")
    assert (whole["low"] < 0.4).all()
    assert (whole["high"] > 0.55).all()


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


def test_calibration_is_that_of_the_metrics_and_shares_sum_to_one() -> None:
    rng = np.random.default_rng(0)
    scenarios = made_points()["scenario"].tolist()
    tables = []
    for scenario in scenarios:
        table = pd.DataFrame({"sample_id": [f"s{i}" for i in range(60)], "video_id": [f"v{i // 6}" for i in range(60)]})
        for m in MODALITIES:
            table[f"observed_{m}"] = rng.random(60)
            table[f"integrity_{m}"] = np.clip(table[f"observed_{m}"] + rng.normal(0, 0.1, 60), 0, 1)
        tables.append(table.assign(model="x", seed=0, scenario=scenario, dominant=rng.integers(0, 3, 60).astype(float)))
    said = pd.concat(tables, ignore_index=True)
    found = integrity_points(said, made_points(), draws=50)
    for scenario in ("", scenarios[4]):
        here = said if not scenario else said[said["scenario"] == scenario]
        scores = integrity_scores(*(here[[f"{k}_{m}" for m in MODALITIES]] for k in ("observed", "integrity")))
        own = found[found["scenario"] == scenario].set_index("modality")
        assert np.allclose(own["mae"], scores["mae"][own.index])
        assert np.allclose(own["spearman"], scores["spearman"][own.index])
        assert np.isclose(own["leads"].sum(), 1)
    assert len(calibration_table(found, "x", "inter-drop").rows) == len(scenarios) + 1
    assert len(dominance_table(found, "x").rows) == 1
    silent = said.assign(dominant=np.nan, **{f"integrity_{m}": np.nan for m in MODALITIES})
    with pytest.raises(InputError, match="neither estimates integrity"):
        integrity_points(silent, made_points(), draws=20)


def test_a_grid_has_a_panel_for_every_value_of_its_first_axis() -> None:
    placed = along_axes(made_points("uncertain"))
    assert placed["panel"].unique().tolist() == [f"drop rate {v}" for v in ("0", "0.25", "0.5", "0.75")]
    assert set(placed["along"]) == {"missing rate"}
    assert len(placed) == 16  # the point whose rates are drawn is on no axis
    assert along_axes(made_points("inter-subsets")).empty


def test_a_grid_has_a_figure_of_recovery_for_each_depth(tmp_path: Path) -> None:
    data = made_recovery(0.6, semantic=0.8, protocols=("uncertain",))
    recovery = recovery_data(data, made_points("uncertain"), draws=30)
    files = plot_recovery(recovery, tmp_path / "r", "title", formats=("svg",))
    assert [path.name for path in files] == [
        f"r-{depth}.{form}" for depth in (FEATURE, SEMANTIC) for form in ("csv", "svg")
    ]
    for depth, file in zip((FEATURE, SEMANTIC), files[::2], strict=True):
        assert set(pd.read_csv(file)["depth"]) == {depth}
        assert f"title, {depth} level" in file.with_suffix(".svg").read_text()
    one = plot_recovery(recovery[recovery["depth"] == FEATURE], tmp_path / "f", formats=("svg",))
    assert [path.name for path in one] == ["f.csv", "f.svg"]


@pytest.mark.parametrize("width", [3.4, 7.0])
def test_figures_are_drawn_from_the_csv_beside_them(width: float, tmp_path: Path) -> None:
    permutation = permutation_data(made_answers(0.5), made_points(), draws=30)
    recovery = recovery_data(made_recovery(0.6), made_points(), draws=30)
    files = plot_permutation(permutation, tmp_path / "p", "title", width=width, formats=("svg",))
    files += plot_recovery(recovery, tmp_path / "r", "title", width=width, formats=("svg",))
    files += plot_recovery(
        recovery[recovery["depth"] == SEMANTIC], tmp_path / "s", "title", width=width, formats=("svg",)
    )
    assert [path.name for path in files] == ["p.csv", "p.svg", "r.csv", "r.svg", "s.csv", "s.svg"]
    for label in ("own estimates", "shuffled estimates", "true integrity", "drop rate"):
        assert label in files[1].read_text()
    for label in (*MODALITIES, "all of the modality lost", "feature level", "semantic level", "smooth L1"):
        assert label in files[3].read_text()
    assert "title, semantic level" in files[5].read_text()
    assert "smooth L1" not in files[5].read_text()
    nowhere = permutation.assign(axis="available", x=np.nan)
    with pytest.raises(InputError, match="no numeric axis"):
        plot_permutation(nowhere, tmp_path / "n", formats=("svg",))
    assert not (tmp_path / "n.csv").exists()
