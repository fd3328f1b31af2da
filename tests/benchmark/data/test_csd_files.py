"""CMU-SDK files that are damaged or hostile: one line that names the file, whatever it holds."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from benchmark.data.importers import csd_files, import_file
from protocols import InputError
from tests.csd import AUDIO, LABELS, write_csd_folder


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
def test_a_crash_or_a_hang_of_the_library_is_an_error_of_the_file(tmp_path: Path, how: str, says: str) -> None:
    folder = write_csd_folder(tmp_path / "mosi")
    with csd_files.CsdReader() as reader:
        file = reader.open(folder / AUDIO)
        process = reader._process
        assert process is not None
        if how == "SIGSTOP":  # from here on: the process itself may take longer to start
            reader._patience = 1.0
        os.kill(process.pid, getattr(signal, how))
        with pytest.raises(InputError, match=f"is damaged: reading it as HDF5 {says}"):
            list(reader.read(file, "features", list(file.entries)))
        assert process.poll() is not None
        reader._patience = csd_files.PATIENCE
        assert reader.open(folder / AUDIO).entries == file.entries  # the next file gets a process of its own
