"""CSV of text and labels: what is in the cells is what is imported; what is wrong is named by row and column."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.data.catalog import import_data, open_samples
from benchmark.data.importers import ImportOptions, import_file, layout_of
from benchmark.data.samples import PARTS, Samples
from benchmark.data.store import verify_store
from protocols import InputError

#: The header that MMSA's label files have.
MMSA = "video_id,clip_id,text,label,label_T,label_A,label_V,annotation,mode"


def load(tmp_path: Path, text: str | bytes, label_range: Any = None, **options: Any) -> Samples:
    path = tmp_path / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_file(path, "toy", label_range, ImportOptions(**options))


def table(rows: list[list[str]], separator: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows(rows)
    return out.getvalue()


CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from(',;"\n\t '), max_size=30)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(CELLS, st.floats(-3, 3, width=32)), min_size=3, max_size=8),
    st.sampled_from(",;\t"),
    st.sampled_from(["utf-8", "utf-8-sig"]),
)
def test_texts_and_labels_come_through(tmp_path: Path, rows: Any, separator: str, encoding: str) -> None:
    given = [["label", "text"], *([repr(float(label)), text] for text, label in rows)]
    samples = load(tmp_path, table(given, separator).encode(encoding), (-3.0, 3.0))
    assert [t.strip() for t in samples.raw_text] == [text.strip() for text, _ in rows]
    assert samples.label.tolist() == [label for _, label in rows]
    stream = samples.streams["text"]
    assert stream.token_ids is not None
    assert (np.diff(stream.offsets) <= 48).all()
    for i, (text, _) in enumerate(rows):
        assert stream.observed[stream.offsets[i]] == (text.strip() != "") or not any(c.isalnum() for c in text)


def test_mmsa_label_files_are_read_whole(tmp_path: Path) -> None:
    rows = "v1,1,Good film,0.5,0.1,-0.2,1,Positive,train\nv1,2,,0,0,0,0,Neutral,valid\nv2,1,bad,-1,-1,-1,-1,N,test\n"
    samples = load(tmp_path, f"{MMSA}\n{rows}")
    assert samples.ids.tolist() == ["v1$_$1", "v1$_$2", "v2$_$1"]
    assert samples.video_ids.tolist() == ["v1", "v1", "v2"]
    assert samples.splits["given"].tolist() == [1, 2, 3]
    assert samples.provenance.label_range == (-1, 1)
    assert samples.unimodal_labels["audio"].tolist() == [np.float32(-0.2), 0, -1]
    assert any("columns not read: annotation" in note for note in samples.provenance.notes)
    assert any(note.startswith("label range -1 to 1") for note in samples.provenance.notes)
    text = samples.streams["text"]
    assert text.token_ids is not None
    assert text.token_ids.tolist() == [2204, 2143, 100, 2919]
    assert text.observed.tolist() == [True, True, False, True]
    for modality in ("audio", "vision"):
        stream = samples.streams[modality]  # type: ignore[index]
        assert stream.width == 1
        assert stream.offsets.tolist() == [0, 1, 2, 3]
        assert not stream.observed.any()
    empty = rows.replace(",0.1,-0.2,1,", ",,,,").replace(",0,0,0,0,", ",0,,,,").replace(",-1,-1,-1,-1,", ",-1,,,,")
    assert not load(tmp_path, f"{MMSA}\n{empty}").unimodal_labels


def test_an_import_is_stored_as_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("text,label\n" + "".join(f"text {i},{i % 7 - 3}\n" for i in range(20)))
    report = import_data("toy", path)
    assert verify_store(report.info.path).ok
    assert open_samples("toy").raw_text[3] == "text 3"
    assert report.info.provenance.layout == layout_of(path) == "csv"
    assert report.info.provenance.label_range == (-3, 3)


def test_without_a_split_videos_are_hashed_and_kept_whole(tmp_path: Path) -> None:
    rows = "".join(f"v{i // 3},t {i},0\n" for i in range(90))
    samples = load(tmp_path, "video_id,text,label\n" + rows)
    assert list(samples.splits) == ["hashed"]
    codes = samples.splits["hashed"].reshape(30, 3)
    assert (codes == codes[:, :1]).all()
    assert [int((codes[:, 0] == PARTS[p]).sum()) for p in ("train", "valid", "test")] == [21, 3, 6]
    assert any("hashed" in note for note in samples.provenance.notes)
    file = tmp_path / "mine.csv"
    file.write_text("v0,train\nv1,valid\nv2,test\n")
    given = load(tmp_path, "video_id,text,label,split\n" + rows.replace(",0\n", ",0,odd\n"), split=file)
    assert list(given.splits) == ["mine"]


def test_columns_can_be_named(tmp_path: Path) -> None:
    text = "Text,label,comment,stars\n" + "".join(f"no,x,yes {i},{i - 2}\n" for i in range(5))
    samples = load(tmp_path, text, text_column="comment", label_column="stars")
    assert samples.raw_text.tolist() == [f"yes {i}" for i in range(5)]
    assert samples.label.tolist() == [-2, -1, 0, 1, 2]


def test_decimal_commas_between_semicolons(tmp_path: Path) -> None:
    samples = load(tmp_path, "text;label\na, b;1,5\nc;-2\nd;+,25\n")
    assert samples.label.tolist() == [1.5, -2, 0.25]
    assert samples.raw_text[0] == "a, b"


def test_long_texts_are_cut_as_in_the_mmsa_files_and_counted(tmp_path: Path) -> None:
    samples = load(tmp_path, "text,label\n" + "good " * 60 + ",1\n\u2603 xx,0\nok,0\n")
    assert np.diff(samples.streams["text"].offsets)[0] == 48
    assert any(note.startswith("1 texts are longer than 48 tokens") for note in samples.provenance.notes)
    assert any("not in the vocabulary" in note for note in samples.provenance.notes)


HEAD = "id,text,label,split\n"
FINE = "a,x,1,train\nb,y,0,valid\nc,z,-1,test\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,words,label\n" + FINE, "without a column 'text' in its first line; found id, words, label"),
        ("id,text\na,b\n", "without a column 'label'"),
        (HEAD, "has a header and no row"),
        ("id,text,label,Label\n" + FINE, "column 'label' twice"),
        (HEAD + FINE.replace("0,valid", "zero,valid"), "row 2, column label: expected a number, found 'zero'"),
        (HEAD + FINE.replace("0,valid", ",valid"), "row 2, column label: expected a number, found ''"),
        (HEAD + FINE.replace("0,valid", "nan,valid"), "row 2, column label: expected a number, found 'nan'"),
        (HEAD + FINE.replace("0,valid", "1_0,valid"), "row 2, column label: expected a number, found '1_0'"),
        (HEAD + FINE.replace("0,valid", "7,valid"), "labels go from -1 to 7"),
        (HEAD + FINE.replace("valid", "later"), "row 2, column split: expected train, valid or test, found 'later'"),
        (HEAD + FINE.replace("valid", "dev").replace("test", "dev"), "column split: has no test sample"),
        (HEAD + FINE.replace("b,y", "a,y"), "row 2: id 'a' is that of row 1"),
        (HEAD + FINE.replace("b,y", ",y"), "row 2, column id: is empty"),
        (HEAD + FINE.replace("b,y", "b,y,too,many"), "not a readable CSV"),
        (HEAD + FINE.replace("\n", ",more\n"), "rows have more cells than the header has columns (4)"),
        (HEAD + FINE.replace("b,y", 'b,"y'), "not a readable CSV"),
        (HEAD + FINE.replace("b,y", "b,\0"), "line 3: has a NUL byte"),
        ("text,label\na,0\nb,0\n", "has 2 videos and no split"),
        ((HEAD + FINE).encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        ((HEAD + FINE.replace("y", "ü")).encode("latin-1"), "line 3: byte 0xfc is not UTF-8"),
        ("id,text,label,label_T,split\n" + "a,x,0,5,train\n" * 1 + "b,y,0,0,valid\nc,z,0,0,test\n", "labels go from"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, text)
    assert says in str(caught.value)
    assert "labels.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_label_range_and_columns_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"label of sample 'a' is 1, outside the label range"):
        load(tmp_path, HEAD + FINE, (-0.5, 0.5))
    with pytest.raises(InputError, match="has no column 'score'; found id, text, label, split"):
        load(tmp_path, HEAD + FINE, label_column="score")
    with pytest.raises(InputError, match="option use is not for this layout"):
        load(tmp_path, HEAD + FINE, use={"audio": "x"})
