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

from benchmark.data.catalog import find_store, import_data
from benchmark.data.importers import ImportOptions, import_file, layout_of
from benchmark.data.samples import PARTS, Samples
from benchmark.data.store import read_store, verify_store
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


#: Categories of characters that the tokenizer drops: see `test_texts_that_the_tokenizer_drops_are_refused_in_one_line`.
CELLS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cf", "Cn", "Co")) | st.sampled_from(',;"\n\t '), max_size=30
)


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


def test_texts_that_the_tokenizer_drops_are_refused_in_one_line(tmp_path: Path) -> None:
    rows = [["label", "text"], *(["1.0", text] for text in ("", "", "\U000f0000"))]
    with pytest.raises(InputError, match="no text has a token") as raised:
        load(tmp_path, table(rows), (-3.0, 3.0))
    assert "\n" not in str(raised.value)


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
    assert read_store(find_store("toy")).raw_text[3] == "text 3"
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


def test_texts_in_quotes_may_span_lines_and_every_record_is_a_sample(tmp_path: Path) -> None:
    head = "id,text,label,split\n"
    rows = 'a,"Well.\n\nI think, it is good",2,train\nb,"""No"", then,\r\nand, again, yes",-1,valid\n\nc,z,0,test\n'
    samples = load(tmp_path, head + rows)
    assert samples.ids.tolist() == ["a", "b", "c"]
    assert samples.label.tolist() == [2, -1, 0]
    assert samples.raw_text[0] == "Well.\n\nI think, it is good"
    last = load(tmp_path, 'label,text\n1,"one,\ntwo"\n0,y\n0,z\n')
    assert last.raw_text.tolist() == ["one,\ntwo", "y", "z"]


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("id,text,label,split", "{i},{q}it was {i},{l},{p}"),
        ("id,text,label,split", "{i},{q}well, it was {i}, so,{l},{p}"),
        ("label,split,text", "{l},{p},{q}it was {i}"),
        ("text,label", "{q}it was {i},{l}"),
    ],
)
@pytest.mark.parametrize(("opened", "closed"), [(1, 2), (1, 5), (2, 4)])
def test_a_quote_that_is_not_closed_swallows_no_row(
    tmp_path: Path, head: str, row: str, opened: int, closed: int
) -> None:
    parts = ("train", "valid", "test") * 2
    marked = ["" if i != opened else '"' for i in range(6)]
    lines = [row.format(i=i, q=marked[i], l=i - 3, p=parts[i]) for i in range(6)]
    lines[closed] = lines[closed].replace(f"was {closed}", f'was {closed}"')
    if "well" in row:  # cells beyond the header, but within the quotes
        lines = [line if i in (opened, closed) else f"{i},x,{i - 3},{parts[i]}" for i, line in enumerate(lines)]
    with pytest.raises(
        InputError, match=rf"labels\.csv: line {opened + 2}: a cell in quotes runs on to line {closed + 2}"
    ):
        load(tmp_path, "\n".join([head, *lines]) + "\n")


ENDS = ("\n", "\r\n")


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.permutations(["id", "text", "label", "split"]), st.sampled_from(",;\t"), st.sampled_from(ENDS))
def test_quotes_anywhere_swallow_no_row(tmp_path: Path, data: Any, columns: Any, separator: str, end: str) -> None:
    """As many samples as rows, each with its own label, or an error."""
    parts = ["train", "valid", "test"] * 3
    records = [{"id": f"i{i}", "text": f"it was {i}", "label": f"{i / 4 - 1}", "split": parts[i]} for i in range(9)]
    text = end.join([separator.join(columns), *(separator.join(r[c] for c in columns) for r in records)])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(text.index(end) + len(end), len(text)))
        text = text[:at] + '"' + text[at:]
    try:
        samples = load(tmp_path, text, (-3.0, 3.0))
    except InputError:
        return
    assert len(samples) == 9
    assert samples.label.tolist() == [i / 4 - 1 for i in range(9)]
    assert [i.replace('"', "") for i in samples.ids] == [f"i{i}" for i in range(9)]


HEAD = "id,text,label,split\n"
FINE = "a,x,1,train\nb,y,0,valid\nc,z,-1,test\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,words,label\n" + FINE, "without a column 'text' in its first line; found id, words, label"),
        ("id,text\na,b\n", "without a column 'label'"),
        (HEAD, "has a header and no row"),
        ("id,text,label,Label\n" + FINE, "column 'label' twice"),
        (HEAD + FINE.replace("0,valid", "zero,valid"), "line 3, column label: expected a number, found 'zero'"),
        (HEAD + FINE.replace("0,valid", ",valid"), "line 3, column label: expected a number, found ''"),
        (HEAD + FINE.replace("0,valid", "nan,valid"), "line 3, column label: expected a number, found 'nan'"),
        (HEAD + FINE.replace("0,valid", "1_0,valid"), "line 3, column label: expected a number, found '1_0'"),
        (HEAD + FINE.replace("0,valid", "٣,valid"), "line 3, column label: expected a number, found '٣'"),
        (HEAD + FINE.replace("0,valid", "7,valid"), "labels go from -1 to 7"),
        (HEAD + FINE.replace("valid", "later"), "line 3, column split: expected train, valid or test, found 'later'"),
        (HEAD + FINE.replace("valid", "dev").replace("test", "dev"), "column split: has no test sample"),
        (HEAD + FINE.replace("b,y", "a,y"), "line 3: id 'a' is that of line 2"),
        (HEAD + FINE.replace("b,y", ",y"), "line 3, column id: is empty"),
        (HEAD + FINE.replace("b,y", "b,y,too,many"), "line 3: has 6 cells, expected 4, as in the header"),
        (HEAD + FINE.replace("b,y,0,valid", "b,y,0"), "line 3: has 3 cells, expected 4"),
        (HEAD + FINE.replace("\n", ",more\n"), "line 2: has 5 cells, expected 4, as in the header"),
        (HEAD + FINE.replace("b,y", 'b,"y'), "line 3: a quote is opened and never closed"),
        (HEAD + FINE.replace("b,y", 'b,"y" z'), "line 3: text after the closing quote"),
        (HEAD.replace("text", '"text') + FINE, "its header cannot be read"),
        (HEAD + FINE.replace("b,y", "b,\0"), "line 3: has a NUL byte"),
        ("text,label\na,0\nb,0\n", "has 2 videos and no split"),
        ((HEAD + FINE).encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        ((HEAD + FINE.replace("y", "ü")).encode("latin-1"), "line 3: byte 0xfc is not UTF-8"),
        ("id,text,label,label_T,split\n" + "a,x,0,5,train\n" * 1 + "b,y,0,0,valid\nc,z,0,0,test\n", "labels go from"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str | bytes, says: str) -> None:
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
