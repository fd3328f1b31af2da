"""The data folder: data sets by name, and where they lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.data import catalog
from benchmark.data.catalog import find_store, import_data, list_stores, open_samples, store_files, store_path
from benchmark.data.store import verify_store, write_store
from protocols import InputError
from tests.mmsa import write_mmsa_pickle
from tests.samples import make_samples


def test_a_data_folder_that_cannot_be_written_is_said_before_the_file_is_read(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_mmsa_pickle(tmp_path / "unaligned_50.pkl")
    monkeypatch.setattr(catalog, "import_file", lambda *_: pytest.fail("the file was read"))
    own_home.touch()  # a file where the folder should be
    with pytest.raises(InputError, match=r"data: the data folder cannot be written .*SENTIBENCH_HOME"):
        import_data("mosi", source)


def test_data_sets_are_found_by_name(tmp_path: Path, own_home: Path) -> None:
    assert list_stores() == []
    source = write_mmsa_pickle(tmp_path / "unaligned_50.pkl")
    report = import_data("mosi", source)
    assert report.info.path == store_path("mosi") == own_home / "data" / "mosi.h5"
    assert [s.name for s in list_stores()] == ["mosi"]
    assert open_samples("mosi").fingerprint() == report.info.fingerprint
    assert verify_store(find_store("mosi")).ok
    with pytest.raises(InputError, match=r"did you mean mosi.*sentibench data import"):
        open_samples("mosy")
    with pytest.raises(InputError, match="is there already"):
        import_data("mosi", source)
    before = store_path("mosi").read_bytes()
    source.write_bytes(source.read_bytes()[:500])
    with pytest.raises(InputError, match="truncated"):
        import_data("mosi", source, force=True)
    assert store_path("mosi").read_bytes() == before
    write_mmsa_pickle(source, seed=1)
    assert import_data("mosi", source, force=True).info.fingerprint != report.info.fingerprint


def test_a_store_that_cannot_be_read_hides_no_other(own_home: Path) -> None:
    write_store(make_samples(), store_path("toy"))
    store_path("damaged").write_bytes(b"nothing")
    assert [s.name for s in list_stores()] == ["toy"]
    assert [p.stem for p in store_files()] == ["damaged", "toy"]


@pytest.mark.parametrize("name", ["", "Mosi", "a/b", "../x", ".hidden", "-x", "a b", "x" * 65, "synthetic", "mosi.h5"])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="data set name"):
        store_path(name)


def test_the_folder_is_the_platforms_unless_one_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SENTIBENCH_HOME", str(tmp_path))
    assert catalog.data_home() == tmp_path / "data"
    monkeypatch.delenv("SENTIBENCH_HOME")
    assert catalog.data_home().parent.name == "sentibench"
