"""Trained runs: found by folder, id or study, opened, or refused in one line that says why."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from baselines import model_class
from benchmark.prediction import find_runs, open_run
from benchmark.runs import trained_run
from benchmark.runs.record import RunRecord, write_record
from benchmark.runs.store import RunStore
from protocols import InputError
from tests.benchmark.trained_studies import Studies


def copied(studies: Studies, folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / folder.name))


def test_a_run_that_cannot_be_used_says_why(
    studies: Studies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_encoder: Path
) -> None:
    good = studies.folder("toy", "late-fusion-dropout")

    def refused(says: str, folder: Path = good) -> None:
        with pytest.raises(InputError, match=says) as caught:
            open_run(folder)
        assert str(folder) in str(caught.value)
        assert "\n" not in str(caught.value)

    def rewritten(name: str, **changes: Any) -> Path:
        folder = copied(studies, good, tmp_path / name)
        record = RunRecord.model_validate_json((folder / "run.json").read_bytes())
        spec = record.spec.model_copy(update=changes.pop("spec", {}))
        write_record(record.model_copy(update={"id": spec.id, "spec": spec, **changes}), folder / "run.json")
        return folder

    refused("is not a run", tmp_path)
    refused("run failed .*out of luck", rewritten("failed", status="failed", error="out of luck"))
    refused("is the oracle", rewritten("oracle", spec={"model": "oracle"}))
    installed = model_class("late-fusion-dropout").info.version
    other = rewritten("version", spec={"model_version": 99})
    refused(f"version 99 of model .* version {installed} is installed", other)
    refused("code of model .* has changed", rewritten("plugin", spec={"plugin_sha256": "ab"}))
    refused("--plugin FILE", rewritten("unknown", spec={"model": "my-model", "plugin_sha256": "ab"}))
    refused("revision sha256:abc of encoder", rewritten("encoder", spec={"encoder_revision": "sha256:abc"}))
    refused("has changed since the training", rewritten("data", spec={"data_sha256": "ab"}))
    refused("is not available: unknown data set 'tyo'; did you mean toy", rewritten("name", spec={"dataset": "tyo"}))
    lacking = copied(studies, good, tmp_path / "lacking")
    (lacking / "model.safetensors").unlink()
    refused("has no weights", lacking)
    for says, damaged in (
        ("was changed or is damaged", copied(studies, good, tmp_path / "damaged")),
        ("cannot be read", rewritten("older", files={})),  # runs of older versions have no checksums
    ):
        (damaged / "model.safetensors").write_bytes((good / "model.safetensors").read_bytes()[:-40])
        refused(says, damaged)
    other = rewritten("other", files={})
    shutil.copy(studies.folder("toy", "senti-ifusion") / "model.safetensors", other)
    refused("does not fit model 'late-fusion-dropout'", other)
    (other / "run.json").write_text("{}")
    refused("damaged, or of another version", other)
    monkeypatch.setattr(trained_run, "encoder_revision", lambda _: "sha256:of-other-weights")
    refused("found sha256:of-other-wei")


def test_a_run_is_found_by_folder_id_and_study(studies: Studies) -> None:
    folder = studies.folder("toy", "senti-ifusion")
    known = folder.name.rpartition("-")[2]
    assert find_runs(str(folder), studies.runs) == find_runs(known, studies.runs) == [folder]
    assert find_runs("all:senti-ifusion", studies.runs) == [folder]
    assert find_runs("seeds:late-fusion-dropout", studies.runs, seed=2) == [
        studies.folder("toy", "late-fusion-dropout", 2)
    ]
    on_even = find_runs("both:late-fusion-dropout", studies.runs, dataset="even/official")
    assert on_even == [studies.folder("even", "late-fusion-dropout")]


@pytest.mark.parametrize(
    ("reference", "options", "says"),
    [
        ("zzzz", {}, "expected a run's folder, four or more digits of its id, or STUDY:MODEL"),
        ("0123456789abcdef", {}, "no run under .* begins with"),
        ("al:senti-ifusion", {}, "unknown study 'al'; did you mean all"),
        ("all:senti", {}, "unknown model of study all: 'senti'; did you mean senti-ifusion"),
        ("seeds:late-fusion-dropout", {"seed": 9}, "has no seed 9; it has 0, 1, 2"),
        ("both:late-fusion-dropout", {}, "even/official, vectors/official; choose one with --dataset"),
        ("both:late-fusion-dropout", {"dataset": "evn"}, "did you mean even"),
    ],
)
def test_a_run_that_is_not_found_says_so(studies: Studies, reference: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        find_runs(reference, studies.runs, **options)


def test_a_prefix_of_several_ids_lists_them(studies: Studies, tmp_path: Path) -> None:
    for seed, digits in ((0, "abcd11"), (1, "abcd22")):
        folder = copied(studies, studies.folder("toy", "late-fusion-dropout", seed), tmp_path / "toy" / "official")
        record = RunRecord.model_validate_json((folder / "run.json").read_bytes())
        write_record(record.model_copy(update={"id": digits.ljust(16, "0")}), folder / "run.json")
    with pytest.raises(
        InputError, match=r"2 ids: abcd110+ \(toy/official late.* seed 0\), abcd220+ .*give more digits"
    ):
        find_runs("abcd", tmp_path)


def test_a_study_that_is_not_finished_names_the_seed(studies: Studies, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(studies.runs / "studies", runs / "studies")
    with pytest.raises(InputError, match="run with seed 0 is not there; finish it with 'sentibench run"):
        find_runs("seeds:late-fusion-dropout", runs)
    assert not RunStore(runs).records()
