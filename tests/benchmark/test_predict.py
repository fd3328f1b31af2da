"""Trained runs on new samples: what was filed comes back, whatever lacks is shown as erased, mistakes are one line."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baselines import model_class
from benchmark import prediction
from benchmark.cli.main import main
from benchmark.commands import run
from benchmark.data.catalog import store_path
from benchmark.data.importers import import_file
from benchmark.data.importers.words import token_stream
from benchmark.data.samples import PARTS, ModalityStream, Samples
from benchmark.data.store import write_store
from benchmark.executors import InlineExecutor
from benchmark.predict import predict
from benchmark.prediction import NewSamples, find_runs, new_samples, open_run, read_new_samples, trained_run
from benchmark.store import RunRecord, RunStore, write_record
from benchmark.study import make_study
from protocols import MODALITIES, InputError, parse
from tests.samples import make_samples

#: One that pools, one that is told the masks, one that estimates integrity, one that works inside the encoder.
MODELS = ["late-fusion-dropout", "senti-ifusion", "senti-ifusion-true-integrity", "mag-bert"]
SMALL: dict[str, dict[str, int]] = {m: {"width": 16, "tokens": 2} for m in MODELS if m.startswith("senti")}
NO_AUDIO = "subset(available=(text, vision))"
SCENARIOS = ["complete", "random_positions(rate=0.5)", NO_AUDIO, "subset(available=(audio, vision))"]


@dataclass(frozen=True)
class Place:
    """Where studies were run: the data folder, the folder of runs, and the samples by data set."""

    home: Path
    runs: Path
    samples: dict[str, Samples]

    def folder(self, dataset: str, model: str, seed: int = 0) -> Path:
        (found,) = self.runs.glob(f"{dataset}/official/{model}-s{seed}-*")
        return found

    def filed(self, folder: Path, scenario: str) -> pd.DataFrame:
        table = pd.read_parquet(folder / "predictions.parquet")
        return table[table["scenario"].astype(str) == str(parse(scenario))].reset_index(drop=True)

    def test_rows(self, dataset: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.flatnonzero(self.samples[dataset].splits["official"] == PARTS["test"])


def recorded(samples: Samples) -> Samples:
    """The same samples without any that lacks a modality: every first position is observed."""
    streams = {}
    for modality, stream in samples.streams.items():
        observed = stream.observed.copy()
        observed[stream.offsets[:-1]] = True
        values = stream.values
        if values is not None:
            values = np.where(observed[:, None] & ~values.any(axis=1, keepdims=True), np.float32(0.5), values)
        streams[modality] = replace(stream, observed=observed, values=values)
    return replace(samples, streams=streams)


def even(samples: Samples, frames: int = 6) -> Samples:
    """The same samples with audio of one length."""
    n, rng = len(samples), np.random.Generator(np.random.Philox(key=[7, 1]))
    values = rng.normal(size=(n * frames, 5)).astype(np.float32)
    audio = ModalityStream(np.arange(n + 1, dtype=np.int64) * frames, np.ones(n * frames, np.bool_), values)
    return replace(samples, name="even", streams={**samples.streams, "audio": audio})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Place:
    home, runs = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("runs")
    samples = {"toy": recorded(make_samples()), "even": even(recorded(make_samples()))}
    samples["vectors"] = replace(recorded(make_samples(words=False)), name="vectors")
    common: dict[str, Any] = {
        "protocols": SCENARIOS,
        "encoder": {"name": str(tiny_encoder)},
        "optimisation": {"epochs": 1, "batch_size": 16},
        "seeds": 1,
    }
    tuned = {"name": str(tiny_encoder), "mode": "finetune"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTIBENCH_HOME", str(home))
        for name, content in samples.items():
            write_store(content, store_path(name))
        for study in (
            {"name": "all", "datasets": ["toy"], "models": [{"name": m, "config": SMALL.get(m, {})} for m in MODELS]},
            {"name": "seeds", "datasets": ["toy"], "models": ["late-fusion-dropout"], "seeds": 3},
            {"name": "tuned", "datasets": ["toy"], "models": ["text-only"], "encoder": tuned},
            {"name": "even", "datasets": ["even"], "models": ["lnln"]},
            {"name": "both", "datasets": ["even", "vectors"], "models": ["late-fusion-dropout"]},
        ):  # fmt: skip
            outcome = run(make_study({**common, **study}), runs, InlineExecutor())
            assert not outcome.failed, outcome.failed[0].error
    return Place(home, runs, samples)


@pytest.fixture
def place(trained: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("SENTIBENCH_HOME", str(trained.home))
    return trained


def write_npz(
    samples: Samples,
    rows: Sequence[int],
    path: Path,
    lacking: Sequence[str] = (),
    erased: Sequence[str] = (),
    **more: Any,
) -> Path:
    """Some samples as an archive without labels and splits; modalities lacking altogether, or erased in place."""
    arrays: dict[str, Any] = {"id": samples.ids[list(rows)].astype(str)}
    for modality, stream in samples.streams.items():
        if modality in lacking:
            continue
        content = stream.values if stream.values is not None else stream.token_ids
        assert content is not None
        lengths = np.diff(stream.offsets)[list(rows)]
        padded = np.zeros((len(lengths), lengths.max(), *content.shape[1:]), content.dtype)
        observed = np.zeros(padded.shape[:2], np.bool_)
        for k, row in enumerate(rows):
            span = slice(stream.offsets[row], stream.offsets[row + 1])
            padded[k, : lengths[k]] = content[span]
            observed[k, : lengths[k]] = stream.observed[span] & (modality not in erased)
        kind = "values" if stream.values is not None else "token_ids"
        arrays |= {f"{modality}.{kind}": padded, f"{modality}.observed": observed, f"{modality}.length": lengths}
    np.savez(path, **{**arrays, **more})
    return path


def equal(found: pd.DataFrame, filed: pd.DataFrame) -> None:
    """The same samples and, to the last digit, the same numbers."""
    assert found["sample_id"].tolist() == filed["sample_id"].astype(str).tolist()
    for column in ("prediction", *(f"integrity_{m}" for m in MODALITIES)):
        assert (column in found) == (column in filed)
        if column in found:
            np.testing.assert_array_equal(found[column].to_numpy(), filed[column].to_numpy())
    if "dominant" in filed:
        assert found["dominant"].tolist() == [MODALITIES[i] for i in filed["dominant"]]


CASES = [
    *(("toy", model) for model in MODELS),
    ("toy", "text-only"),
    ("even", "lnln"),
    ("vectors", "late-fusion-dropout"),
]


@pytest.mark.parametrize(("dataset", "model"), CASES)
def test_the_test_samples_as_a_file_give_what_the_run_filed(
    place: Place, tmp_path: Path, dataset: str, model: str
) -> None:
    folder = place.folder(dataset, model)
    rows, samples = place.test_rows(dataset), place.samples[dataset]
    found = predict(folder, write_npz(samples, rows, tmp_path / "new.npz"))
    filed = place.filed(folder, "complete")
    equal(found, filed)
    assert set(found["available"]) == {"text+audio+vision"}
    assert np.ptp(filed["prediction"]) > 0 or model == "constant"
    erased = predict(folder, write_npz(samples, rows, tmp_path / "erased.npz", erased=["audio"]))
    equal(erased, place.filed(folder, NO_AUDIO))
    assert set(erased["available"]) == {"text+vision"}
    assert not erased["observed_audio"].any()


def test_a_modality_left_out_is_one_that_is_erased(place: Place, tmp_path: Path) -> None:
    """On data with audio of one length the shape of what was erased is known, so that even the digits are the same."""
    folder, rows = place.folder("even", "lnln"), place.test_rows("even")
    found = predict(folder, write_npz(place.samples["even"], rows, tmp_path / "new.npz", lacking=["audio"]))
    filed = place.filed(folder, NO_AUDIO)
    equal(found, filed)
    assert not np.array_equal(filed["prediction"], place.filed(folder, "complete")["prediction"])


@pytest.mark.parametrize(("dataset", "model"), [("toy", "senti-ifusion"), ("vectors", "late-fusion-dropout")])
@pytest.mark.parametrize("modality", MODALITIES)
def test_what_lacks_has_the_length_that_is_typical_of_training(
    place: Place, tmp_path: Path, dataset: str, model: str, modality: str
) -> None:
    opened, samples, rows = open_run(place.folder(dataset, model)), place.samples[dataset], place.test_rows(dataset)
    left_out = read_new_samples(write_npz(samples, rows, tmp_path / "new.npz", lacking=[modality]))
    stream = samples.streams[modality]  # type: ignore[index]
    train = samples.splits["official"] == PARTS["train"]
    lengths = np.full(len(samples), int(np.median(np.diff(stream.offsets)[train])))
    positions = int(lengths.sum())
    values = None if stream.values is None else np.zeros((positions, stream.width), np.float32)
    tokens = None if stream.token_ids is None else np.full(positions, 100, np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    typical = ModalityStream(offsets, np.zeros(positions, np.bool_), values, tokens)
    shown = replace(samples, streams={**samples.streams, modality: typical})
    spelt_out = read_new_samples(write_npz(shown, rows, tmp_path / "typical.npz"))
    expected, found = predict(opened, spelt_out), predict(opened, left_out)
    pd.testing.assert_frame_equal(found, expected)
    without = set(MODALITIES) - {modality}
    assert set(found["available"]) == {"+".join(m for m in MODALITIES if m in without)}


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_prediction_depends_on_its_sample_alone(place: Place, data: st.DataObject) -> None:
    """Neither on the order, nor on which others there are, nor on what those lack."""
    samples, folder = place.samples["toy"], place.folder("toy", "senti-ifusion")
    opened = open_run(folder)
    everything = predict(opened, samples).set_index("sample_id")["prediction"]
    chosen = data.draw(st.lists(st.integers(0, len(samples) - 1), min_size=1, max_size=20, unique=True))
    with_text = data.draw(st.lists(st.sampled_from(chosen), unique=True))
    path = place.runs / "some.npz"
    length = np.diff(samples.streams["text"].offsets)[chosen]
    length[[i not in with_text for i in chosen]] = 0
    write_npz(samples, chosen, path, **{"text.length": length})
    found = predict(opened, path).set_index("sample_id")
    expected = everything[samples.ids[with_text].tolist()]
    np.testing.assert_allclose(found.loc[expected.index, "prediction"], expected, atol=2e-6)
    silent = [i for i in chosen if i not in with_text]
    if silent:
        alone = predict(opened, write_npz(samples, silent, path, lacking=["text"])).set_index("sample_id")
        np.testing.assert_allclose(found.loc[alone.index, "prediction"], alone["prediction"], atol=2e-6)
        assert (found.loc[alone.index, "available"] == "audio+vision").all()


def test_large_files_are_predicted_in_pieces(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, told = open_run(place.folder("toy", "senti-ifusion")), []
    whole = predict(opened, place.samples["toy"])
    monkeypatch.setattr(new_samples, "CHUNK", 32)
    pieces = predict(opened, place.samples["toy"], progress=lambda done, total: told.append((done, total)))
    assert told == [(32, 60), (60, 60)]
    assert pieces["sample_id"].tolist() == whole["sample_id"].tolist() == place.samples["toy"].ids.tolist()
    np.testing.assert_allclose(pieces["prediction"], whole["prediction"], atol=2e-6)


TEXTS = ["a truly wonderful film", "dull", "", "it was not good at all, the worst of the year"]


def test_raw_text_is_cut_into_the_tokens_of_the_encoder(place: Place, tmp_path: Path) -> None:
    csv = tmp_path / "new.csv"
    pd.DataFrame({"id": list("abcd"), "text": TEXTS, "label": "unknown", "mode": "?"}).to_csv(csv, index=False)
    folder = place.folder("toy", "text-only")
    found = predict(folder, csv)
    assert found["available"].tolist() == ["text", "text", "none", "text"]
    assert found["prediction"].nunique() == 4
    np.savez(tmp_path / "raw.npz", id=np.array(list("abcd")), raw_text=np.array(TEXTS))
    pd.testing.assert_frame_equal(predict(folder, tmp_path / "raw.npz"), found)
    stream = token_stream("new", TEXTS)[0]
    lengths = np.diff(stream.offsets)
    ids = np.zeros((4, lengths.max()), np.int64)
    assert stream.token_ids is not None
    for k in (0, 1, 3):
        ids[k, : lengths[k]] = stream.token_ids[stream.offsets[k] : stream.offsets[k + 1]]
    np.savez(tmp_path / "ids.npz", **{"id": np.array(list("abcd")), "text.token_ids": ids})
    pd.testing.assert_frame_equal(predict(folder, tmp_path / "ids.npz"), found)


def test_word_vectors_are_passed_over_where_the_run_reads_words(place: Place, tmp_path: Path) -> None:
    vectors = {"id": np.array(list("abcd")), "text.values": np.ones((4, 3, 300), np.float32)}
    np.savez(tmp_path / "both.npz", **vectors, raw_text=np.array(TEXTS))
    np.savez(tmp_path / "raw.npz", id=vectors["id"], raw_text=np.array(TEXTS))
    folder = place.folder("toy", "text-only")
    pd.testing.assert_frame_equal(predict(folder, tmp_path / "both.npz"), predict(folder, tmp_path / "raw.npz"))


def test_labels_and_splits_of_a_file_are_not_read(place: Place, tmp_path: Path) -> None:
    samples, rows, folder = place.samples["toy"], place.test_rows("toy"), place.folder("toy", "late-fusion-dropout")
    plain = predict(folder, write_npz(samples, rows, tmp_path / "a.npz"))
    more = {"label": np.full(len(rows), 99.0), "split.official": np.array(["test"] * len(rows))}
    pd.testing.assert_frame_equal(predict(folder, write_npz(samples, rows, tmp_path / "b.npz", **more)), plain)


def test_new_samples_need_labels_and_splits_only_to_be_studied() -> None:
    samples = make_samples()
    bare = replace(samples, label=np.full(60, np.nan, np.float32), splits={})
    bare.validate(labelled=False)
    with pytest.raises(InputError, match="label of sample"):
        bare.validate()
    with pytest.raises(InputError, match="no split"):
        replace(bare, label=samples.label).validate()
    with pytest.raises(InputError, match="occurs twice"):
        replace(bare, ids=np.array(["a"] * 60, dtype=object)).validate(labelled=False)


def test_an_archive_with_lengths_and_token_ids_can_be_studied(tmp_path: Path) -> None:
    samples = make_samples()
    words = np.array(list(PARTS))[samples.splits["official"]]
    more = {"label": samples.label, "split.official": words, "video_id": samples.video_ids.astype(str)}
    found = import_file(write_npz(samples, range(60), tmp_path / "a.npz", **more), "toy")
    for modality, stream in samples.streams.items():
        assert found.streams[modality].offsets.tolist() == stream.offsets.tolist()
        assert found.streams[modality].observed.tolist() == stream.observed.tolist()
        np.testing.assert_array_equal(found.streams[modality].values, stream.values)
    ids = (found.streams["text"].token_ids, samples.streams["text"].token_ids)
    np.testing.assert_array_equal(*ids)
    with pytest.raises(InputError, match=r"has no array 'audio\.values'"):
        import_file(write_npz(samples, range(60), tmp_path / "b.npz", ["audio"], **more), "toy")
    np.savez(tmp_path / "none.npz", **{"id": np.array([], str), "audio.values": np.zeros((0, 3, 5))})
    with pytest.raises(InputError, match="none"):
        read_new_samples(tmp_path / "none.npz")


def test_seeds_are_averaged_and_their_spread_told(place: Place) -> None:
    samples = place.samples["toy"]
    folders = find_runs("seeds:late-fusion-dropout", place.runs)
    single = np.stack([predict(folder, samples)["prediction"] for folder in folders])
    found = predict(folders, samples)
    assert single.shape == (3, 60)
    np.testing.assert_allclose(found["prediction"], single.mean(axis=0))
    np.testing.assert_allclose(found["prediction_sd"], single.std(axis=0, ddof=1))
    assert found["acc7_class"].tolist() == np.rint(np.clip(single.mean(axis=0), -3, 3)).astype(int).tolist()
    with pytest.raises(InputError, match="by itself"):
        predict([folders[0], place.folder("toy", "senti-ifusion")], samples)


def test_an_opened_run_is_asked_under_any_masks(place: Place) -> None:
    for dataset, model in CASES:
        folder = place.folder(dataset, model)
        opened = open_run(folder)
        for scenario in SCENARIOS:
            masks = parse(scenario).masks(opened.dataset, "test")
            filed = place.filed(folder, scenario)
            table = opened.predict(opened.masked_part(masks))
            pd.testing.assert_frame_equal(table, filed[list(table)], check_exact=True)
        with pytest.raises(InputError, match="do not belong"):
            opened.masked_part(masks, "valid")


@pytest.mark.parametrize(
    ("dataset", "changes", "says"),
    [
        ("toy", {"audio.values": np.ones((4, 3, 74), np.float32)}, "audio has 74 features, and that of data set 'to"),
        ("toy", {"vision.values": np.ones((4, 3, 2), np.float32)}, "has 7; give the same features, or leave vision"),
        ("toy", {"text.values": np.ones((4, 3, 300), np.float32)}, "word vectors, which encoder"),
        ("vectors", {"raw_text": np.array(TEXTS)}, "is word vectors of width 12"),
        ("vectors", {"text.values": np.ones((4, 3, 300), np.float32)}, "text has 300 features"),
        ("toy", {"text.token_ids": np.array([[101, 2000, 102]] * 4)}, "101 in sample 0"),
        ("toy", {"text.token_ids": np.full((4, 3), 30_522)}, "whole numbers from 0 to 30521"),
        ("toy", {"text.token_ids": np.full((4, 3), 7000), "text.vocabulary": "bert-base-chinese"}, "bert-base-chinese"),
        ("toy", {"text.token_ids": np.full((4, 3), 7000), "text.vocabulary": "bert"}, "unknown vocabulary"),
        ("toy", {"audio.values": np.ones((4, 3, 5)), "audio.length": np.array([3, 4, 0, 1])}, "from 0 to 3, found 4"),
        ("toy", {"audio.values": np.ones((4, 3, 5)), "audio.length": np.array([3])}, "expected 4 lengths"),
        ("toy", {"audio.values": np.ones((5, 3, 5))}, "expected (4, T, D)"),
        ("toy", {"id": np.array(["a"] * 4)}, "occurs twice"),
    ],
)  # fmt: skip
def test_samples_that_a_run_cannot_read(
    place: Place, tmp_path: Path, dataset: str, changes: dict[str, Any], says: str
) -> None:
    np.savez(tmp_path / "new.npz", **{"id": np.array(list("abcd")), **changes})
    with pytest.raises(InputError) as caught:
        predict(place.folder(dataset, "late-fusion-dropout"), tmp_path / "new.npz")
    assert says in str(caught.value)
    assert "new.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_features_with_other_names_are_other_features(place: Place) -> None:
    opened = open_run(place.folder("toy", "late-fusion-dropout"))
    names = tuple("abcde")

    def named(samples: Samples, names: tuple[str, ...]) -> Samples:
        audio = replace(samples.streams["audio"], feature_names=names)
        return replace(samples, streams={**samples.streams, "audio": audio})

    known = replace(opened, samples=named(opened.samples, names))
    NewSamples(known, named(place.samples["toy"], names))
    with pytest.raises(InputError, match=r"feature 0 is 'e', and that of data set 'toy' .* is 'a'"):
        NewSamples(known, named(place.samples["toy"], names[::-1]))


def copied(place: Place, folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / folder.name))


def test_a_run_that_cannot_be_used_says_why(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_encoder: Path
) -> None:
    good = place.folder("toy", "late-fusion-dropout")

    def refused(says: str, folder: Path = good) -> None:
        with pytest.raises(InputError, match=says) as caught:
            open_run(folder)
        assert str(folder) in str(caught.value)
        assert "\n" not in str(caught.value)

    def rewritten(name: str, **changes: Any) -> Path:
        folder = copied(place, good, tmp_path / name)
        record = RunRecord.model_validate_json((folder / "run.json").read_bytes())
        spec = changes.pop("spec", {})
        write_record(
            record.model_copy(update={**changes, "spec": record.spec.model_copy(update=spec)}), folder / "run.json"
        )
        return folder

    refused("is no run", tmp_path)
    refused("run failed .*out of luck", rewritten("failed", status="failed", error="out of luck"))
    refused("is the oracle", rewritten("oracle", spec={"model": "oracle"}))
    installed = model_class("late-fusion-dropout").info.version
    other = rewritten("version", spec={"model_version": 99})
    refused(f"version 99 of model .* version {installed} is installed", other)
    refused("code of model .* has changed", rewritten("plugin", spec={"plugin_sha256": "ab"}))
    refused("--plugin FILE", rewritten("unknown", spec={"model": "my-model", "plugin_sha256": "ab"}))
    refused("revision sha256:abc of encoder", rewritten("encoder", spec={"encoder_revision": "sha256:abc"}))
    refused("has changed since the training", rewritten("data", spec={"data_sha256": "ab"}))
    refused("is not at hand: unknown data set 'tyo'; did you mean toy", rewritten("name", spec={"dataset": "tyo"}))
    lacking = copied(place, good, tmp_path / "lacking")
    (lacking / "model.safetensors").unlink()
    refused("has no weights", lacking)
    damaged = copied(place, good, tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes((good / "model.safetensors").read_bytes()[:-40])
    refused("cannot be read", damaged)
    other = copied(place, good, tmp_path / "other")
    shutil.copy(place.folder("toy", "senti-ifusion") / "model.safetensors", other)
    refused("does not fit model 'late-fusion-dropout'", other)
    (other / "run.json").write_text("{}")
    refused("damaged, or of another version", other)
    monkeypatch.setattr(trained_run, "encoder_revision", lambda _: "sha256:of-other-weights")
    refused("found sha256:of-other-wei")


def test_a_run_is_found_by_folder_id_and_study(place: Place) -> None:
    folder = place.folder("toy", "senti-ifusion")
    known = folder.name.rpartition("-")[2]
    assert find_runs(str(folder), place.runs) == find_runs(known, place.runs) == [folder]
    assert find_runs("all:senti-ifusion", place.runs) == [folder]
    assert find_runs("seeds:late-fusion-dropout", place.runs, seed=2) == [place.folder("toy", "late-fusion-dropout", 2)]
    on_even = find_runs("both:late-fusion-dropout", place.runs, dataset="even/official")
    assert on_even == [place.folder("even", "late-fusion-dropout")]


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
def test_a_run_that_is_not_found_says_so(place: Place, reference: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        find_runs(reference, place.runs, **options)


def test_a_prefix_of_several_ids_lists_them(place: Place, tmp_path: Path) -> None:
    for seed, digits in ((0, "abcd11"), (1, "abcd22")):
        folder = copied(place, place.folder("toy", "late-fusion-dropout", seed), tmp_path / "toy" / "official")
        record = RunRecord.model_validate_json((folder / "run.json").read_bytes())
        write_record(record.model_copy(update={"id": digits.ljust(16, "0")}), folder / "run.json")
    with pytest.raises(
        InputError, match=r"2 ids: abcd110+ \(toy/official late.* seed 0\), abcd220+ .*give more digits"
    ):
        find_runs("abcd", tmp_path)


def test_a_study_that_is_not_finished_names_the_seed(place: Place, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(place.runs / "studies", runs / "studies")
    with pytest.raises(InputError, match="run with seed 0 is not there; finish it with 'sentibench run"):
        find_runs("seeds:late-fusion-dropout", runs)
    assert not RunStore(runs).records()


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["predict", *arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_the_command_writes_a_whole_file_or_none(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = place.folder("toy", "senti-ifusion")
    source = write_npz(place.samples["toy"], place.test_rows("toy"), tmp_path / "new.npz", lacking=["vision"])
    output = tmp_path / "out" / "predictions.csv"
    code, _, err = call(capsys, str(folder), str(source), "--output", str(output))
    assert (code, "there is no folder" in err) == (2, True)
    output.parent.mkdir()
    code, out, err = call(capsys, str(folder), str(source), "--output", str(output))
    assert (code, out) == (0, "")
    assert "20 samples (20 with text+audio), predicted by toy/official senti-ifusion seed 0" in err
    expected = predict(folder, source)
    assert pd.read_csv(output, dtype=str)["prediction"].map(float).tolist() == expected["prediction"].tolist()
    pd.testing.assert_frame_equal(pd.read_csv(output), expected, check_dtype=False)
    written = output.read_bytes()
    code, out, _ = call(capsys, str(folder), str(source), "--output", "-")
    assert (code, out.encode()) == (0, written)
    code, out, _ = call(capsys, folder.name[-16:-8], str(source), "--out", str(place.runs), "--json")
    content = json.loads(out)
    assert [row["prediction"] for row in content["samples"]] == expected["prediction"].tolist()
    assert content["runs"][0]["id"] == folder.name[-16:]

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fails)
    code, _, err = call(capsys, str(folder), str(source), "--output", str(output))
    assert (code, "No space left" in err, err.count("\n")) == (2, True, 1)
    assert output.read_bytes() == written
    assert [p.name for p in output.parent.iterdir()] == ["predictions.csv"]


def test_the_command_notes_what_a_model_cannot_read(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_npz(place.samples["toy"], place.test_rows("toy"), tmp_path / "new.npz", lacking=["text"])
    code, out, err = call(capsys, "tuned:text-only", str(source), "--out", str(place.runs))
    assert code == 0
    assert "reads text, and 20 of 20 samples have none of it" in err
    assert pd.read_csv(io.StringIO(out))["prediction"].nunique() == 1
    code, _, err = call(capsys, "tuned:text-only", str(tmp_path / "nowhere.npz"), "--out", str(place.runs))
    assert (code, err) == (2, f"sentibench: {tmp_path}/nowhere.npz: no such file\n")


def test_what_the_package_offers() -> None:
    assert all(hasattr(prediction, name) for name in prediction.__all__)
