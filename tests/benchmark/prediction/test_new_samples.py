"""Files of new samples: what is read of them, and what a run cannot read is one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from benchmark.data.importers import import_file
from benchmark.data.importers.words import token_stream
from benchmark.data.samples import PARTS, ModalityStream, Samples
from benchmark.prediction import NewSamples, open_run, read_new_samples
from benchmark.prediction.predict import predict
from protocols import InputError
from tests.benchmark.trained_studies import Studies
from tests.npz import write_npz
from tests.samples import make_samples

TEXTS = ["a truly wonderful film", "dull", "", "it was not good at all, the worst of the year"]


def test_raw_text_is_cut_into_the_tokens_of_the_encoder(studies: Studies, tmp_path: Path) -> None:
    csv = tmp_path / "new.csv"
    pd.DataFrame({"id": list("abcd"), "text": TEXTS, "label": "unknown", "mode": "?"}).to_csv(csv, index=False)
    folder = studies.folder("toy", "text-only")
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


def test_word_vectors_are_passed_over_where_the_run_reads_words(studies: Studies, tmp_path: Path) -> None:
    vectors = {"id": np.array(list("abcd")), "text.values": np.ones((4, 3, 300), np.float32)}
    np.savez(tmp_path / "both.npz", **vectors, raw_text=np.array(TEXTS))
    np.savez(tmp_path / "raw.npz", id=vectors["id"], raw_text=np.array(TEXTS))
    folder = studies.folder("toy", "text-only")
    pd.testing.assert_frame_equal(predict(folder, tmp_path / "both.npz"), predict(folder, tmp_path / "raw.npz"))


def test_labels_and_splits_of_a_file_are_not_read(studies: Studies, tmp_path: Path) -> None:
    samples, rows, folder = (
        studies.samples["toy"],
        studies.test_rows("toy"),
        studies.folder("toy", "late-fusion-dropout"),
    )
    plain = predict(folder, write_npz(samples, rows, tmp_path / "a.npz"))
    more = {"label": np.full(len(rows), 99.0), "split.official": np.array(["test"] * len(rows))}
    pd.testing.assert_frame_equal(predict(folder, write_npz(samples, rows, tmp_path / "b.npz", **more)), plain)


def test_new_samples_need_labels_and_splits_only_to_be_studied() -> None:
    samples = make_samples()
    bare = replace(samples, label=np.full(60, np.nan, np.float32), splits={})
    bare.validate(labelled=False)
    with pytest.raises(InputError, match="has no labels, only samples to predict"):
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
    without = import_file(write_npz(samples, range(60), tmp_path / "b.npz", ["audio"], **more), "toy")
    assert not without.streams["audio"].observed.any()
    np.savez(tmp_path / "none.npz", **{"id": np.array([], str), "audio.values": np.zeros((0, 3, 5))})
    with pytest.raises(InputError, match="none"):
        read_new_samples(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("dataset", "changes", "says"),
    [
        ("toy", {"audio.values": np.ones((4, 3, 74), np.float32)}, "audio has 74 features, and that of data set 'to"),
        ("toy", {"vision.values": np.ones((4, 3, 2), np.float32)}, "has 7; give the same features, or leave vision"),
        ("toy", {"text.values": np.ones((4, 3, 300), np.float32)}, "word vectors, which encoder"),
        ("vectors", {"raw_text": np.array(TEXTS)}, "is word vectors of width 12"),
        ("vectors", {"text.values": np.ones((4, 3, 300), np.float32)}, "text has 300 features"),
        ("toy", {"text.token_ids": np.array([[101, 2000, 102]] * 4)}, "101 in sample 'a'"),
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
    studies: Studies, tmp_path: Path, dataset: str, changes: dict[str, Any], says: str
) -> None:
    np.savez(tmp_path / "new.npz", **{"id": np.array(list("abcd")), **changes})
    with pytest.raises(InputError) as caught:
        predict(studies.folder(dataset, "late-fusion-dropout"), tmp_path / "new.npz")
    assert says in str(caught.value)
    assert "new.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_features_with_other_names_are_other_features(studies: Studies) -> None:
    opened = open_run(studies.folder("toy", "late-fusion-dropout"))
    names = tuple("abcde")

    def named(samples: Samples, names: tuple[str, ...]) -> Samples:
        audio = replace(samples.streams["audio"], feature_names=names)
        return replace(samples, streams={**samples.streams, "audio": audio})

    known = replace(opened, samples=named(opened.samples, names))
    NewSamples(known, named(studies.samples["toy"], names))
    with pytest.raises(InputError, match=r"feature 0 is 'e', and that of data set 'toy' .* is 'a'"):
        NewSamples(known, named(studies.samples["toy"], names[::-1]))


def test_missing_values_of_new_samples_are_plus_zero(studies: Studies) -> None:
    """Gaps, a modality that a sample has nothing of, and padding: the signs that a file holds there do not count."""
    known = studies.samples["toy"]
    lacking = ModalityStream(
        np.arange(61, dtype=np.int64), np.zeros(60, np.bool_), np.full((60, known.streams["audio"].width), -0.0, "f4")
    )
    samples = replace(known, streams={**known.streams, "audio": lacking})
    opened = open_run(studies.folder("toy", "late-fusion-dropout"))
    part = NewSamples(opened, samples).part(np.arange(60))
    view, rows = opened.masked_part(part=part), torch.arange(60)
    batch, seen = view.batch(rows), view.observed_positions(rows)
    assert not seen["audio"].any()
    for m in ("audio", "vision"):
        assert not batch[m].values[~seen[m]].view(torch.int32).any()
