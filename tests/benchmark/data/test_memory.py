"""Samples from data frames, arrays and data sets of Hugging Face: equal content is equal samples, faults are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import sentibench as sb
from benchmark.data.importers import import_file
from benchmark.data.sources import load_samples
from protocols import InputError
from tests.frames import COLUMNS, N, frame
from tests.npz import npz_content


def test_a_frame_has_its_steps_gaps_parts_and_videos() -> None:
    samples = sb.from_frame(frame(), **COLUMNS)
    assert len(samples) == N
    assert np.diff(samples.streams["audio"].offsets).tolist() == [1 if i == 3 else 2 + i % 4 for i in range(N)]
    assert not samples.streams["audio"].observed[samples.streams["audio"].offsets[3]]
    assert not samples.streams["text"].observed[samples.streams["text"].offsets[4]]
    assert not samples.streams["vision"].observed.any()
    assert np.bincount(samples.splits["given"]).tolist() == [0, 18, 6, 6]
    assert samples.video_ids[:4].tolist() == ["talk0", "talk0", "talk0", "talk1"]
    assert samples.provenance.videos == "given"


def test_ragged_padded_and_tensors_are_the_same_samples() -> None:
    given = frame()
    arrays: dict[str, Any] = {role: given[column].tolist() for role, column in COLUMNS.items()}
    ragged = sb.from_arrays(arrays)
    lengths = np.array([0 if a is None else len(a) for a in arrays["audio"]])
    padded = np.zeros((N, lengths.max(), 5), np.float32)
    for i, row in enumerate(arrays["audio"]):
        padded[i, : lengths[i]] = 0 if row is None else row
    others = [
        arrays | {"audio": padded, "audio.length": lengths},
        arrays | {"audio": torch.from_numpy(padded), "audio.length": torch.from_numpy(lengths)},
        arrays | {"audio": [None if a is None else torch.from_numpy(a) for a in arrays["audio"]]},
        arrays | {"audio": [None if a is None else a.tolist() for a in arrays["audio"]]},
    ]
    wanted = sb.from_frame(given, **COLUMNS).fingerprint()
    assert {ragged.fingerprint(), *(sb.from_arrays(other).fingerprint() for other in others)} == {wanted}


def test_arrays_are_read_as_an_archive_of_them_is(tmp_path: Path) -> None:
    content = npz_content()
    np.savez(tmp_path / "some.npz", **content)
    assert sb.from_arrays(content).fingerprint() == import_file(tmp_path / "some.npz", "some").fingerprint()


def test_one_vector_a_sample_in_one_column_or_in_many() -> None:
    given = frame()
    vectors = np.arange(2.0 * N).reshape(N, 2) + 1
    given = given.assign(both=list(vectors), first=vectors[:, 0], second=vectors[:, 1])
    one = sb.from_frame(given, **{**COLUMNS, "audio": "both"})
    many = sb.from_frame(given, **{**COLUMNS, "audio": ["first", "second"]})
    assert one.fingerprint() == many.fingerprint()
    assert one.streams["audio"].values is not None
    assert one.streams["audio"].values.tolist() == vectors.tolist()


def test_without_labels_they_are_samples_to_predict() -> None:
    new = sb.from_frame(frame(), text="words")
    assert np.isnan(new.label).all()
    assert new.ids[:2].tolist() == ["row1", "row2"]
    with pytest.raises(InputError, match="has no labels, only samples to predict"):
        new.save("mine")


def test_saved_samples_are_found_by_name_and_not_overwritten() -> None:
    samples = sb.from_frame(frame(), **COLUMNS)
    assert samples.save("podcast").name == "podcast"
    assert load_samples("podcast").fingerprint() == samples.fingerprint()
    with pytest.raises(InputError, match="'podcast' already exists"):
        samples.save("podcast")
    samples.save("podcast", force=True)


FAULTS = [
    ({"label": "scor"}, {}, "unknown column of the data frame 'scor'; did you mean score?"),
    ({}, {"score": "positive"}, "data frame: label: expected numbers, found 'positive'; map classes to numbers first"),
    ({}, {"score": np.nan}, "data frame: label: entry 0 has no label (30 such entries)"),
    ({}, {"score": 9.0}, "outside the label range [-3, 3], which holds where none is said"),
    ({}, {"score": 9.0}, "state their range with label_range=(low, high) (and map_labels=(-3, 3)"),
    ({}, {"part": "training set"}, "unknown part in data frame: split.given: 'training set'"),
    ({}, {"part": "train"}, "data frame: split.given: has no valid sample"),
    ({}, {"clip": "a"}, "sample id 'a' occurs twice"),
    ({}, {"clip": None}, "data frame: id: entry 0: is empty; expected an id"),
    ({}, {"egemaps": "loud"}, "data frame: audio: entry 0: expected numbers (steps, features), found str"),
]


@pytest.mark.parametrize(("arguments", "changes", "said"), FAULTS)
def test_faults_of_frames_are_one_line(arguments: dict[str, str], changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as raised:
        sb.from_frame(frame().assign(**changes), **{**COLUMNS, **arguments})
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


ROWS = [
    ([np.ones((2, 5)), np.ones((2, 4))], "entry 0 has shape (2, 5) and entry 1 (2, 4)"),
    ([np.ones((2, 5)), np.ones(5)], "entry 0 has shape (2, 5) and entry 1 (5,)"),
    ([np.ones(3), np.ones(4)], "one vector of equal length"),
    ([[[1.0, 2.0], [1.0]], None], "entry 0: its steps have differing widths"),
    ([np.ones((2, 2, 2)), None], "found float64 of shape (2, 2, 2)"),
    ([{"array": [0.1]}, None], "found dict; extract features first"),
]


@pytest.mark.parametrize(("rows", "said"), ROWS)
def test_faults_of_rows_name_the_entries(rows: list[Any], said: str) -> None:
    with pytest.raises(InputError, match=r"^arrays: audio: ") as raised:
        sb.from_arrays({"id": ["a", "b"], "audio": rows})
    assert said in str(raised.value)


@pytest.mark.parametrize("value", [{"a": 1.0, "b": 2.0}, {1.0, 2.0}, "ab"])
def test_what_has_no_order_of_samples_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=rf"^arrays: label: .* found {type(value).__name__}$"):
        sb.from_arrays({"text": ["a", "b"], "label": value})


def test_columns_of_one_index_in_different_orders_are_refused() -> None:
    given = frame()
    shuffled = given["score"].sort_values()
    with pytest.raises(InputError, match=r"text and label have the same index in different orders"):
        sb.from_arrays({"text": given["words"], "label": shuffled})
    found = sb.from_arrays({"text": given["words"], "label": shuffled.to_numpy()})
    assert found.label.tolist() == shuffled.astype(np.float32).tolist()


def test_labels_are_not_read_as_features() -> None:
    with pytest.raises(InputError, match=r"column 'score' is given as label and as audio"):
        sb.from_frame(frame(), text="words", label="score", audio=["score"])


def test_masked_numbers_are_not_read() -> None:
    audio = np.ma.masked_equal(np.array([[[1, 9], [9, 9]], [[3, 4], [5, 6]]]), 9)
    found = sb.from_arrays({"id": ["a", "b"], "audio": audio}).streams["audio"]
    assert found.values is not None
    assert found.values.tolist() == [[1, 0], [0, 0], [3, 4], [5, 6]]
    assert found.observed.tolist() == [True, False, True, True]


def test_nested_tensors_are_rows_of_different_lengths() -> None:
    rows = [torch.ones(2, 3), torch.ones(1, 3)]
    nested = torch.nested.nested_tensor(rows, layout=torch.jagged)
    found = [sb.from_arrays({"id": ["a", "b"], "audio": given}).fingerprint() for given in (rows, nested)]
    assert found[0] == found[1]


def test_other_objects_are_refused_in_words() -> None:
    with pytest.raises(InputError, match=r"expected a pandas.DataFrame, found dict; use from_arrays"):
        sb.from_frame({})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown: 'audo'"):
        sb.from_arrays({"label": [1.0], "audo": [1.0]})
    with pytest.raises(InputError, match="found list; load it without streaming"):
        sb.from_hf([], {"text": "words"})


def test_a_dataset_dict_has_its_parts() -> None:
    datasets = pytest.importorskip("datasets", reason="needs Hugging Face's datasets, an extra")
    given = frame()
    given["egemaps"] = [None if steps is None else steps.tolist() for steps in given["egemaps"]]
    parts = {"train": "train", "validation": "dev", "test": "test"}
    rows = {name: given[given["part"] == part].drop(columns="part") for name, part in parts.items()}
    hub = datasets.DatasetDict({k: datasets.Dataset.from_pandas(v, preserve_index=False) for k, v in rows.items()})
    columns = {role: column for role, column in COLUMNS.items() if role != "split"}
    assert sb.from_hf(hub, columns).fingerprint() == sb.from_frame(given, **COLUMNS).fingerprint()
    whole = datasets.Dataset.from_pandas(given)
    assert sb.from_hf(whole, COLUMNS).fingerprint() == sb.from_frame(given, **COLUMNS).fingerprint()
    with pytest.raises(InputError, match="unknown role of a column: 'labels'; did you mean label"):
        sb.from_hf(hub, {"labels": "score"})
    with pytest.raises(InputError, match="unknown column of the data set 'scor'"):
        sb.from_hf(hub, {"label": "scor"})
    with pytest.raises(InputError, match="part 'extra': expected train, validation or test"):
        sb.from_hf({**hub, "extra": hub["test"]}, columns)


def test_doubts_about_the_labels_are_warnings_at_the_line_that_reads_them() -> None:
    doubt = r"^data frame: labels go from 0 to 1, 50 % of the range -1 to 1; give label_range=\(low, high\) if that"
    with pytest.warns(UserWarning, match=doubt) as caught:
        samples = sb.from_frame(
            pd.DataFrame({"text": ["good", "bad"] * 9, "label": [1, 0] * 9}), text="text", label="label"
        )
    assert caught[0].filename == __file__
    assert any(note.startswith("warning: labels go from 0 to 1") for note in samples.provenance.notes)


def test_numbers_of_classes_are_not_read_as_sentiment() -> None:
    datasets = pytest.importorskip("datasets", reason="needs Hugging Face's datasets, an extra")
    names = ["negative", "neutral", "positive"]
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)})
    hub = datasets.Dataset.from_dict({"text": [f"film {i}" for i in range(9)], "label": [0, 1, 2] * 3}, features)
    columns = {"text": "text", "label": "label"}
    said = r"numbers classes from 0 \(negative, neutral, positive\); .* label_range=\(0, 2\), map_labels=\(-1, 1\)"
    with pytest.raises(InputError, match=said):
        sb.from_hf(hub, columns)
    assert sb.from_hf(hub, columns, label_range=(0, 2), map_labels=(-1, 1)).label.tolist() == [-1, 0, 1] * 3
