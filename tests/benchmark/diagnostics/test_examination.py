"""Examining a trained Senti-iFusion: answers with other scores, recovery, and what the command writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from benchmark.cli.main import main
from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.diagnostics import Examination, examine, runs_to_examine, write_diagnostics
from benchmark.diagnostics.asking import ask
from benchmark.diagnostics.integrity_points import integrity_points
from benchmark.diagnostics.permutation_data import CONTROL, OWN, SHUFFLED, TRUE, permutation_data
from benchmark.diagnostics.recovery_data import CONSTANT, DEPTHS, FEATURE, SEMANTIC, recovery_data
from benchmark.prediction import open_run
from benchmark.runs.executors import InlineExecutor
from benchmark.study.running import run
from benchmark.study.study import make_study
from protocols import MODALITIES, InputError, parse
from senti_ifusion.model import SentiIFusion
from tests.samples import make_samples

PLAIN, TOLD, WHOLE = "senti-ifusion", "senti-ifusion-true-integrity", "senti-ifusion-without-integrity"
UNREAD = "senti-ifusion-without-semantic-validation"
#: Studies of these models: two seeds, or one.
STUDIES = {PLAIN: "small", "text-only": "small", TOLD: "variants", WHOLE: "variants", UNREAD: "variants"}
SMALL = {"width": 16, "tokens": 2, "heads": 2}
COLUMN = {modality: i for i, modality in enumerate(MODALITIES)}
LONGER: dict[str, Any] = {
    "protocols": ["complete"],
    "optimisation": {"epochs": 30, "batch_size": 16, "learning_rate": 3e-3},
}
HALF, GONE = "random_positions(rate=0.5)", "drop(rate=0.5)"


@dataclass(frozen=True)
class Place:
    """Folder of the runs."""

    home: Path
    runs: Path
    _found: dict[tuple[str, tuple[str, ...], int], Examination] = field(default_factory=dict)

    def examine(self, model: str = PLAIN, protocols: tuple[str, ...] = (HALF, GONE), seed: int = 0) -> Examination:
        """Examine a model of a study, each way once."""
        key = (model, protocols, seed)
        if key not in self._found:
            folders, _, label = runs_to_examine(f"{STUDIES[model]}:{model}", self.runs)
            runs = [open_run(f) for f in folders]
            self._found[key] = examine(runs, protocols, permutations=3, name=label, seed=seed)
        return self._found[key]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Place:
    home, runs = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("runs")
    common: dict[str, Any] = {
        "protocols": ["complete", HALF, GONE],
        "encoder": {"name": str(tiny_encoder)},
        "optimisation": {"epochs": 2, "batch_size": 16},
    }
    small = [{"name": name, "config": SMALL} for name in (PLAIN, TOLD, WHOLE, UNREAD)]
    variants = {"datasets": ["toy"], "models": small[1:], "seeds": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTIBENCH_HOME", str(home))
        write_store(make_samples(), store_path("toy"))
        write_store(make_samples(240, name="long", words=False), store_path("long"))
        for study in (
            {"name": "small", "datasets": ["toy"], "models": [small[0], "text-only"], "seeds": 2},
            {"name": "variants", **variants},
            {"name": "control", "datasets": ["long"], "models": small[:1], "seeds": 1, **LONGER},
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


def test_scores_of_positions_are_those_of_recorded_ones(place: Place) -> None:
    found = place.examine(protocols=(HALF, "complete"))
    assert set(found.positions) == {(seed, s) for seed in range(2) for s in (HALF, "complete")}
    dataset = open_run(runs_to_examine(f"small:{PLAIN}", place.runs)[0][0]).dataset
    observed = parse(HALF).masks(dataset, "test").observed
    for i, m in enumerate(MODALITIES):
        recorded = dataset.layout("test").observed[m]
        gone, left = found.positions[0, HALF][i].sum(axis=1)
        assert (gone, left) == ((recorded & ~observed[m]).sum(), observed[m].sum())
        assert found.positions[0, "complete"][i].sum(axis=1).tolist() == [0, recorded.sum()]
    table = integrity_points(found.statements, found.points, found.positions, draws=20).set_index("modality")
    by_point = table[table["scenario"] == HALF]
    assert by_point["auc"].between(0, 1).all()
    assert np.isfinite(by_point["net"]).all()
    assert table.loc[table["scenario"] == "complete", "auc"].isna().all()


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
    assert written.absent == (f"permutation: {WHOLE} does not weight by integrity",)
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


def test_the_control_reads_the_text_of_others_and_is_found_significant(place: Place) -> None:
    (folder, *_), _, _ = runs_to_examine(f"control:{PLAIN}", place.runs)
    opened = open_run(folder)
    assert isinstance(opened.model, SentiIFusion)
    found = examine([opened], ["complete"], permutations=3)
    assert found.answers is not None
    table = permutation_data(found.answers, found.points, ["mae"], draws=500).set_index("given")
    assert table.loc[CONTROL, "difference_low"].min() > 0
    assert table.loc[CONTROL, "p_holm"].min() < 0.05
    # without words the encoded text of all samples is one, and the control changes nothing
    part = opened.masked_part(parse("subset(available=(audio, vision))").masks(opened.dataset, "test"))
    whole = opened.model.represent(part.batch(torch.arange(len(part))))
    asked = ask(opened, part, part.integrity, whole.tokens, 2, np.random.default_rng(0))
    assert asked.control is not None
    assert np.allclose(asked.control, asked.own, atol=1e-5)
    assert not opened.model.encoders._forward_hooks


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
            own["sample_id"].map({s: i for i, s in enumerate(opened.dataset.layout("test").sample_ids)}),
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


def test_every_file_has_the_chosen_level(place: Place, tmp_path: Path) -> None:
    written = write_diagnostics(place.examine(UNREAD, ("inter-drop",)), tmp_path, ("svg",), draws=20, level=0.9)
    tables = {path.name: pd.read_csv(path) for path in written.files if path.suffix == ".csv"}
    assert "inter-drop-integrity.csv" in tables
    assert {name for name, data in tables.items() if "level" in data and set(data["level"].dropna()) != {0.9}} == set()


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
        [open_run(f) for f in runs_to_examine(f"{STUDIES[m]}:{m}", place.runs)[0]] for m in (PLAIN, TOLD, "text-only")
    )
    for runs, says in (
        (text, "model 'text-only' is not a Senti-iFusion"),
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
        (["small:text-only"], "is not a Senti-iFusion"),
        ([], "Missing argument 'RUN'"),
        (["small:senti-ifusion", "--protocol", "inter-drp"], "did you mean inter-drop"),
        (["nowhere"], "'nowhere' is not a run"),
    ],
)
def test_runs_that_cannot_be_examined_are_refused_in_one_line(
    place: Place, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["plot", "diagnostics", *arguments, "--out", str(place.runs)])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert says in error
    assert len(error.strip().splitlines()) == 1
