"""Trained runs on new samples: filed predictions come back, and missing parts are shown as erased."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark import prediction
from benchmark.data.samples import PARTS, ModalityStream
from benchmark.prediction import find_runs, new_samples, open_run, read_new_samples
from benchmark.prediction.predict import predict
from protocols import MODALITIES, InputError, parse
from tests.benchmark.trained_studies import MODELS, NO_AUDIO, SCENARIOS, Studies
from tests.npz import write_npz


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
    studies: Studies, tmp_path: Path, dataset: str, model: str
) -> None:
    folder = studies.folder(dataset, model)
    rows, samples = studies.test_rows(dataset), studies.samples[dataset]
    found = predict(folder, write_npz(samples, rows, tmp_path / "new.npz"))
    filed = studies.filed(folder, "complete")
    equal(found, filed)
    assert set(found["available"]) == {"text+audio+vision"}
    assert np.ptp(filed["prediction"]) > 0 or model == "constant"
    erased = predict(folder, write_npz(samples, rows, tmp_path / "erased.npz", erased=["audio"]))
    equal(erased, studies.filed(folder, NO_AUDIO))
    assert set(erased["available"]) == {"text+vision"}
    assert not erased["observed_audio"].any()


def test_a_modality_left_out_is_one_that_is_erased(studies: Studies, tmp_path: Path) -> None:
    """On data with audio of one length the shape of what was erased is known, so that even the digits are the same."""
    folder, rows = studies.folder("even", "lnln"), studies.test_rows("even")
    found = predict(folder, write_npz(studies.samples["even"], rows, tmp_path / "new.npz", lacking=["audio"]))
    filed = studies.filed(folder, NO_AUDIO)
    equal(found, filed)
    assert not np.array_equal(filed["prediction"], studies.filed(folder, "complete")["prediction"])


@pytest.mark.parametrize(("dataset", "model"), [("toy", "senti-ifusion"), ("vectors", "late-fusion-dropout")])
@pytest.mark.parametrize("modality", MODALITIES)
def test_a_missing_modality_has_the_typical_length_of_training(
    studies: Studies, tmp_path: Path, dataset: str, model: str, modality: str
) -> None:
    opened, samples, rows = (
        open_run(studies.folder(dataset, model)),
        studies.samples[dataset],
        studies.test_rows(dataset),
    )
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
def test_a_prediction_depends_on_its_sample_alone(studies: Studies, data: st.DataObject) -> None:
    """Neither on the order, nor on which others there are, nor on what those lack."""
    samples, folder = studies.samples["toy"], studies.folder("toy", "senti-ifusion")
    opened = open_run(folder)
    everything = predict(opened, samples).set_index("sample_id")["prediction"]
    chosen = data.draw(st.lists(st.integers(0, len(samples) - 1), min_size=1, max_size=20, unique=True))
    with_text = data.draw(st.lists(st.sampled_from(chosen), unique=True))
    path = studies.runs / "some.npz"
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


def test_large_files_are_predicted_in_pieces(studies: Studies, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, told = open_run(studies.folder("toy", "senti-ifusion")), []
    whole = predict(opened, studies.samples["toy"])
    monkeypatch.setattr(new_samples, "CHUNK", 32)
    pieces = predict(opened, studies.samples["toy"], progress=lambda done, total: told.append((done, total)))
    assert told == [(32, 60), (60, 60)]
    assert pieces["sample_id"].tolist() == whole["sample_id"].tolist() == studies.samples["toy"].ids.tolist()
    np.testing.assert_allclose(pieces["prediction"], whole["prediction"], atol=2e-6)


def test_seeds_are_averaged_and_their_spread_told(studies: Studies) -> None:
    samples = studies.samples["toy"]
    folders = find_runs("seeds:late-fusion-dropout", studies.runs)
    single = np.stack([predict(folder, samples)["prediction"] for folder in folders])
    found = predict(folders, samples)
    assert single.shape == (3, 60)
    np.testing.assert_allclose(found["prediction"], single.mean(axis=0))
    np.testing.assert_allclose(found["prediction_sd"], single.std(axis=0, ddof=1))
    assert found["acc7_class"].tolist() == np.rint(np.clip(single.mean(axis=0), -3, 3)).astype(int).tolist()
    with pytest.raises(InputError, match="each run separately"):
        predict([folders[0], studies.folder("toy", "senti-ifusion")], samples)


def test_an_opened_run_is_asked_under_any_masks(studies: Studies) -> None:
    for dataset, model in CASES:
        folder = studies.folder(dataset, model)
        opened = open_run(folder)
        for scenario in SCENARIOS:
            masks = parse(scenario).masks(opened.dataset, "test")
            filed = studies.filed(folder, scenario)
            table = opened.predict(opened.masked_part(masks))
            pd.testing.assert_frame_equal(table, filed[list(table)], check_exact=True)
        with pytest.raises(InputError, match="do not belong"):
            opened.masked_part(masks, "valid")


def test_contents_of_the_package() -> None:
    assert all(hasattr(prediction, name) for name in prediction.__all__)
