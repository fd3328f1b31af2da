"""Runs that bear a planned run's names and are others: the message says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.publishing.tables import report
from benchmark.results.opening import open_results
from benchmark.runs.executors import InlineExecutor
from benchmark.runs.outdated import outdated
from benchmark.runs.store import RunStore
from benchmark.study.finding import find_runs
from benchmark.study.running import run
from benchmark.study.study import make_study
from protocols import InputError
from tests.benchmark.runs.test_store import make_spec, write
from tests.samples import make_samples


def test_data_and_code_that_were_replaced_are_told_and_settings_are_not(tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path), make_spec()
    assert outdated([spec], store) == ""
    write(store, make_spec(config={"width": 9}))
    write(store, make_spec(data_sha256="1" * 64, seed=1))
    write(store, make_spec(data_sha256="1" * 64), status="failed")
    assert outdated([spec], store) == ""
    write(store, make_spec(model_version=2))
    assert outdated([spec], store) == "the code of model 'text-only' was replaced since they were run"
    assert outdated([make_spec(seed=1)], store) == "the data of 'toy' were replaced since they were run"
    write(store, make_spec(regime_fingerprint="before", seed=2))
    assert outdated([make_spec(regime="another", regime_fingerprint="other", seed=2)], store) == ""
    changed = "what regime 'uncertain' does to the training data was changed since they were run"
    assert outdated([make_spec(seed=2)], store) == changed


def test_a_study_of_replaced_data_says_so(own_home: Path, tmp_path: Path) -> None:
    write_store(make_samples(words=False), store_path("toy"))
    of = make_study(
        {"name": "kept", "datasets": ["toy"], "models": ["constant"], "protocols": ["complete"], "seeds": 1}
    )
    with pytest.raises(InputError, match="run it first"):
        open_results(of, tmp_path)
    run(of, tmp_path, InlineExecutor())
    assert open_results(of, tmp_path).panels
    store_path("toy").unlink()
    write_store(make_samples(seed=1, words=False), store_path("toy"))
    with pytest.raises(InputError, match="the data of 'toy' were replaced since they were run; run it again"):
        open_results(of, tmp_path)
    with pytest.raises(InputError, match=r"is not there: the data of 'toy' were replaced .* finish it with"):
        find_runs("kept:constant", tmp_path)


def test_tables_of_protocols_that_a_study_no_longer_has_go_and_notes_stay(own_home: Path, tmp_path: Path) -> None:
    write_store(make_samples(words=False), store_path("toy"))
    fields = {"name": "kept", "datasets": ["toy"], "models": ["constant"], "seeds": 1}
    tables = tmp_path / "studies" / "kept" / "tables" / "toy_official"
    for protocols in (["complete", "inter-drop"], ["complete"]):
        of = make_study({**fields, "protocols": protocols})
        run(of, tmp_path, InlineExecutor())
        report(open_results(of, tmp_path))
        if len(protocols) == 2:
            assert {p.name for p in tables.iterdir()} == {"complete", "inter-drop"}
            (tables / "inter-drop" / "notes.md").write_text("mine")
    assert [p.name for p in (tables / "inter-drop").iterdir()] == ["notes.md"]
    (tables / "inter-drop" / "notes.md").unlink()
    report(open_results(of, tmp_path))
    assert [p.name for p in tables.iterdir()] == ["complete"]
