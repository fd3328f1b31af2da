"""Shards of a study, and folders of runs combined into one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

import sentibench
from benchmark.cli.main import sentibench as group
from benchmark.cli.options import read_shard
from benchmark.runs.executors import InlineExecutor
from benchmark.runs.store import RunStore
from benchmark.study.filing import save_study
from benchmark.study.merging import merge
from benchmark.study.plan import prepare
from benchmark.study.running import pending, run
from benchmark.study.study import load_study
from protocols import InputError
from tests.benchmark.runs.test_adopt import BLOCK, COMPLETE, DROP, THERE, filed, make_run, make_spec
from tests.benchmark.study.test_running import study


def contents(root: Path) -> dict[str, bytes]:
    files = [path for path in root.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def stored(root: Path, *arguments: object, **changes: object) -> Path:
    """A run store with one run."""
    make_run(RunStore(root).folder(make_spec()), *arguments, **changes)  # type: ignore[arg-type]
    return root


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_are_disjoint_complete_and_even_for_each_model(tiny_encoder: Path, count: int) -> None:
    plan = prepare(study(tiny_encoder, seeds=6))
    parts = [plan.shard(number, count).runs for number in range(1, count + 1)]
    assert sorted(r.spec.id for part in parts for r in part) == sorted(r.spec.id for r in plan.runs)
    assert parts == [prepare(plan.study).shard(number, count).runs for number in range(1, count + 1)]
    counts = [Counter(planned.label for planned in part) for part in parts]
    for label in {planned.label for planned in plan.runs}:
        assert max(c[label] for c in counts) - min(c[label] for c in counts) <= 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2", "1/"])
def test_a_shard_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--shard: expected K/N"):
        read_shard(text)


@pytest.mark.usefixtures("toy")
def test_merged_shards_are_the_whole_study(tiny_encoder: Path, tmp_path: Path) -> None:
    chosen = study(tiny_encoder)
    save_study(chosen, tmp_path / "file")
    file = str(tmp_path / "file" / "studies" / chosen.name / "study.yaml")
    whole = run(chosen, tmp_path / "whole", InlineExecutor())
    for number in (1, 2):
        command = ["run", file, "--shard", f"{number}/2", "--out", str(tmp_path / str(number)), "--executor", "inline"]
        result = CliRunner().invoke(group, command)
        assert result.exit_code == 0, result.output
        assert f"shard {number}/2: 3 of 3 runs done" in result.output
    command = ["merge", str(tmp_path / "1"), str(tmp_path / "2"), "--into", str(tmp_path / "both")]
    result = CliRunner().invoke(group, command)
    assert "6 runs copied, 0 extended, 0 unchanged; studies: study" in result.output
    assert pending(prepare(load_study(tmp_path / "both" / "studies" / "study" / "study.yaml")), tmp_path / "both") == []
    for record in whole.records:
        one, two = (RunStore(tmp_path / name).predictions(record.spec) for name in ("whole", "both"))
        assert one.equals(two)
    before = contents(tmp_path / "both")
    result = CliRunner().invoke(group, command)
    assert "0 runs copied, 0 extended, 6 unchanged" in result.output
    assert contents(tmp_path / "both") == before


def test_cells_are_united_and_the_sources_stay(tmp_path: Path) -> None:
    a, b = stored(tmp_path / "a", {COMPLETE: 1.0, DROP: 2.0}), stored(tmp_path / "b", {DROP: 2.0, BLOCK: 3.0})
    before = contents(a), contents(b)
    merged = sentibench.merge(a, b, into=tmp_path / "c")
    assert (merged.copied, merged.extended, merged.unchanged, merged.notes) == (1, 1, 0, ())
    assert filed(RunStore(tmp_path / "c")) == {COMPLETE: 1.0, DROP: 2.0, BLOCK: 3.0}
    assert (contents(a), contents(b)) == before


def test_differing_bits_of_equal_machines_are_refused_by_name(tmp_path: Path) -> None:
    a, b = stored(tmp_path / "a", {COMPLETE: 1.0}), stored(tmp_path / "b", {COMPLETE: 1.5})
    with pytest.raises(InputError, match="1 run not merged: toy/official text-only seed 0: predictions of complete di"):
        merge([a, b], tmp_path / "c")
    assert filed(RunStore(tmp_path / "c")) == {COMPLETE: 1.0}


def test_of_differing_bits_of_other_machines_the_first_are_kept_and_it_is_said_once(tmp_path: Path) -> None:
    a, b = stored(tmp_path / "a", {COMPLETE: 1.0}), stored(tmp_path / "b", {COMPLETE: 1.5}, provenance=THERE)
    (note,) = merge([a, b], tmp_path / "c").notes
    assert note.startswith("toy/official text-only seed 0: predictions of complete differ: those of a (AVX2")
    assert merge([a, b], tmp_path / "c").notes == ()
    assert filed(RunStore(tmp_path / "c")) == {COMPLETE: 1.0}


def test_damaged_runs_and_other_studies_of_one_name_are_said(tmp_path: Path, tiny_encoder: Path) -> None:
    a, b = stored(tmp_path / "a", {COMPLETE: 1.0}), stored(tmp_path / "b", {COMPLETE: 1.0})
    (RunStore(b).folder(make_spec()) / "run.json").write_text("{")
    for root, seeds in ((a, 1), (b, 2)):
        save_study(study(tiny_encoder, seeds=seeds), root)
    one, two = merge([a, b], tmp_path / "c").notes
    assert "is damaged or incomplete, and was left out" in one
    assert f"study 'study' of {b} is not that of {tmp_path / 'c'}, which was kept" in two
    assert load_study(tmp_path / "c" / "studies" / "study" / "study.yaml").seeds == [0]


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no runs; name the folder that --out"):
        merge([tmp_path], tmp_path / "c")
