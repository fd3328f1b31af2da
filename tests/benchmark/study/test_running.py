"""Studies from end to end on a small data set: resume, determinism, pooling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark.publishing.measured import publish, read_measured
from benchmark.results.measured import TableChoices
from benchmark.results.opening import open_results
from benchmark.runs.executors import Event, InlineExecutor, LocalExecutor
from benchmark.runs.store import RunStore
from benchmark.study.filing import last_study
from benchmark.study.plan import prepare
from benchmark.study.running import run
from protocols import Scenario
from protocols.mechanisms.structured import Block
from tests.benchmark.fake_panel import leaderboard
from tests.benchmark.study.toy_study import MODELS, study
from tests.samples import make_samples


@pytest.mark.usefixtures("toy")
def test_a_study_is_filed_and_read_back(tiny_encoder: Path, tmp_path: Path) -> None:
    outcome = run(study(tiny_encoder), tmp_path, InlineExecutor())
    assert not outcome.failed
    assert outcome.executed == len(outcome.records) == 6
    (panel,) = open_results(study(tiny_encoder), tmp_path).panels
    assert panel.predictions.shape == (6 * 2, 20)
    assert not panel.missing
    assert panel.settings == dict.fromkeys(MODELS, "as registered, but epochs 2 and batch_size 16")
    assert set(panel.cells["model"]) == set(MODELS)
    assert last_study(tmp_path) == study(tiny_encoder)
    constant = panel.predictions[(panel.cells["model"] == "constant").to_numpy()]
    train = make_samples().label[make_samples().splits["official"] == 1]
    assert np.allclose(constant, np.median(train))


@pytest.mark.usefixtures("toy")
def test_large_models_are_begun_first(tiny_encoder: Path, tmp_path: Path) -> None:
    begun: list[int] = []

    def note(number: int, event: Event) -> None:
        if event.phase == "start":
            begun.append(number)

    outcome = run(study(tiny_encoder, seeds=1), tmp_path, InlineExecutor(), note)
    assert [outcome.plan.runs[i].label for i in begun] == ["late-fusion-dropout", "text-only", "constant"]
    assert [record.spec.model for record in outcome.records] == MODELS


@pytest.mark.usefixtures("toy")
def test_finished_runs_are_reused_and_new_cells_need_no_training(tiny_encoder: Path, tmp_path: Path) -> None:
    run(study(tiny_encoder), tmp_path, InlineExecutor())
    assert run(study(tiny_encoder), tmp_path, InlineExecutor()).executed == 0
    phases: set[str] = set()
    more = study(tiny_encoder, protocols=["complete", "random_positions(rate=0.5)", "drop(rate=0.5)"])
    outcome = run(more, tmp_path, InlineExecutor(), lambda _, event: phases.add(event.phase))
    assert outcome.executed == 6
    assert phases == {"start", "evaluate", "end"}
    assert run(study(tiny_encoder, seeds=3), tmp_path, InlineExecutor()).executed == 3
    (panel,) = open_results(more, tmp_path).panels
    assert panel.predictions.shape[0] == 6 * 3


@pytest.mark.usefixtures("toy")
def test_cells_added_later_are_those_of_a_run_made_at_once(tiny_encoder: Path, tmp_path: Path) -> None:
    changes = {"models": ["late-fusion-dropout"], "seeds": 1}
    run(study(tiny_encoder, **changes, protocols=["complete"]), tmp_path / "a", InlineExecutor())
    both = study(tiny_encoder, **changes, protocols=["complete", "drop(rate=0.5)"])
    run(both, tmp_path / "a", InlineExecutor())
    run(both, tmp_path / "b", InlineExecutor())
    (a,), (b,) = open_results(both, tmp_path / "a").panels, open_results(both, tmp_path / "b").panels
    assert np.array_equal(a.predictions, b.predictions)


@pytest.mark.usefixtures("toy")
def test_processes_and_inline_give_equal_bits(tiny_encoder: Path, tmp_path: Path) -> None:
    chosen = study(tiny_encoder, models=["text-only", "late-fusion-dropout"], seeds=1)
    events: list[tuple[int, Event]] = []
    run(chosen, tmp_path / "a", InlineExecutor())
    run(chosen, tmp_path / "b", LocalExecutor(1), lambda *event: events.append(event))
    (a,), (b,) = open_results(chosen, tmp_path / "a").panels, open_results(chosen, tmp_path / "b").panels
    assert np.array_equal(a.predictions, b.predictions)
    assert {number for number, _ in events} == {0, 1}


@pytest.mark.usefixtures("toy")
def test_folds_are_pooled_before_any_metric(tiny_encoder: Path, tmp_path: Path) -> None:
    folds = study(tiny_encoder, datasets=["toy/fold*"], models=["constant"], seeds=1)
    outcome = run(folds, tmp_path, InlineExecutor())
    assert [r.spec.split for r in outcome.records] == ["fold0", "fold1"]
    (panel,) = open_results(folds, tmp_path).panels
    assert panel.split == "fold*"
    assert len(panel.label) == 40
    assert panel.predictions.shape == (2, 40)
    assert panel.split_of is not None
    assert panel.split_of.tolist() == ["fold0"] * 20 + ["fold1"] * 20
    table = leaderboard(panel, "complete", draws=20)
    (row,) = table.records()
    assert len(set(panel.predictions[0])) == 2  # two training medians, which correlate with the labels
    assert row["corr"] == 0.0
    assert any("constant within each split" in note.text for note in table.footnotes)
    publish(open_results(folds, tmp_path), tmp_path / "measured", choices=TableChoices(draws=20))
    (again,) = read_measured(tmp_path / "measured").panels
    assert again.split_of is not None
    assert again.split_of.tolist() == panel.split_of.tolist()


def test_the_oracle_is_asked_only_where_it_is_a_bound(tiny_encoder: Path) -> None:
    mixed = ["complete", "informative(rate=0.5)", "noise(snr_db=5)", "drop(rate=0.5)"]
    planned = prepare(study(tiny_encoder, datasets=["synthetic:size=tiny"], models=["constant"], protocols=mixed))
    oracle = next(r for r in planned.runs if r.label == "oracle")
    assert [str(s) for s in planned.scenarios_of(oracle)] == ["complete", "drop(rate=0.5)"]
    for text in mixed[1:3]:
        without = prepare(study(tiny_encoder, datasets=["synthetic:size=tiny"], models=["constant"], protocols=[text]))
        assert "oracle" not in {r.label for r in without.runs}


@pytest.mark.usefixtures("toy")
def test_results_of_an_earlier_version_of_a_mechanism_are_not_used(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = study(tiny_encoder, models=["senti-ifusion"], seeds=1, protocols=["complete", "block(rate=0.5)"])
    run(chosen, tmp_path, InlineExecutor())
    (before,) = open_results(chosen, tmp_path).panels
    monkeypatch.setattr(Block, "version", Block.version + 1)
    monkeypatch.setattr(Block, "erase", lambda self, layout, present, stream: {})
    (between,) = open_results(chosen, tmp_path).panels
    assert all("block" not in str(found.table["scenario"]) for found in open_results(chosen, tmp_path).statements)
    assert list(between.cells["scenario"]) == ["complete"]
    assert [gap.scenarios for gap in between.missing] == [("block(rate=0.5)",)]
    assert run(chosen, tmp_path, InlineExecutor()).executed == 1
    (after,) = open_results(chosen, tmp_path).panels
    assert not after.missing
    assert len(RunStore(tmp_path).predictions(prepare(chosen).runs[0].spec)) == 2 * 20
    assert np.array_equal(after.predictions[1], after.predictions[0])  # nothing is erased now
    assert not np.array_equal(before.predictions[1], after.predictions[1])


@pytest.mark.usefixtures("toy")
def test_noise_beside_erasing_is_worked_out_again_and_noise_alone_is_kept(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In version 0.1 the mechanism had one version wherever it stood."""
    alone, beside = "noise(snr_db=5)", "drop(rate=0.5) + noise(snr_db=5)"
    chosen = study(tiny_encoder, models=["constant"], seeds=1, protocols=[alone, beside])
    with monkeypatch.context() as earlier:
        earlier.setattr(Scenario, "_version", lambda self, mechanism: mechanism.version)
        run(chosen, tmp_path, InlineExecutor())
        assert not open_results(chosen, tmp_path).panels[0].missing
    (panel,) = open_results(chosen, tmp_path).panels
    assert list(panel.cells["scenario"]) == [alone]
    assert [gap.scenarios for gap in panel.missing] == [(beside,)]
    assert run(chosen, tmp_path, InlineExecutor()).executed == 1
    assert not open_results(chosen, tmp_path).panels[0].missing
