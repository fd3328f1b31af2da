"""Files and folders that are replaced whole, and what dead processes left of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark import files
from benchmark.files import replace_file, replace_folder, replace_text
from protocols import InputError
from protocols.temporaries import ABANDONED, sweep, temporary


def left_by_a_dead_process(path: Path) -> Path:
    """A temporary of a process that has ended."""
    code = (
        "import sys; from pathlib import Path; from protocols.temporaries import temporary; "
        "print(temporary(Path(sys.argv[1])))"
    )
    root = Path(files.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    return Path(done.stdout.strip())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["table.csv", "README", "a.b.c.html"])
def test_what_a_dead_process_left_is_removed_by_the_next_write_in_the_folder(tmp_path: Path, name: str) -> None:
    left, folder = left_by_a_dead_process(tmp_path / name), left_by_a_dead_process(tmp_path / name)
    left.write_text("half")
    (folder / "inner").mkdir(parents=True)
    replace_text(tmp_path / "other.txt", "whole")
    assert names(tmp_path) == ["other.txt"]


def test_what_a_living_process_writes_stays_and_so_do_files_of_others(tmp_path: Path) -> None:
    mine = temporary(tmp_path / "table.csv")
    mine.write_text("half")
    (tmp_path / ".note.of-mine.txt").write_text("a hidden file of the user")
    (tmp_path / ".table.123").write_text("another")
    before = names(tmp_path)
    replace_text(tmp_path / "table.csv", "whole")
    assert names(tmp_path) == sorted([*before, "table.csv"])


def test_a_process_number_that_was_given_again_is_another_process(tmp_path: Path) -> None:
    mine = temporary(tmp_path / "table.csv")
    other = mine.with_name(re.sub(r"-\d+-([0-9a-f]{8}\.csv)$", r"-1-\1", mine.name))
    other.write_text("half")
    sweep(tmp_path)
    assert names(tmp_path) == []


def test_what_another_machine_left_is_removed_when_it_is_old(tmp_path: Path) -> None:
    left = temporary(tmp_path / "table.csv")
    left = left.with_name(re.sub(r"-[0-9a-f]{8}-\d+-", "-00000000-1-", left.name))
    left.write_text("half")
    sweep(tmp_path)
    assert left.exists()
    os.utime(left, (time.time() - 2 * ABANDONED,) * 2)
    sweep(tmp_path)
    assert not left.exists()


def test_a_new_file_is_not_put_in_the_place_of_another(tmp_path: Path) -> None:
    replace_file(tmp_path / "model.py", lambda beside: beside.write_text("mine"), new=True)
    with pytest.raises(InputError, match=r"model\.py: cannot be written \(File exists\)"):
        replace_file(tmp_path / "model.py", lambda beside: beside.write_text("other"), new=True)
    assert names(tmp_path) == ["model.py"]
    assert (tmp_path / "model.py").read_text() == "mine"


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_is_replaced_whole_or_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool) -> None:
    if not exchange:
        monkeypatch.setattr(files, "_exchange", lambda *_: False)
    target = tmp_path / "published"
    for text in ("first", "second"):
        with replace_folder(target) as beside:
            (beside / "table.md").write_text(text)
            (beside / f"{text}.md").write_text(text)
        assert names(tmp_path) == ["published"]
        assert names(target) == sorted(["table.md", f"{text}.md"])

    def fail() -> None:
        with replace_folder(target) as beside:
            (beside / "table.md").write_text("third")
            raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        fail()
    assert names(tmp_path) == ["published"]
    assert (target / "table.md").read_text() == "second"


@pytest.mark.parametrize("name", ["published", "v1.2"])
def test_a_folder_that_was_moved_away_when_its_writer_was_killed_is_put_back(tmp_path: Path, name: str) -> None:
    left = left_by_a_dead_process(tmp_path / name)
    left.mkdir()
    old = left.with_name(f"{left.name}.old")
    old.mkdir()
    (old / "table.md").write_text("old")
    sweep(tmp_path)
    assert names(tmp_path) == [name]
    assert names(tmp_path / name) == ["table.md"]
