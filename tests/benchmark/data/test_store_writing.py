"""Writing to the sample store: whole or not at all, however it ends."""

from __future__ import annotations

import dataclasses
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from benchmark.data.catalog import list_stores, store_files, store_path
from benchmark.data.store import write_store
from protocols import InputError
from tests.samples import make_samples


def test_invalid_samples_leave_no_file_and_spare_the_old_one(tmp_path: Path) -> None:
    samples, path = make_samples(), tmp_path / "toy.h5"
    write_store(samples, path)
    before = path.read_bytes()
    broken = dataclasses.replace(samples, label=samples.label + np.float32(100))
    with pytest.raises(InputError, match="outside the label range"):
        write_store(broken, path)
    for field, value, says in (
        ("raw_text", "half \ud83d", "not Unicode"),
        ("splits", None, "split 'a/b'"),
    ):
        column = samples.raw_text.copy()
        column[3] = value
        changed: Any = {"a/b": samples.splits["official"]} if field == "splits" else column
        with pytest.raises(InputError, match=says):
            write_store(dataclasses.replace(samples, **{field: changed}), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["toy.h5"]


def test_a_write_that_is_interrupted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, path = make_samples(), tmp_path / "toy.h5"
    write_store(samples, path)
    before = path.read_bytes()
    for error in (OSError("no space left"), KeyboardInterrupt()):

        def fail(*_: Any, error: BaseException = error, **__: Any) -> None:
            raise error

        monkeypatch.setattr(h5py.Group, "create_dataset", fail)
        with pytest.raises((InputError, KeyboardInterrupt)):
            write_store(samples, path)
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["toy.h5"]


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from benchmark.data.store import write_store
from protocols import InputError
from tests.samples import make_samples
samples = make_samples(400, words=False)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    write_store(samples, Path(sys.argv[1]))
except InputError as error:
    sys.stdout.write(str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
@pytest.mark.parametrize("limit", [2_000, 60_000])
def test_a_write_that_the_system_refuses_is_one_line_and_leaves_nothing(tmp_path: Path, limit: int) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "toy.h5"), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r".*toy\.h5: cannot be written \(File too large\); make room, or use another folder", done.stdout
    )
    assert not list(tmp_path.iterdir())


KILLED = """
import os, signal, sys
import h5py
from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from tests.samples import make_samples
plain = h5py.Group.create_dataset
def create(self, name, *args, **kwargs):
    if name == "values":
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(self, name, *args, **kwargs)
h5py.Group.create_dataset = create
write_store(make_samples(), store_path("toy"))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_files_of_a_killed_import_are_removed_by_the_next(own_home: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = (own_home / "data").iterdir()
    assert store_files() == []
    assert list_stores() == []
    assert left.is_file()
    write_store(make_samples(), store_path("toy"))
    assert list((own_home / "data").iterdir()) == [store_path("toy")]
