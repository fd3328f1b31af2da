"""The data folder: data sets by name, and where they lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.data import bounds, catalog, importers
from benchmark.data.bounds import mae_bound
from benchmark.data.catalog import find_store, import_data, list_stores, store_files, store_path
from benchmark.data.importers.meaning import OFFICIAL
from benchmark.data.sources import dataset_header
from benchmark.data.store import read_store, verify_store, write_store
from benchmark.papers.reported import load as load_reported
from protocols import InputError
from tests.mmsa import write_mmsa_pickle
from tests.samples import make_samples


def test_a_data_folder_that_cannot_be_written_is_said_before_the_file_is_read(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_mmsa_pickle(tmp_path / "unaligned_50.pkl")
    monkeypatch.setattr(importers, "import_file", lambda *_: pytest.fail("the file was read"))
    own_home.touch()  # a file where the folder should be
    with pytest.raises(InputError, match=r"data: the data folder cannot be written .*SENTIBENCH_HOME"):
        import_data("mosi", source)


def test_data_sets_are_found_by_name(tmp_path: Path, own_home: Path) -> None:
    assert list_stores() == []
    source = write_mmsa_pickle(tmp_path / "unaligned_50.pkl")
    report = import_data("mosi", source)
    assert report.info.path == store_path("mosi") == own_home / "data" / "mosi.h5"
    assert [s.name for s in list_stores()] == ["mosi"]
    assert read_store(find_store("mosi")).fingerprint() == report.info.fingerprint
    assert verify_store(find_store("mosi")).ok
    with pytest.raises(InputError, match=r"did you mean mosi.*sentibench data import"):
        read_store(find_store("mosy"))
    with pytest.raises(InputError, match="already exists"):
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


def test_a_bound_of_the_error_goes_by_the_source_file_and_not_by_the_name(own_home: Path) -> None:
    official = {file.title: sha256 for sha256, file in OFFICIAL.items()}
    samples = make_samples()
    for name, sha256, low in (
        ("mosi", "", None),
        ("mosei", "0" * 64, None),
        ("anything", official["MOSI unaligned_50"], 0.657 / 2),
        ("other", official["SIMS unaligned_39"], 0.408 / 2),
        ("second", official["SIMSv2 ch-simsv2s (AZYoung/SIMSV2_processed)"], None),
    ):
        provenance = replace(samples.provenance, source_sha256=sha256)
        write_store(replace(samples, name=name, provenance=provenance), store_path(name))
        bound = dataset_header(name).bound
        assert (bound.mae if bound else None) == low, name
    assert "0.657 (SemMSA)" in mae_bound(official["MOSI aligned_50"]).source  # type: ignore[union-attr]


def test_the_bounds_are_of_the_lowest_errors_that_were_published() -> None:
    table = load_reported()
    errors = table[table["metric"].isin(["mae", "mae_clipped"]) & table["valid"]]
    errors = errors[~errors["point"].str.startswith("auilc")]
    lowest = errors.loc[errors.groupby("dataset")["value"].idxmin()].set_index("dataset")
    found = {name.lower(): known for name, known in bounds._LOWEST.items()}
    assert found == {name: (row["value"], row["method"]) for name, row in lowest.iterrows()}
