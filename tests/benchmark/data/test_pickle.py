"""Pickles from strangers: arrays come through as they are, and nothing else happens."""

from __future__ import annotations

import contextlib
import copyreg
import io
import os
import pickle
import re
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from benchmark.data.importers import pickled_names
from benchmark.data.importers.blocks import blocks
from benchmark.data.importers.pickles import read_pickle
from protocols import InputError


def load(tmp_path: Path, content: bytes) -> Any:
    path = tmp_path / "file.pkl"
    path.write_bytes(content)
    return read_pickle(path)


KINDS = st.one_of(
    arrays.boolean_dtypes(), arrays.integer_dtypes(), arrays.unsigned_integer_dtypes(), arrays.floating_dtypes()
)


@settings(deadline=None, max_examples=60)
@given(
    arrays.arrays(KINDS, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)),
    st.sampled_from([2, 3, 4, 5]),
    st.sampled_from("CF"),
)
def test_arrays_come_through_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray[Any, Any], protocol: int, order: Any
) -> None:
    array = np.asarray(array, order=order)
    found = load(tmp_path_factory.mktemp("p"), pickle.dumps({"a": [array, array[..., None]]}, protocol=protocol))
    assert type(found["a"][0]) is np.ndarray
    assert found["a"][0].dtype == array.dtype
    assert found["a"][0].shape == array.shape
    assert found["a"][0].tobytes() == array.tobytes()
    assert found["a"][1].shape == (*array.shape, 1)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_text_objects_scalars_and_containers_come_through(tmp_path: Path, protocol: int) -> None:
    content = {
        "text": np.array(["grüß", "", "好"]),
        "bytes": np.array([b"ab", b"c"]),
        "objects": np.array(["a", 1, None, np.arange(3)], dtype=object),
        "scalar": np.float32(1.5),
        "list": [1, 2.5, True, "x", b"raw", (1, 2), {3}, frozenset({4}), bytearray(b"z"), range(3), 1j],
        "empty": np.zeros((0, 3), np.float32),
    }
    found = load(tmp_path, pickle.dumps(content, protocol=protocol))
    assert found["text"].tolist() == content["text"].tolist()  # type: ignore[attr-defined]
    assert found["bytes"].tolist() == [b"ab", b"c"]
    assert found["objects"][:3].tolist() == ["a", 1, None]
    assert found["objects"][3].tolist() == [0, 1, 2]
    assert found["scalar"] == np.float32(1.5)
    assert found["list"] == content["list"]
    assert found["empty"].shape == (0, 3)


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self.reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> Any:
        return self.reduced


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (os.system, ("echo > ran",), f"{os.name}.system"),
        (eval, ("open('ran', 'w')",), "builtins.eval"),
        (exec, ("open('ran', 'w')",), "builtins.exec"),
        (getattr, ("", "join"), "builtins.getattr"),
        (__import__, ("os",), "builtins.__import__"),
        (open, ("ran", "w"), f"{open.__module__}.open"),  # _io from Python 3.12 on
        (np.load, ("ran",), "numpy.load"),
        (np.fromfile, ("ran",), "numpy.fromfile"),
    ],
)
def test_whatever_else_is_asked_for_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: Any, arguments: Any, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"asks for {named.replace('.', '[.]')}; refused"):
        load(tmp_path, pickle.dumps({"train": Call(function, *arguments)}))
    assert [p.name for p in tmp_path.iterdir()] == ["file.pkl"]


def test_attributes_of_admitted_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"asks for builtins\.str\.format; refused"):
        load(tmp_path, b"\x80\x04\x8c\x08builtins\x8c\x0astr.format\x93.")


def test_persistent_ids_and_extensions_are_refused(tmp_path: Path) -> None:
    class Elsewhere(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            return "somewhere" if obj == "x" else None

    buffer = io.BytesIO()
    Elsewhere(buffer).dump(["x"])
    with pytest.raises(InputError, match="outside the file; refused"):
        load(tmp_path, buffer.getvalue())
    copyreg.add_extension("os", "system", 240)
    try:
        pickle.loads(b"\x80\x02\x82\xf0.")  # now in Python's cache of extensions, which does not ask find_class again
        with pytest.raises(InputError, match="asks for extension 240; refused"):
            load(tmp_path, b"\x80\x02\x82\xf0.")
    finally:
        copyreg.remove_extension("os", "system", 240)


def test_bytes_are_never_taken_for_pointers(tmp_path: Path) -> None:
    """NumPy's own functions let a file clear the flags of the object dtype, and then trust its bytes."""
    _reconstruct = np.zeros(0).__reduce__()[0]  # whose module has another name before numpy 2
    code = Call(np.dtype, "O8", False, True, state=(3, "|", None, None, None, -1, -1, 0))
    state = (1, (1,), code, False, struct.pack("<Q", 0x4141414141414141))
    content = pickle.dumps(Call(_reconstruct, np.ndarray, (0,), b"b", state=state))
    with pytest.raises(InputError, match="without as many objects"):
        load(tmp_path, content)


@pytest.mark.parametrize("code", ["V8", "f4,O", "M8[s]", "c16", "O,(2,)i4"])
def test_other_kinds_of_arrays_are_refused(tmp_path: Path, code: str) -> None:
    with pytest.raises(InputError, match="refused: only numbers and text are read"):
        load(tmp_path, pickle.dumps({"a": np.zeros(2, dtype=code)}))


@pytest.mark.parametrize("value", [np.dtype("f4"), np.ndarray, list])
def test_types_are_no_data(tmp_path: Path, value: Any) -> None:
    with pytest.raises(InputError, match="where data should be; refused"):
        load(tmp_path, pickle.dumps({"a": [value]}))


def test_a_file_cannot_change_this_process(tmp_path: Path) -> None:
    build = b"\x80\x04c_codecs\nencode\nN}\x8c\x08__name__\x8c\x05taken\x73\x86b."
    with pytest.raises(InputError, match="sets the state of a function; refused"):
        load(tmp_path, build)
    assert pickled_names._encode.__name__ == "_encode"


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04]r\xff\xff\xff\x2f.",  # a memo of 800 million entries
        b"\x80\x05\x96" + struct.pack("<Q", 3 * 2**30) + b".",  # a buffer of 3 GiB
        b"\x80\x04\x8e" + struct.pack("<Q", 3 * 2**30) + b".",  # bytes of 3 GiB
        b"\x80\x04cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",  # bytearray(2**31 - 1)
        b"\x80\x04cbuiltins\nlist\ncbuiltins\nrange\nJ\xff\xff\xff\x7f\x85R\x85R.",  # list(range(2**31 - 1))
    ],
)
def test_a_small_file_cannot_fill_the_memory(tmp_path: Path, content: bytes) -> None:
    tracemalloc.start()
    try:
        with contextlib.suppress(InputError):
            load(tmp_path, content)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("end", [0, 1, 2, 10, 100, -1])
def test_truncated_pickles_are_reported(tmp_path: Path, end: int) -> None:
    content = pickle.dumps({"train": np.arange(100.0), "id": ["a"] * 10})
    with pytest.raises(InputError, match=r"the pickle ends too early: .*truncated, download it again"):
        load(tmp_path, content[:end])


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_truncated_large_array_is_reported_with_the_expected_size(tmp_path: Path, protocol: int) -> None:
    content = pickle.dumps(np.arange(100_000.0), protocol=protocol)
    with pytest.raises(InputError, match=r"it has 100000 bytes, expected at least \d+; it is truncated") as caught:
        load(tmp_path, content[:100_000])
    expected = int(re.findall(r"at least (\d+)", str(caught.value))[0])
    assert len(content) - 200 <= expected <= len(content)


LARGE = [
    np.arange(60_000, dtype="<i4").reshape(100, 200, 3),
    np.arange(60_000, dtype=">f8").reshape(100, 200, 3),
    np.asarray(np.arange(60_000, dtype="<u2").reshape(200, 300), order="F"),
    np.arange(200_000, dtype="u1"),
]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("which", range(len(LARGE)))
def test_large_arrays_come_through_bit_for_bit(tmp_path: Path, protocol: int, which: int) -> None:
    array = LARGE[which]
    found = load(tmp_path, pickle.dumps({"a": array, "again": [array]}, protocol=protocol))
    for held in (found["a"], found["again"][0]):
        assert held.shape == array.shape
        assert held.dtype == array.dtype
        whole = np.asarray(held)
        np.testing.assert_array_equal(whole, array)
        np.testing.assert_array_equal(np.concatenate(list(blocks(held))), array)


def test_large_arrays_are_not_copied_out_of_the_file(tmp_path: Path) -> None:
    array = np.zeros((100, 1000, 10))
    for protocol in (3, 4, 5):
        (tmp_path / "large.pkl").write_bytes(pickle.dumps(array, protocol=protocol))
        tracemalloc.start()
        try:
            found = read_pickle(tmp_path / "large.pkl")
            assert tracemalloc.get_traced_memory()[1] < array.nbytes / 20
        finally:
            tracemalloc.stop()
        assert not found.flags.writeable


def test_arrays_as_python_2_wrote_them(tmp_path: Path) -> None:
    for count in (10, 50_000):
        array = np.arange(count, dtype="<f4")
        raw = array.tobytes()
        written = (
            b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
            b"J%b\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
            b"J\xff\xff\xff\xffK\x00tb\x89T%b%btb."
        ) % (struct.pack("<i", count), struct.pack("<I", len(raw)), raw)
        np.testing.assert_array_equal(load(tmp_path, written), array)


def test_large_text_and_bytes_come_through(tmp_path: Path) -> None:
    content = {
        "text": "gr\u00fc\u00df \u597d " * 20_000,
        "bytes": bytes(range(256)) * 400,
        "list": [bytearray(b"z") * 70_000],
    }
    for protocol in (1, 2, 3, 4, 5):
        assert load(tmp_path, pickle.dumps(content, protocol=protocol)) == content


def test_text_that_stands_for_no_bytes_is_refused(tmp_path: Path) -> None:
    """An array under protocol 2 is text: a character beyond Latin-1, or damaged UTF-8, is found when it is read."""
    content = pickle.dumps(np.full(100_000, 200, "u1"), protocol=2)
    at = content.index(b"\xc3\x88" * 10) + 300
    for damage in (b"\xc4\x88", b"\xff\x88"):
        path = tmp_path / "damaged.pkl"
        path.write_bytes(content[:at] + damage + content[at + 2 :])
        with pytest.raises(InputError, match=r"damaged\.pkl: .*download (it|the file) again"):
            np.asarray(read_pickle(path))
