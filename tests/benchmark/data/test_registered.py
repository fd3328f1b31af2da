"""Data sets that code makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.data.registered import make_samples, register_dataset, registered_datasets
from benchmark.data.sources import dataset_header, load, load_samples
from benchmark.data.store import write_store
from protocols import InputError, load_plugin
from tests import samples as toys

PLUGIN = '''
from benchmark.data.registered import register_dataset
from tests.samples import make_samples

@register_dataset("plugged")
def plugged():
    """Sixty toy samples."""
    return make_samples(words=False, seed=3)
'''


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENTIBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "data"


def test_a_plugin_brings_a_data_set(tmp_path: Path) -> None:
    path = tmp_path / "plugged.py"
    path.write_text(PLUGIN)
    assert load_plugin(path) == ["data set plugged"]
    assert "plugged" in registered_datasets()
    header = dataset_header("plugged")
    assert header.splits == ("official", "fold0", "fold1")
    assert header.fingerprint == toys.make_samples(words=False, seed=3).fingerprint()
    assert len(load("plugged/fold1").part("test")) == 20


def test_a_name_that_is_a_store_as_well_is_refused(home: Path) -> None:
    register_dataset("both")(lambda: toys.make_samples(words=False))
    home.mkdir(parents=True)
    write_store(toys.make_samples(words=False), home / "both.h5")
    with pytest.raises(InputError, match="both a store"):
        load_samples("both")


def test_invalid_data_sets_are_refused() -> None:
    with pytest.raises(InputError, match="lower-case"):
        register_dataset("Bad Name")
    with pytest.raises(InputError, match="generator's"):
        register_dataset("synthetic")
    register_dataset("list-of-test")(lambda: [])  # type: ignore[arg-type, return-value]
    with pytest.raises(InputError, match="returned a list"):
        make_samples("list-of-test")
    with pytest.raises(InputError, match="unknown data set 'nothing-of-test'"):
        load_samples("nothing-of-test")
