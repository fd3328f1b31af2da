"""CMU-SDK sequences: each sample is a segment of the labels, and holds the frames and the words of its time."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.cli.main import main
from benchmark.data.catalog import open_samples
from benchmark.data.importers import ImportOptions, csd_files, import_file
from benchmark.data.importers.splits import hashed_split
from benchmark.data.samples import PARTS, Samples
from benchmark.data.store import read_store, verify_store, write_store
from protocols import InputError
from tests.csd import Sequence, csd_content, write_csd, write_csd_folder

LABELS = "CMU_MOSI_Opinion_Labels.csd"
WORDS = "CMU_MOSI_TimestampedWords.csd"
VECTORS = "CMU_MOSI_TimestampedWordVectors.csd"
AUDIO = "CMU_MOSI_COVAREP.csd"
VISION = "CMU_MOSI_Visual_Facet_42.csd"


def load(folder: Path, content: Any = None, label_range: Any = None, **options: Any) -> Samples:
    write_csd_folder(folder, content)
    return import_file(folder, "mosi", label_range, ImportOptions(**options))


def values_of(samples: Samples, modality: Any, index: int) -> tuple[Any, Any]:
    stream = samples.streams[modality]
    rows = slice(stream.offsets[index], stream.offsets[index + 1])
    assert stream.values is not None
    return stream.values[rows], stream.observed[rows]


def within(sequence: Sequence, video: str, start: float, end: float) -> np.ndarray[Any, Any]:
    """What a segment should hold, worked out frame by frame."""
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
    samples, i = load(tmp_path / str(seed), content), 0
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
    samples = load(tmp_path / "mosi", content)
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
    asked = load(tmp_path / "asked", use={"vectors": VECTORS})
    content = csd_content()
    del content[WORDS]
    alone = load(tmp_path / "alone", content)
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
    samples = load(tmp_path / "mosi", content)
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


def test_what_is_no_number_becomes_zero_and_is_counted(tmp_path: Path) -> None:
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
    samples = load(tmp_path / "mosi", content)
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
    np.testing.assert_array_equal(load(tmp_path / "a", content).label, expected)
    assert (load(tmp_path / "b", content, label_column="3").label == 2.5).all()
    content["CMU_MOSEI_Labels.csd"] = "labels", {k: (f[:, :5], t) for k, (f, t) in labels.items()}
    with pytest.raises(InputError, match="5 columns; say with --label-column N"):
        load(tmp_path / "c", content)
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
    plain, aligned = load(tmp_path / "plain", content), load(tmp_path / "aligned", _aligned(content))
    assert plain.fingerprint() == aligned.fingerprint()
    # aligned to words, an entry is a word, though its key looks like that of a segment
    by_word = dict(content)
    by_word[AUDIO] = (
        "COVAREP",
        {f"{v}[{i}]": (f[i : i + 1], t[i : i + 1]) for v, (f, t) in content[AUDIO][1].items() for i in range(len(f))},
    )
    by_word[LABELS] = _aligned(content)[LABELS]
    assert load(tmp_path / "words", by_word).fingerprint() == plain.fingerprint()


def test_segments_without_length_are_left_out_and_keep_their_number(tmp_path: Path) -> None:
    content = csd_content()
    times = content[LABELS][1]["vid-0_x"][1]
    times[0, 1] = times[0, 0]
    samples = load(tmp_path / "mosi", content)
    assert samples.ids[0] == "vid-0_x[1]"
    assert any(note.startswith("1 segments have no length") for note in samples.provenance.notes)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(min_size=1, max_size=4), min_size=3, max_size=60, unique=True), st.randoms())
def test_hashed_splits_keep_videos_whole_and_depend_on_no_order(videos: list[str], random: Any) -> None:
    column = [video for video in videos for _ in range(random.randint(1, 3))]
    random.shuffle(column)
    codes = hashed_split(np.array(column, dtype=object))
    by_video: dict[str, set[int]] = {}
    for video, code in zip(column, codes.tolist(), strict=True):
        by_video.setdefault(video, set()).add(code)
    assert all(len(found) == 1 for found in by_video.values())
    counts = [sum(found == {PARTS[part]} for found in by_video.values()) for part in ("train", "valid", "test")]
    assert min(counts) >= 1
    assert abs(counts[0] - 0.7 * len(videos)) <= 1.5
    again = hashed_split(np.array(sorted(column), dtype=object))
    assert dict(zip(sorted(column), again.tolist(), strict=True)) == {v: c.pop() for v, c in by_video.items()}


def test_a_split_file_names_videos_or_samples(tmp_path: Path) -> None:
    folds = {"standard_train_fold": ["vid-0_x", "vid-1_x"], "standard_valid_fold": ["vid-2_x"]}
    (tmp_path / "folds.json").write_text(json.dumps({**folds, "standard_test_fold": ["vid-3_x", "elsewhere"]}))
    samples = load(tmp_path / "mosi", split=tmp_path / "folds.json")
    parts = dict(zip(samples.video_ids.tolist(), samples.splits["folds"].tolist(), strict=True))
    assert parts == {"vid-0_x": 1, "vid-1_x": 1, "vid-2_x": 2, "vid-3_x": 3, "vid-4_x": 0, "vid-5_x": 0}
    assert any("are in no part" in note for note in samples.provenance.notes)
    assert any(note.startswith("1 ids of folds.json are not in the data") for note in samples.provenance.notes)
    (tmp_path / "s.csv").write_text("video_id,part\nvid-0_x,Train\nvid-1_x,dev\nvid-2_x,test\nvid-0_x[1],test\n")
    codes = load(tmp_path / "again", split=tmp_path / "s.csv").splits["s"]
    assert codes[:2].tolist() == [PARTS["train"], PARTS["test"]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("vid-0_x,train\nvid-1_x,valid\n", "has no test sample"),
        ("vid-0_x,teach\n", "unknown part 'teach'"),
        ("vid-0_x,train\nvid-0_x,test\n", "is in two parts"),
        ("vid-0_x\n", "has 1 columns; expected two"),
        ("", "assigns no id"),
        ("{", "not readable JSON"),
        ("[1]", "found a list"),
        ('{"train": 3}', "expected a list of ids"),
        (None, "cannot be read"),
    ],
)
def test_a_wrong_split_file_is_one_line(tmp_path: Path, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / "split.csv").write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        load(tmp_path / "mosi", split=tmp_path / "split.csv")
    assert "split.csv" in str(caught.value)


def test_roles_are_told_from_names_and_doubt_names_the_files(tmp_path: Path) -> None:
    content = csd_content()
    content["CMU_MOSI_TimestampedPhones.csd"] = "phoneme", content[WORDS][1]
    samples = load(tmp_path / "a", content)
    assert any("not read: CMU_MOSI_TimestampedPhones.csd" in note for note in samples.provenance.notes)
    content["CMU_MOSI_Visual_OpenFace_2.csd"] = "OpenFace_2", content[VISION][1]
    with pytest.raises(InputError, match=r"several files for vision: .*Facet_42.*OpenFace_2.*--use vision="):
        load(tmp_path / "b", content)
    chosen = load(tmp_path / "c", content, use={"vision": "OpenFace_2"})
    assert any(note.startswith("vision: CMU_MOSI_Visual_OpenFace_2.csd") for note in chosen.provenance.notes)
    assert chosen.fingerprint() == samples.fingerprint()
    none = load(tmp_path / "d", content, use={"vision": "none"})
    assert not none.streams["vision"].observed.any()
    content["mine.csd"] = "my_compseq", content[AUDIO][1]
    with pytest.raises(InputError, match=r"mine.csd \(my_compseq\): neither name nor content tells its role"):
        load(tmp_path / "e", content, use={"vision": "OpenFace_2"})
    load(tmp_path / "f", content, use={"vision": "OpenFace_2", "ignore": "mine.csd"})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"use": {"sound": AUDIO}}, "unknown role"),
        ({"use": {"audio": "absent.csd"}}, "no file of that name; there are"),
        ({"use": {"audio": WORDS}}, "holds text, expected numbers for audio"),
        ({"use": {"words": AUDIO}}, "holds numbers, expected text for words"),
        ({"use": {"words": "none", "vectors": "none"}}, "neither words nor word vectors"),
        ({"use": {"labels": "none"}}, "no labels among"),
        ({"text_column": "text"}, "option text_column is not for this layout"),
    ],
)
def test_wrong_options_are_one_line(tmp_path: Path, options: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load(tmp_path / "mosi", **options)


def _change(name: str, change: Any) -> Any:
    def apply(folder: Path) -> None:
        with h5py.File(folder / name, "r+") as file:
            change(file, next(iter(file)))

    return apply


def _replace(file: h5py.File, where: str, value: Any) -> None:
    del file[where]
    file[where] = value


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: (f / LABELS).unlink(), "no labels among"),
        (lambda f: (f / AUDIO).write_bytes(b"\x89HDF\r\n\x1a\n"), "not a readable computational sequence"),
        (lambda f: (f / AUDIO).write_bytes((f / AUDIO).read_bytes()[:3000]), "COVAREP.csd: not a readable"),
        (lambda f: (f / AUDIO).write_bytes(b"<html>"), "COVAREP.csd: not a readable"),
        (_change(AUDIO, lambda h, r: h.create_group("other")), "expected one group at its root"),
        (_change(AUDIO, lambda h, r: h.move(f"{r}/data", f"{r}/dat")), "has no group 'data'"),
        (_change(AUDIO, lambda h, r: h.__delitem__(f"{r}/data/vid-1_x/intervals")), "'vid-1_x' has no intervals"),
        (_change(AUDIO, lambda h, r: _replace(h, f"{r}/data/vid-1_x/features", [1.0])), "expected (frames, width)"),
        (_change(AUDIO, lambda h, r: _replace(h, f"{r}/data/vid-1_x/intervals", [[0, 1]])), "the start and end of"),
        (
            _change(
                AUDIO,
                lambda h, r: (
                    _replace(h, f"{r}/data/vid-1_x/features", np.zeros((1, 3))),
                    _replace(h, f"{r}/data/vid-1_x/intervals", [[0.0, 1.0]]),
                ),
            ),
            "has 5 features and entry 'vid-1_x' has 3",
        ),
        (
            _change(AUDIO, lambda h, r: h[f"{r}/data/vid-1_x/intervals"].__setitem__((2, 0), np.nan)),
            "entry 'vid-1_x': frame 2 goes from nan",
        ),
        (
            _change(LABELS, lambda h, r: h[f"{r}/data/vid-1_x/intervals"].__setitem__((1, 0), 1e9)),
            r"segment 'vid-1_x[1]' goes from 1e+09",
        ),
        (
            _change(LABELS, lambda h, r: h[f"{r}/data/vid-1_x/features"].__setitem__((1, 0), 4)),
            "label of sample 'vid-1_x[1]' is 4, outside",
        ),
        (
            _change(LABELS, lambda h, r: h[f"{r}/data/vid-1_x/features"].__setitem__((1, 0), np.nan)),
            "label of sample 'vid-1_x[1]' is nan",
        ),
        (
            _change(AUDIO, lambda h, r: _replace(h, f"{r}/data/vid-1_x", h5py.ExternalLink("/etc/x.h5", "/"))),
            "is a link to another place; refused",
        ),
        (
            _change(AUDIO, lambda h, r: _replace(h, f"{r}/data/vid-1_x/features", h5py.SoftLink("/"))),
            "is a link to another place; refused",
        ),
    ],
)
def test_a_damaged_set_says_which_file_and_what(tmp_path: Path, damage: Any, says: str) -> None:
    folder = write_csd_folder(tmp_path / "mosi")
    damage(folder)
    with pytest.raises(InputError) as caught:
        import_file(folder, "mosi")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_content_of_other_files_cannot_be_pulled_in(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(np.arange(20.0).tobytes())
    folder = write_csd_folder(tmp_path / "mosi")
    with h5py.File(folder / AUDIO, "r+") as file:
        entry = file["COAVAREP/data/vid-0_x"]
        del entry["features"], entry["intervals"]
        entry["intervals"] = np.zeros((4, 2))
        entry.create_dataset("features", (4, 5), "f8", external=[(str(tmp_path / "secret"), 0, 160)])
    with pytest.raises(InputError, match="lies in another file; refused"):
        import_file(folder, "mosi")


def test_a_claimed_size_does_not_fill_the_memory(tmp_path: Path) -> None:
    folder = write_csd_folder(tmp_path / "mosi")
    with h5py.File(folder / AUDIO, "r+") as file:
        entry = file["COAVAREP/data/vid-0_x"]
        del entry["features"], entry["intervals"]
        entry.create_dataset("features", (10**10, 5), "f8", chunks=(1000, 5), compression="gzip")
        entry.create_dataset("intervals", (10**10, 2), "f8", chunks=(1000, 2), compression="gzip")
    with pytest.raises(InputError, match="but the file does not hold as much"):
        import_file(folder, "mosi")


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize(("how", "says"), [("SIGSEGV", "ends the process"), ("SIGSTOP", "takes longer than 1 s")])
def test_a_crash_or_a_hang_of_the_library_is_an_error_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, says: str
) -> None:
    monkeypatch.setattr(csd_files, "PATIENCE", 1.0)
    folder = write_csd_folder(tmp_path / "mosi")
    with csd_files.CsdReader() as reader:
        file = reader.open(folder / AUDIO)
        process = reader._process
        assert process is not None
        os.kill(process.pid, getattr(signal, how))
        with pytest.raises(InputError, match=f"is damaged: to read it as HDF5 {says}"):
            list(reader.read(file, "features", list(file.entries)))
        assert process.poll() is not None
        assert reader.open(folder / AUDIO).entries == file.entries  # the next file gets a process of its own


def test_several_files_are_a_folder(tmp_path: Path) -> None:
    folder = write_csd_folder(tmp_path / "mosi")
    whole = import_file(folder, "mosi")
    files = sorted(folder.iterdir())
    several = import_file(files[0], "mosi", None, ImportOptions(more=tuple(files[1:])))
    assert several.fingerprint() == whole.fingerprint()
    with pytest.raises(InputError, match="no labels among CMU_MOSI_COVAREP"):
        import_file(folder / AUDIO, "mosi")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is a folder without"):
        import_file(tmp_path / "empty", "mosi")


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
    assert import_file(folder, "mosi").fingerprint() == load(tmp_path / "plain").fingerprint()
    write_csd(folder / WORDS, "words", {k: (f, t) for k, (f, t) in words.items()}, compression=None)
    assert import_file(folder, "mosi").fingerprint() == load(tmp_path / "plain").fingerprint()


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
    assert open_samples("mosi").provenance.layout == "csd"
    code, _, errors = call("other", str(folder), "--use", "vision")
    assert (code, errors.count("\n")) == (2, 1)
    assert "--use vision: expected ROLE=FILE" in errors
