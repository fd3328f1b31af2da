"""Studies from end to end on a small data set: resume, failures, determinism, pooling, mistakes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from baselines import model_class
from benchmark.prediction import open_run
from benchmark.publishing.measured import publish, read_measured
from benchmark.results.measured import TableChoices
from benchmark.results.opening import open_results
from benchmark.runs.executors import Event, InlineExecutor, LocalExecutor
from benchmark.runs.store import RunStore
from benchmark.study.filing import last_study, read_study
from benchmark.study.plan import prepare
from benchmark.study.running import pending, run
from benchmark.study.study import Study, load_study, make_study
from protocols import InputError, Scenario, registry
from protocols.mechanisms.structured import Block
from tests.benchmark.fake_panel import leaderboard
from tests.samples import make_samples

MODELS = ["constant", "text-only", "late-fusion-dropout"]


def study(folder: Path, /, **changes: object) -> Study:
    fields: dict[str, object] = {
        "datasets": ["toy"],
        "models": MODELS,
        "protocols": ["complete", "random_positions(rate=0.5)"],
        "seeds": 2,
        "encoder": {"name": str(folder)},
        "optimisation": {"epochs": 2, "batch_size": 16},
    }
    return make_study({**fields, **changes})


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
def test_what_is_there_is_not_done_again_and_new_cells_need_no_training(tiny_encoder: Path, tmp_path: Path) -> None:
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
    chosen = study(tiny_encoder, models=["text-only", "late-fusion-dropout"], seeds=2)
    events: list[tuple[int, Event]] = []
    run(chosen, tmp_path / "a", InlineExecutor())
    run(chosen, tmp_path / "b", LocalExecutor(2), lambda *event: events.append(event))
    (a,), (b,) = open_results(chosen, tmp_path / "a").panels, open_results(chosen, tmp_path / "b").panels
    assert np.array_equal(a.predictions, b.predictions)
    assert {number for number, _ in events} == {0, 1, 2, 3}


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


@pytest.mark.parametrize(
    "model", [{"name": "text-only", "label": "oracle"}, {"name": "text-only", "label": "constant"}]
)
def test_no_model_is_called_like_another_row(tiny_encoder: Path, toy: str, model: dict[str, str]) -> None:
    with pytest.raises(InputError, match="is the name of another row; give text-only another label"):
        prepare(study(tiny_encoder, datasets=[toy], models=[model]))


def test_a_data_set_is_named_once(tiny_encoder: Path, toy: str) -> None:
    with pytest.raises(InputError, match="'toy' and 'toy/official' are the same data"):
        prepare(study(tiny_encoder, datasets=[toy, "toy/official"]))


@pytest.mark.usefixtures("toy")
def test_what_the_command_line_does_not_say_stays_as_the_file_has_it(tiny_encoder: Path, tmp_path: Path) -> None:
    filed = study(tiny_encoder, optimisation={"epochs": 2, "learning_rate": 0.01})
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(filed.model_dump(mode="json")))
    read = read_study(str(tmp_path / "mine.yaml"), {"encoder": {"mode": "finetune"}, "optimisation": {"epochs": 1}})
    assert (read.encoder.name, read.encoder.mode) == (str(tiny_encoder), "finetune")
    assert read.optimisation == {"epochs": 1, "learning_rate": 0.01}


@pytest.mark.usefixtures("toy")
def test_weights_that_are_gone_are_named_with_what_to_do(tiny_encoder: Path, tmp_path: Path) -> None:
    first = study(tiny_encoder, models=["text-only"], seeds=1, protocols=["complete"])
    run(first, tmp_path, InlineExecutor())
    (RunStore(tmp_path).folder(prepare(first).runs[0].spec) / "model.safetensors").unlink()
    outcome = run(study(tiny_encoder, models=["text-only"], seeds=1), tmp_path, InlineExecutor())
    assert "remove its folder and run the study again" in str(outcome.failed[0].error)


@pytest.mark.usefixtures("toy")
def test_splits_whose_test_parts_overlap_are_not_pooled(tiny_encoder: Path) -> None:
    with pytest.raises(InputError, match="is in the test part of two of the splits official, fold0, fold1; name one"):
        prepare(study(tiny_encoder, datasets=["toy/*"], models=["constant"], seeds=1))


@pytest.mark.usefixtures("toy")
def test_what_a_mechanism_gave_before_it_changed_is_no_result(
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


PLUGIN = """
import torch
from baselines import ModelConfig, ModelInfo, Prediction, SentimentModel, register

@register("fails", config=ModelConfig, info=ModelInfo("fails", "none", 2026))
class Fails(SentimentModel):
    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.weight = torch.nn.Parameter(torch.zeros(()))
    def forward(self, batch):
        return Prediction(self.weight.expand(len(batch)))
    def training_loss(self, batch, step):
        HOW
"""


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("name", "how", "says"),
    [
        ("fails", "return {'task': self.weight * float('nan')}", "task = nan"),
        ("dies", "import os; os._exit(7)", "exit code 7"),
    ],
)
def test_a_run_that_fails_is_recorded_and_the_study_goes_on(
    tiny_encoder: Path, tmp_path: Path, name: str, how: str, says: str
) -> None:
    plugin = tmp_path / "fails.py"
    plugin.write_text(PLUGIN.replace("HOW", how).replace('"fails"', f'"{name}"'))
    chosen = study(tiny_encoder, models=[name, "constant"], seeds=1, plugins=[str(plugin)])
    outcome = run(chosen, tmp_path / "runs", LocalExecutor(1))
    assert [r.status for r in outcome.records] == ["failed", "done"]
    assert says in str(outcome.failed[0].error)
    (panel,) = open_results(chosen, tmp_path / "runs").panels
    assert any(f"{name}, seed 0" in str(gap) for gap in panel.missing)
    assert len(pending(prepare(chosen), tmp_path / "runs")) == 1


@pytest.fixture
def helped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A plugin whose constant is in a neighbouring file."""
    monkeypatch.syspath_prepend(str(tmp_path))
    text = PLUGIN.replace('"fails"', '"helped"').replace("import torch", "import torch\nfrom bias_help import BIAS")
    (tmp_path / "bias_help.py").write_text("BIAS = 1.0\n")
    (tmp_path / "helped.py").write_text(text.replace("self.weight.expand", "(BIAS + self.weight).expand").replace(
        "        HOW", "        if hasattr(self, 'stray'):\n            __import__('stray_at_work')\n"
        "        return {'task': 0 * self.weight}"))  # fmt: skip
    yield str(tmp_path / "helped.py")
    for name in ("bias_help", "stray_at_work"):
        sys.modules.pop(name, None)
    registry._OWN.clear()
    registry._STRAYS.clear()


@pytest.mark.usefixtures("toy")
def test_a_plugin_is_trained_again_when_its_helper_changes(tiny_encoder: Path, tmp_path: Path, helped: str) -> None:
    chosen = study(tiny_encoder, models=["helped"], seeds=1, protocols=["complete"], plugins=[helped])
    store = RunStore(tmp_path / "runs")
    old = prepare(chosen)
    run(old, tmp_path / "runs", InlineExecutor())
    assert np.allclose(store.predictions(old.runs[0].spec)["prediction"], 1.0)
    (tmp_path / "bias_help.py").write_text("BIAS = 2.0\n")
    new = prepare(chosen)
    assert pending(new, tmp_path / "runs") == [0]
    run(new, tmp_path / "runs", InlineExecutor())
    assert np.allclose(store.predictions(new.runs[0].spec)["prediction"], 2.0)
    assert np.allclose(store.predictions(old.runs[0].spec)["prediction"], 1.0)
    with pytest.raises(InputError, match="the code of model 'helped' has changed since the training"):
        open_run(store.folder(old.runs[0].spec))
    (tmp_path / "bias_help.py").write_text("BIAS = 3.0\n")  # after planning
    shutil.rmtree(store.folder(new.runs[0].spec))
    outcome = run(new, tmp_path / "runs", InlineExecutor())
    assert "a plugin has changed since the study was planned" in str(outcome.failed[0].error)


@pytest.mark.usefixtures("toy")
def test_what_a_plugin_imports_at_work_without_a_statement_fails_the_run(
    tiny_encoder: Path, tmp_path: Path, helped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stray_at_work.py").write_text("")
    planned = prepare(study(tiny_encoder, models=["helped"], seeds=2, protocols=["complete"], plugins=[helped]))
    monkeypatch.setattr(model_class("helped"), "stray", True, raising=False)
    outcome = run(planned, tmp_path / "runs", InlineExecutor())
    assert ["imports module 'stray_at_work'" in str(record.error) for record in outcome.records] == [True, True]


@pytest.mark.usefixtures("toy")
def test_a_killed_study_goes_on_where_it_was(tiny_encoder: Path, tmp_path: Path, own_home: Path) -> None:
    chosen = study(tiny_encoder, seeds=4)
    path = tmp_path / "study.yaml"
    import yaml

    path.write_text(yaml.safe_dump(chosen.model_dump(mode="json")))
    command = [
        sys.executable,
        "-m",
        "benchmark.cli.main",
        "run",
        str(path),
        "--out",
        str(tmp_path / "runs"),
        "--workers",
        "1",
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "SENTIBENCH_HOME": str(own_home)},
    )
    store = RunStore(tmp_path / "runs")
    deadline = time.monotonic() + 90
    while len(store.records()) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = len(store.records())
    assert 3 <= there <= 12
    outcome = run(chosen, tmp_path / "runs", InlineExecutor())
    assert outcome.executed <= 12 - there
    assert not outcome.failed
    (panel,) = open_results(chosen, tmp_path / "runs").panels
    assert not panel.missing


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"datasets": ["tyo"]}, "unknown data set 'tyo'; did you mean toy"),
        ({"datasets": ["toy/oficial"]}, "did you mean official"),
        ({"models": ["lnnl"]}, "unknown model 'lnnl'; did you mean lnln"),
        ({"models": [{"name": "text-only", "config": {"widht": 3}}]}, "did you mean width"),
        ({"models": [{"name": "text-only", "config": {"dropout": 3}}]}, "config field 'dropout'"),
        ({"models": ["constant", "constant"]}, "is listed twice; give one of them a distinct label"),
        ({"optimisation": {"epoch": 3}}, "did you mean epochs"),
        ({"protocols": ["intra-randm"]}, "did you mean intra-random"),
        ({"regime": "uncertian"}, "did you mean uncertain"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [-1]}, "seeds"),
        ({"modles": ["constant"]}, "did you mean models"),
        ({"encoder": {"nme": "minilm"}}, "did you mean name"),
        ({"plugins": ["nowhere.py"]}, "no such file"),
    ],
)
def test_mistakes_are_found_before_anything_runs(
    tiny_encoder: Path, tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError, match=says.replace("(", r"\(")):
        run(study(tiny_encoder, **changes), tmp_path / "runs", InlineExecutor())
    assert not (tmp_path / "runs").exists() or not RunStore(tmp_path / "runs").records()


def test_study_files_say_what_is_wrong_with_them(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    with pytest.raises(InputError, match="no such study file"):
        load_study(path)
    odd = [(f"optimisation: {{epochs: {n}}}", f"'{n}' is not a plain number") for n in ("1_0", "010", "1:30", "0.1_0")]
    wrong = [("a: [", "not valid YAML"), ("- 1", "found list"), ("datasets: 3\nmodels: [x]", "datasets")]
    for content, says in (*wrong, *odd):
        path.write_text(content)
        with pytest.raises(InputError, match=says):
            load_study(path)
    with pytest.raises(InputError, match="did you mean demo"):
        read_study("dmo", {})
    with pytest.raises(InputError, match="--dataset and --models"):
        read_study(None, {})


def test_shipped_studies_resolve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "demo").mkdir()  # the demo's own output must not stand in the way of running it again
    monkeypatch.chdir(tmp_path)
    for name in ("demo",):
        assert prepare(read_study(name, {})).runs
