"""Optimism: what selecting on the test set is worth, measured without touching any result."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

from benchmark.data.registered import is_registered, register_dataset
from benchmark.evaluation.metrics import METRICS, score
from benchmark.evaluation.panel import Panel
from benchmark.results.opening import open_results
from benchmark.results.test_oracle import optimism_panels
from benchmark.runs import execution as experiment
from benchmark.runs.data import RunData
from benchmark.runs.executors import InlineExecutor
from benchmark.runs.store import RunStore
from benchmark.runs.training import RunTraining
from benchmark.study.plan import prepare
from benchmark.study.running import RunOutcome, pending, run
from benchmark.study.study import Study, make_study
from benchmark.tables.optimism import optimism
from protocols import InputError
from tests.benchmark.runs.test_store import make_spec
from tests.samples import make_samples

DATASET = "optimism-toy"
if not is_registered(DATASET):
    register_dataset(DATASET)(lambda: make_samples(words=False))
MODELS = ["constant", "late-fusion-dropout"]
PROTOCOL = "intra-random"


def study(**changes: object) -> Study:
    fields: dict[str, object] = {
        "datasets": [DATASET],
        "models": MODELS,
        "protocols": [PROTOCOL],
        "seeds": 2,
        "optimisation": {"epochs": 4, "batch_size": 8, "learning_rate": 0.01},
    }
    return make_study({**fields, **changes})


def do(chosen: Study, root: Path) -> RunOutcome:
    outcome = run(chosen, root, InlineExecutor())
    assert not outcome.failed, outcome.failed[0].traceback
    return outcome


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of the same study without and with the option."""
    without_it, with_it = tmp_path_factory.mktemp("without"), tmp_path_factory.mktemp("with")
    do(study(), without_it)
    do(study(optimism=True), with_it)
    return without_it, with_it


def files(root: Path, name: str) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in root.rglob(name)}


def scratch(root: Path) -> list[Path]:
    """Hidden folders beside the runs; the cache of text states is not among them."""
    return [p for p in root.glob("*/*/.*")]


def test_results_are_the_same_bit_for_bit_with_and_without(roots: tuple[Path, Path]) -> None:
    for name in ("predictions.parquet", "model.safetensors", "samples.parquet"):
        a, b = (files(root, name) for root in roots)
        assert len(a) == 4
        assert a == b
    records = [{r.id: (r.best_epoch, r.valid_mae, r.evaluations) for r in RunStore(root).records()} for root in roots]
    assert records[0] == records[1]
    assert not files(roots[0], "epochs.parquet")
    assert len(files(roots[1], "epochs.parquet")) == 4
    assert not scratch(roots[0])
    assert not scratch(roots[1])


def test_a_run_made_without_it_is_trained_again_and_stays_what_it_was(roots: tuple[Path, Path], tmp_path: Path) -> None:
    small = {"models": ["late-fusion-dropout"], "seeds": 1}
    do(study(**small), tmp_path)
    before = {name: files(tmp_path, name) for name in ("predictions.parquet", "model.safetensors")}
    plan = prepare(study(**small, optimism=True))
    assert pending(plan, tmp_path) == [0]
    do(plan.study, tmp_path)
    assert {name: files(tmp_path, name) for name in before} == before
    (key,) = files(tmp_path, "epochs.parquet")
    assert files(tmp_path, "epochs.parquet")[key] == files(roots[1], "epochs.parquet")[key]
    assert pending(plan, tmp_path) == []
    more = study(**small, optimism=True, protocols=[PROTOCOL, "inter-drop"])
    assert pending(prepare(more), tmp_path) == [0]
    do(more, tmp_path)
    assert pending(prepare(more), tmp_path) == pending(plan, tmp_path) == []
    assert len(optimism_panels(prepare(more), tmp_path, "inter-drop")[0][1]) == 9


def test_a_lost_file_of_epochs_is_made_again(roots: tuple[Path, Path], tmp_path: Path) -> None:
    small = study(models=["constant"], seeds=1, optimism=True)
    do(small, tmp_path)
    next(tmp_path.rglob("epochs.parquet")).unlink()
    assert pending(prepare(small), tmp_path) == [0]


def test_a_training_that_comes_out_differently_is_refused_and_the_result_kept(tmp_path: Path) -> None:
    small = {"models": ["late-fusion-dropout"], "seeds": 1}
    do(study(**small), tmp_path)
    (file,) = tmp_path.rglob("model.safetensors")
    weights = load_file(file)
    name = next(k for k, v in weights.items() if v.is_floating_point() and v.numel() > 1)
    weights[name].view(-1)[0] += 1e-6
    save_file(weights, file)
    before = files(tmp_path, "run.json")
    outcome = run(study(**small, optimism=True), tmp_path, InlineExecutor())
    assert "it has other weights than the run on file" in str(outcome.failed[0].error)
    assert files(tmp_path, "run.json") == before
    assert not files(tmp_path, "epochs.parquet")
    assert not scratch(tmp_path)


def test_no_code_reads_the_test_part_while_a_model_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training: dict[str, Any] = {"now": False, "kept": 0}
    opened, train = RunData.test, RunTraining.train

    def guarded(self: RunData) -> Any:
        assert not training["now"]
        return opened(self)

    def watched(*arguments: Any, **options: Any) -> Any:
        training["now"] = True
        outcome = train(*arguments, **options)
        training["now"] = False
        training["kept"] += len(list(tmp_path.rglob("epoch-*.safetensors")))
        return outcome

    monkeypatch.setattr(RunData, "test", guarded)
    monkeypatch.setattr(RunTraining, "train", watched)
    do(study(optimism=True, seeds=1), tmp_path)
    assert training["kept"] == 1 + 4  # of constant, and of every epoch of the other
    assert not list(tmp_path.rglob("epoch-*.safetensors"))


@pytest.mark.parametrize("when", ["in training", "after it"])
def test_what_fails_leaves_no_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    def fail(*_: object) -> None:
        assert scratch(tmp_path)
        raise OSError("disk full")

    if when == "in training":
        monkeypatch.setattr("benchmark.runs.epochs.EpochWeights.keep", fail)
    else:
        monkeypatch.setattr(experiment, "predict_epochs", fail)
    small = {"models": ["late-fusion-dropout"], "seeds": 1}
    outcome = run(study(**small, optimism=True), tmp_path, InlineExecutor())
    assert "disk full" in str(outcome.failed[0].error)
    assert not scratch(tmp_path)
    assert pending(prepare(study(**small, optimism=True)), tmp_path) == [0]
    # the result is filed before its epochs are evaluated, and does not depend on them
    assert pending(prepare(study(**small)), tmp_path) == ([0] if when == "in training" else [])


def test_scratch_of_a_killed_run_is_swept_up_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path), make_spec()
    code = (
        "import sys, os, signal; from pathlib import Path; from benchmark.runs.store import RunStore;"
        "from tests.benchmark.runs.test_store import make_spec\n"
        "with RunStore(Path(sys.argv[1])).scratch(make_spec()) as folder:\n"
        "    (folder / 'epoch-1.safetensors').write_bytes(b'x')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).resolve().parents[3]
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=root, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(scratch(tmp_path)) == 1
    with store.scratch(spec) as own:
        store.sweep()
        assert scratch(tmp_path) == [own]
    assert not scratch(tmp_path)
    assert str(os.getpid()) in own.name


def epochs_of(root: Path, model: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    record = next(r for r in RunStore(root).records() if r.spec.model == model and r.spec.seed == seed)
    store = RunStore(root)
    table = pd.read_parquet(store.folder(record.spec) / "epochs.parquet")
    return table, store.samples(record.spec), record.best_epoch


def value(panel: Panel, model: str, seed: int, metric: str, scenarios: list[str]) -> float:
    at = panel.cells[(panel.cells["model"] == model) & (panel.cells["seed"] == seed)]
    rows = [i for i, s in zip(at.index, at["scenario"], strict=True) if s in scenarios]
    assert len(rows) == len(scenarios)
    return float(np.mean([score(panel.label, panel.predictions[i])[metric] for i in rows]))


def test_the_epoch_chosen_is_the_best_of_all_by_a_count_by_hand(roots: tuple[Path, Path]) -> None:
    plan = prepare(study(optimism=True))
    ((honest, oracles),) = optimism_panels(plan, roots[1])
    scenarios = [str(s) for s in plan.scenarios]
    assert set(oracles) == {"mae", "corr", "acc7", "acc5", "acc3", "acc2_has0", "acc2_non0", "f1_has0", "f1_non0"}
    moved = 0
    for seed in (0, 1):
        table, samples, best_epoch = epochs_of(roots[1], "late-fusion-dropout", seed)
        assert sorted(table["epoch"].unique()) == [1, 2, 3, 4]
        for metric, panel in oracles.items():
            means = {}
            for epoch, rows in table.groupby("epoch"):
                by_scenario = [
                    score(samples["label"], own.set_index("sample_id").loc[samples["sample_id"], "prediction"])[metric]
                    for _, own in rows.groupby("scenario", observed=True)
                ]
                means[epoch] = float(np.mean(by_scenario))
            sign = 1 if METRICS[metric].higher_is_better else -1
            best = value(panel, "late-fusion-dropout", seed, metric, scenarios)
            kept = value(honest, "late-fusion-dropout", seed, metric, scenarios)
            assert best == pytest.approx(sign * max(sign * m for m in means.values()))
            assert kept == pytest.approx(means[best_epoch])
            assert sign * best >= sign * kept
            chosen = panel.runs.set_index(["model", "seed"]).loc[("late-fusion-dropout", seed), "best_epoch"]
            assert means[chosen] == pytest.approx(best)
            moved += chosen != best_epoch
    assert moved  # else nothing was tested


def test_one_point_may_be_the_place_of_the_choice(roots: tuple[Path, Path]) -> None:
    plan = prepare(study(optimism=True))
    place = next(p for p in plan.protocols[0].points if 0.5 in p.coordinates.values())
    ((honest, oracles),) = optimism_panels(plan, roots[1], metrics=["mae"], at="0.5")
    ((_, same),) = optimism_panels(plan, roots[1], metrics=["mae"], at=str(place.scenario))
    assert np.array_equal(oracles["mae"].predictions, same["mae"].predictions)
    assert str(place.scenario) in " ".join(oracles["mae"].notes)
    assert len(oracles["mae"].cells) == len(plan.runs) * len(plan.scenarios)  # chosen at one, evaluated at all
    for seed in (0, 1):
        sides = [value(p, "late-fusion-dropout", seed, "mae", [str(place.scenario)]) for p in (oracles["mae"], honest)]
        assert sides[0] <= sides[1]
    for wrong in ({"at": "0.55"}, {"protocol": "complete"}, {"metrics": ["mea"]}):
        with pytest.raises(InputError, match="unknown"):
            optimism_panels(plan, roots[1], **wrong)  # type: ignore[arg-type]


def test_folds_choose_for_themselves_and_are_pooled_then(tmp_path: Path) -> None:
    folds = study(datasets=[f"{DATASET}/fold*"], models=["late-fusion-dropout"], seeds=1, optimism=True)
    do(folds, tmp_path)
    ((honest, oracles),) = optimism_panels(prepare(folds), tmp_path, metrics=["mae"])
    assert honest.label.shape == (40,)
    assert oracles["mae"].predictions.shape == honest.predictions.shape
    errors = [np.abs(p.predictions - p.label).mean(axis=0) for p in (oracles["mae"], honest)]
    for fold in (slice(0, 20), slice(20, 40)):
        assert errors[0][fold].mean() <= errors[1][fold].mean() + 1e-12


def test_a_model_without_a_choice_has_no_optimism(roots: tuple[Path, Path]) -> None:
    ((honest, oracles),) = optimism_panels(prepare(study(optimism=True)), roots[1])
    table = optimism(honest, oracles, draws=50)
    names = [c.name for c in table.columns]
    (row,) = (r for r in table.rows if r.cells[0].text == "constant")
    for metric in oracles:
        assert row.cells[names.index(f"{metric}_optimism")].value == 0.0


def test_runs_without_epochs_are_named_with_the_command_that_fills_them(
    roots: tuple[Path, Path], tmp_path: Path
) -> None:
    plan = prepare(study())
    ((honest, nothing),) = optimism_panels(plan, roots[0])
    assert nothing == {}
    with pytest.raises(InputError, match="run the study with --optimism"):
        optimism(honest, nothing)
    root = tmp_path / "runs"
    shutil.copytree(roots[1], root)
    partly = prepare(study(seeds=3))
    do(partly.study, root)
    ((honest, oracles),) = optimism_panels(partly, root, metrics=["mae"])
    assert {(g.model, g.seed, g.reason) for g in oracles["mae"].missing} == {
        (m, 2, "epochs not evaluated") for m in MODELS
    }
    assert not honest.missing
    table = optimism(honest, oracles, draws=20)
    assert any("--optimism" in note.remedy for note in table.footnotes)
    assert {row.cells[1].text for row in table.rows} == {"2"}
    assert any("both sides on 2 of 3 seeds" in note.text for note in table.footnotes)


def test_the_panels_of_results_are_untouched(roots: tuple[Path, Path]) -> None:
    (plain,) = open_results(study(), roots[0]).panels
    ((honest, oracles),) = optimism_panels(prepare(study(optimism=True)), roots[1], metrics=["mae"])
    assert plain.selection == honest.selection == "valid"
    assert np.array_equal(plain.predictions, honest.predictions)
    assert oracles["mae"].selection == "test-oracle"
    assert "Not a result" in oracles["mae"].notes[0]
