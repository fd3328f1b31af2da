"""CMU-SDK sequences: each sample is a segment of the labels, and holds the frames and the words of its time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.cli.main import main
from benchmark.data.catalog import find_store
from benchmark.data.importers import ImportOptions, import_file
from benchmark.data.samples import Samples
from benchmark.data.store import read_store, verify_store, write_store
from protocols import InputError
from tests.benchmark.data.imported import import_csd
from tests.csd import AUDIO, LABELS, VECTORS, VISION, WORDS, Sequence, csd_content, write_csd, write_csd_folder


def values_of(samples: Samples, modality: Any, index: int) -> tuple[Any, Any]:
    stream = samples.streams[modality]
    rows = slice(stream.offsets[index], stream.offsets[index + 1])
    assert stream.values is not None
    return stream.values[rows], stream.observed[rows]


def within(sequence: Sequence, video: str, start: float, end: float) -> np.ndarray[Any, Any]:
    """Return the expected content of a segment, frame by frame."""
    features, intervals = sequence[video]
    chosen = [i for i, (a, b) in enumerate(intervals) if start <= (a + b) / 2 < end]
    return features[sorted(chosen, key=lambda i: intervals[i].sum())]


@settings(deadline=None, max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000))
def test_each_segment_holds_the_frames_of_its_time(tmp_path: Path, seed: int) -> None:
    content = csd_content(4, seed)
    rng = np.random.default_rng(seed)
    for name in (AUDIO, VISION):  # files need not be in order of time
        for key, (features, intervals) in content[name][1].items():
            order = rng.permutation(len(features))
            content[name][1][key] = features[order], intervals[order]
    samples, i = import_csd(tmp_path / str(seed), content), 0
    labels = content[LABELS][1]
    for video in sorted(labels):
        for k, (label, (start, end)) in enumerate(zip(*labels[video], strict=True)):
            assert samples.ids[i] == f"{video}[{k}]"
            assert samples.video_ids[i] == video
            assert samples.label[i] == label[0]
            for name, modality in ((AUDIO, "audio"), (VISION, "vision")):
                found, seen = values_of(samples, modality, i)
                np.testing.assert_array_equal(found, within(content[name][1], video, start, end))
                assert seen.all()
            words = [w[0].decode() for w in within(content[WORDS][1], video, start, end)]
            assert samples.raw_text[i] == " ".join(w for w in words if w != "sp")
            i += 1
    assert i == len(samples)


def test_words_become_bert_tokens_and_survive_the_store(tmp_path: Path) -> None:
    content = csd_content()
    for features, _ in content[WORDS][1].values():
        features[np.isin(features, [b"bad", b"not", b"really"])] = b"movie"
    samples = import_csd(tmp_path / "mosi", content)
    text = samples.streams["text"]
    assert text.token_ids is not None
    known = {"it": [2009], "was": [2001], "good": [2204], "movie": [3185], "anyhow": [2151, 14406]}
    checked = 0
    for i, spoken in enumerate(samples.raw_text.tolist()):
        words = spoken.split()
        if words and set(words) <= known.keys():
            span = slice(text.offsets[i], text.offsets[i + 1])
            assert text.token_ids[span].tolist() == [t for word in words for t in known[word]]
            checked += 1
    assert checked
    write_store(samples, tmp_path / "mosi.h5")
    assert verify_store(tmp_path / "mosi.h5").ok
    assert read_store(tmp_path / "mosi.h5").raw_text.tolist() == samples.raw_text.tolist()


def test_word_vectors_are_the_text_where_there_are_no_words_or_they_are_asked_for(tmp_path: Path) -> None:
    asked = import_csd(tmp_path / "asked", use={"vectors": VECTORS})
    content = csd_content()
    del content[WORDS]
    alone = import_csd(tmp_path / "alone", content)
    for samples in (asked, alone):
        assert samples.streams["text"].width == 8
        start, end = content[LABELS][1]["vid-0_x"][1][0]
        expected = within(content[VECTORS][1], "vid-0_x", start, end)
        np.testing.assert_array_equal(values_of(samples, "text", 0)[0], expected.astype(np.float32))
    assert any(asked.raw_text)
    assert not any(alone.raw_text)
    assert any("word vectors" in note for note in alone.provenance.notes)


def test_segments_without_frames_and_absent_files_are_missing_by_nature(tmp_path: Path) -> None:
    content = csd_content()
    _, end = content[LABELS][1]["vid-0_x"][1][0]
    features, times = content[VISION][1]["vid-0_x"]
    keep = times[:, 0] > end
    content[VISION][1]["vid-0_x"] = features[keep], times[keep]
    del content[VISION][1]["vid-1_x"]
    features, times = content[WORDS][1]["vid-0_x"]
    features[times[:, 0] < end] = b"sp"
    del content[AUDIO]
    samples = import_csd(tmp_path / "mosi", content)
    for index in (0, samples.ids.tolist().index("vid-1_x[1]")):
        found, seen = values_of(samples, "vision", index)
        assert found.shape == (1, 4)
        assert not found.any()
        assert not seen.any()
    assert samples.raw_text[0] == ""
    assert not samples.streams["text"].observed[0]
    assert samples.streams["text"].token_ids is not None
    assert samples.streams["text"].token_ids[0] == 100
    assert not samples.streams["audio"].observed.any()
    assert samples.streams["audio"].width == 1
    assert len(samples.streams["audio"].observed) == len(samples)


def test_values_that_are_not_numbers_become_zero_and_are_counted(tmp_path: Path) -> None:
    content = csd_content()
    features, times = content[AUDIO][1]["vid-0_x"]
    wide = features.astype(np.float64)
    start = content[LABELS][1]["vid-0_x"][1][0, 0]
    first = int(np.flatnonzero(times.mean(axis=1) >= start)[0])
    wide[first] = [np.nan, -np.inf, np.inf, 1e200, 0.5]
    wide[first + 1] = -np.inf
    wide[first + 2] = 0
    wide[0] = np.nan  # before the first segment: not looked at
    content[AUDIO][1]["vid-0_x"] = wide, times
    samples = import_csd(tmp_path / "mosi", content)
    assert samples.provenance.cleaning["audio"] == {"nan": 1, "inf": 7, "overflow": 1}
    found, seen = values_of(samples, "audio", 0)
    assert found[0].tolist() == [0, 0, 0, 0, 0.5]
    assert seen[:4].tolist() == [True, False, False, True]


def test_mosei_takes_sentiment_from_seven_labels(tmp_path: Path) -> None:
    content = csd_content()
    _, labels = content.pop(LABELS)
    for key, (features, intervals) in labels.items():
        labels[key] = np.concatenate([features, np.full((len(features), 6), 2.5, np.float32)], axis=1), intervals
    content["CMU_MOSEI_Labels.csd"] = "All Labels", labels
    expected = np.concatenate([labels[v][0][:, 0] for v in sorted(labels)])
    np.testing.assert_array_equal(import_csd(tmp_path / "a", content).label, expected)
    assert (import_csd(tmp_path / "b", content, label_column="3").label == 2.5).all()
    content["CMU_MOSEI_Labels.csd"] = "labels", {k: (f[:, :5], t) for k, (f, t) in labels.items()}
    with pytest.raises(InputError, match="5 columns; state with --label-column N"):
        import_csd(tmp_path / "c", content)
    with pytest.raises(InputError, match="label column '9'; expected a number from 0 to 4"):
        import_file(tmp_path / "c", "mosi", None, ImportOptions(label_column="9"))


def _aligned(content: Any) -> Any:
    """The same data after the SDK's `align` to the labels: an entry a segment."""
    labels = content[LABELS][1]
    result: dict[str, tuple[str, Sequence]] = {}
    for name, (root, sequence) in content.items():
        entries: Sequence = {}
        for video, (features, intervals) in sequence.items():
            for k, (start, end) in enumerate(labels[video][1]):
                middle = intervals.mean(axis=1)
                chosen = (middle >= start) & (middle < end)
                if name == LABELS:
                    chosen = np.arange(len(features)) == k
                if chosen.any():
                    entries[f"{video}[{k}]"] = features[chosen], np.clip(intervals[chosen], start, end)
        result[name] = root, entries
    return result


def test_aligned_sequences_give_the_same_samples(tmp_path: Path) -> None:
    content = csd_content(4)
    plain, aligned = import_csd(tmp_path / "plain", content), import_csd(tmp_path / "aligned", _aligned(content))
    assert plain.fingerprint() == aligned.fingerprint()
    # aligned to words, an entry is a word, though its key looks like that of a segment
    by_word = dict(content)
    by_word[AUDIO] = (
        "COVAREP",
        {f"{v}[{i}]": (f[i : i + 1], t[i : i + 1]) for v, (f, t) in content[AUDIO][1].items() for i in range(len(f))},
    )
    by_word[LABELS] = _aligned(content)[LABELS]
    assert import_csd(tmp_path / "words", by_word).fingerprint() == plain.fingerprint()


def test_segments_without_length_are_left_out_and_keep_their_number(tmp_path: Path) -> None:
    content = csd_content()
    times = content[LABELS][1]["vid-0_x"][1]
    times[0, 1] = times[0, 0]
    samples = import_csd(tmp_path / "mosi", content)
    assert samples.ids[0] == "vid-0_x[1]"
    assert any(note.startswith("1 segments have no length") for note in samples.provenance.notes)


def test_words_as_text_of_any_length_are_read_too(tmp_path: Path) -> None:
    content = csd_content()
    root, words = content.pop(WORDS)
    folder = write_csd_folder(tmp_path / "mosi", content)
    texts = {v: (np.array([[w[0].decode()] for w in f], dtype=object), t) for v, (f, t) in words.items()}
    with h5py.File(folder / WORDS, "w") as file:
        for video, (features, intervals) in texts.items():
            entry = file.create_group(f"{root}/data/{video}")
            entry.create_dataset("features", data=features, dtype=h5py.string_dtype())
            entry.create_dataset("intervals", data=intervals)
    assert import_file(folder, "mosi").fingerprint() == import_csd(tmp_path / "plain").fingerprint()
    write_csd(folder / WORDS, "words", {k: (f, t) for k, (f, t) in words.items()}, compression=None)
    assert import_file(folder, "mosi").fingerprint() == import_csd(tmp_path / "plain").fingerprint()


def test_the_command_line_imports_a_folder_or_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def call(*arguments: str) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["data", "import", *arguments])
        return ended.value.code, *capsys.readouterr()

    folder = write_csd_folder(tmp_path / "mosi")
    (tmp_path / "folds.csv").write_text("vid-0_x,train\nvid-1_x,valid\nvid-2_x,test\n")
    files = [str(path) for path in sorted(folder.iterdir())]
    code, out, _ = call("mosi", *files, "--split", str(tmp_path / "folds.csv"), "--use", f"vision={VISION}")
    assert (code, "splits folds" in out) == (0, True)
    assert read_store(find_store("mosi")).provenance.layout == "csd"
    code, _, errors = call("other", str(folder), "--use", "vision")
    assert (code, errors.count("\n")) == (2, 1)
    assert "--use vision: expected ROLE=FILE" in errors
