"""Mistakes in studies, and files of studies: one line before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmark.runs.executors import InlineExecutor
from benchmark.runs.store import RunStore
from benchmark.study.filing import last_study, read_study, replaced, save_study
from benchmark.study.plan import prepare
from benchmark.study.running import run
from benchmark.study.study import load_study
from protocols import InputError
from tests.benchmark.study.toy_study import study


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
def test_fields_that_the_command_line_leaves_out_stay_as_in_the_file(tiny_encoder: Path, tmp_path: Path) -> None:
    filed = study(tiny_encoder, optimisation={"epochs": 2, "learning_rate": 0.01})
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(filed.model_dump(mode="json")))
    read = read_study(str(tmp_path / "mine.yaml"), {"encoder": {"mode": "finetune"}, "optimisation": {"epochs": 1}})
    assert (read.encoder.name, read.encoder.mode) == (str(tiny_encoder), "finetune")
    assert read.optimisation == {"epochs": 1, "learning_rate": 0.01}


def test_models_named_again_keep_the_settings_of_the_file_which_are_beside_it(toy: str, tmp_path: Path) -> None:
    (tmp_path / "found.yaml").write_text("model: text-only\nconfig: {width: 16}\n")
    (tmp_path / "mine.yaml").write_text(f"datasets: [{toy}]\nmodels: [constant, audio-only=found.yaml]\n")
    with pytest.raises(InputError, match=r"found\.yaml.*text-only"):  # settings of another model
        read_study(str(tmp_path / "mine.yaml"), {})
    (tmp_path / "mine.yaml").write_text(
        f"datasets: [{toy}]\nmodels: [constant, {{name: text-only, label: small, config: found.yaml}}]\n"
    )
    read = read_study(str(tmp_path / "mine.yaml"), {"models": ["small", "text-only"]})
    assert [(entry.title, entry.config) for entry in read.models] == [("small", {"width": 16}), ("text-only", {})]


@pytest.mark.usefixtures("toy")
def test_splits_whose_test_parts_overlap_are_not_pooled(tiny_encoder: Path) -> None:
    with pytest.raises(InputError, match="is in the test part of two of the splits official, fold0, fold1; name one"):
        prepare(study(tiny_encoder, datasets=["toy/*"], models=["constant"], seeds=1))


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
        ({"optimisation": {"epoch": 3}}, "unknown field of 'optimisation' 'epoch'; did you mean epochs"),
        ({"epochs": 3}, "unknown field of study: 'epochs'; write optimisation: {epochs: ...}"),
        ({"models": [{"name": "text-only", "width": 3}]}, "settings of a model are fields of its config"),
        ({"protocols": ["intra-randm"]}, "did you mean intra-random"),
        ({"regime": "uncertian"}, "did you mean uncertain"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [-1]}, "seeds"),
        ({"modles": ["constant"]}, "did you mean models"),
        ({"encoder": {"nme": "minilm"}}, "did you mean name"),
        (
            {"plugins": ["nowhere.py"]},
            "no such file; if it has moved: sentibench run OUT/studies/study/study.yaml --plugin FILE",
        ),
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
    wrong = [
        ("name: x\na: [b\n", "not valid YAML: line 3, column 1: expected ',' or ']'"),
        ("- 1", r"found \[1\]"),
        ("", "found an empty file"),
        ("datasets: 3\nmodels: [x]", "datasets"),
    ]
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


@pytest.mark.usefixtures("toy")
def test_a_study_that_replaces_another_keeps_its_file(tiny_encoder: Path, tmp_path: Path) -> None:
    first = study(tiny_encoder, models=["constant"], seeds=2)
    run(first, tmp_path, InlineExecutor())
    more = study(tiny_encoder, models=["constant", "text-only"], seeds=3)
    assert replaced(more, tmp_path) == []
    models = [{"name": "text-only", "config": {"width": width}} for width in (16, 32)]
    narrow, wide = (study(tiny_encoder, models=[model], seeds=2) for model in models)
    save_study(narrow, tmp_path / "settings")
    assert replaced(wide, tmp_path / "settings") == ["text-only with {'width': 16}"]
    other = study(tiny_encoder, models=["constant"], seeds=1, protocols=["complete"], optimisation={"epochs": 3})
    assert replaced(other, tmp_path) == ["random_positions(rate=0.5)", "seed 1", "epochs 2, batch_size 16"]
    kept = tmp_path / "studies" / first.name / "replaced.yaml"
    assert not kept.exists()
    run(other, tmp_path, InlineExecutor())
    assert load_study(kept) == first
    assert last_study(tmp_path) == other
