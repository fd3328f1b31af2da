"""Reading published numbers: what is refused, and in what words; what a filled-in file changes."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

import pytest

from benchmark.papers.below_leaderboards import with_reported
from benchmark.papers.reported import COLUMNS, load, load_sources, reported_folder
from protocols import InputError
from tests.benchmark.fake_panel import fake_panel, leaderboard

GOOD = {
    "source": "senti-ifusion",
    "table": "Table 2",
    "dataset": "mosi",
    "method": "Senti-iFusion",
    "model": "senti-ifusion",
    "metric": "mae",
    "value": "0.700",
    "protocol": "complete",
    "point": "complete",
    "aggregation": "one model",
    "selection": "unknown",
    "seeds": "5",
    "f1_bound": "",
    "validity": "valid",
    "note": "",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the folder without the large files."""
    for name in ("sources.csv", "senti-ifusion.csv", "tcmr.csv"):
        shutil.copy(reported_folder() / name, tmp_path / name)
    return tmp_path


def fill(folder: Path, **changes: str) -> None:
    """Add a row to the empty file, as README.md says."""
    row = GOOD | changes
    with (folder / "senti-ifusion.csv").open("a", encoding="utf-8") as file:
        file.write(",".join(row[name] for name in COLUMNS) + "\n")


def test_a_filled_copy_is_picked_up(folder: Path) -> None:
    table = leaderboard(fake_panel(dataset="mosi", seeds=1), "complete", draws=10)
    before = with_reported(
        table, load(folder), dataset="mosi", protocol="complete", sources=load_sources(folder)
    ).markdown()
    assert "Senti-iFusion (reported)" in before
    assert "have not been read" in before
    fill(folder)
    rows = load(folder)
    own = rows[rows["source"].eq("senti-ifusion")]
    assert own["value"].tolist() == [0.7]
    assert own["decimals"].tolist() == [3]
    after = with_reported(table, rows, dataset="mosi", protocol="complete", sources=load_sources(folder)).markdown()
    line = next(line for line in after.splitlines() if "Senti-iFusion (reported)" in line)
    assert "0.700" in line
    assert "have not been read" not in after


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "nobody"}, "source 'nobody' is not in sources.csv"),
        ({"dataset": "mosi2"}, "dataset is 'mosi2'"),
        ({"metric": "acc"}, "unknown metric of mosi 'acc'"),
        ({"metric": "f1_sims"}, "unknown metric of mosi 'f1_sims'"),
        ({"value": "0,7"}, "cells, expected"),
        ({"value": "about 1"}, "value is 'about 1'"),
        ({"value": "nan"}, "value is 'nan'"),
        ({"value": "61.0"}, "mae is 61.0, expected 0 to 6"),
        ({"metric": "acc7", "value": "101"}, "acc7 is 101, expected 0 to 100 (per cent)"),
        ({"metric": "corr", "value": "-1.2"}, "corr is -1.2"),
        ({"protocol": "uncertian"}, "unknown protocol 'uncertian'"),
        ({"protocol": "", "point": ""}, "say in note what was missing"),
        ({"point": "rate=0.3"}, "point 'rate=0.3': protocol 'complete' has no such point"),
        ({"protocol": "intra-random", "point": "rate=x"}, "'x' is not a number"),
        ({"protocol": "intra-random", "point": "0.3"}, "point '0.3' is unknown"),
        ({"protocol": "inter-subsets", "point": "mean 0..0.9"}, "no such stretch"),
        ({"selection": "test"}, "selection is 'test'"),
        ({"aggregation": "best"}, "aggregation is 'best'"),
        ({"seeds": "0"}, "seeds is '0'"),
        ({"validity": "invalid"}, "validity is 'invalid'"),
        ({"f1_bound": "possible"}, "f1_bound is 'possible', expected nothing for metric mae"),
        ({"metric": "f1_non0", "value": "80", "f1_bound": "impossible"}, "as f1_bound is 'impossible'"),
        ({"method": ""}, "method is ''"),
        ({"model": "Self-MM"}, "model is 'Self-MM'"),
    ],
)
def test_a_wrong_row_is_one_line_with_file_and_number(folder: Path, changes: dict[str, str], words: str) -> None:
    fill(folder)
    fill(folder, **changes)
    with pytest.raises(InputError) as error:
        load(folder)
    text = str(error.value)
    assert text.startswith("senti-ifusion.csv, line 3: ")
    assert words in text
    assert "\n" not in text


def test_the_same_number_twice_is_refused(folder: Path) -> None:
    fill(folder)
    fill(folder, value="0.800")
    with pytest.raises(InputError, match=r"senti-ifusion.csv, line 3: the same number as senti-ifusion.csv, line 2"):
        load(folder)


def test_other_columns_are_refused(folder: Path) -> None:
    (folder / "mine.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"mine.csv, line 1: columns are a,b; expected source,table"):
        load(folder)


def test_a_folder_without_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path)


def test_a_file_that_is_not_text_is_refused(folder: Path) -> None:
    (folder / "mine.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="cannot be read as CSV in UTF-8"):
        load(folder)


@pytest.mark.parametrize("scheme", ["all", "user"])
def test_installed_numbers_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Without a source checkout around the package, they lie in the environment's share folder, or in the user's."""
    place = tmp_path / scheme / "share" / "sentibench" / "reported"
    shutil.copytree(reported_folder(), place)
    user = sysconfig.get_preferred_scheme("user")
    folders = {"all": tmp_path / "all", user: tmp_path / "user"}
    monkeypatch.setattr("sysconfig.get_path", lambda name, scheme="all": str(folders[scheme] if name == "data" else ""))
    monkeypatch.setattr(
        "benchmark.papers.reported.files.__file__", str(tmp_path / "site/benchmark/papers/reported/f.py")
    )
    assert reported_folder() == place
    assert len(load()) > 4000
    shutil.rmtree(place)
    with pytest.raises(InputError, match=r"no sources\.csv under"):
        reported_folder()
