"""Values of an import beyond its share of the memory: on disk meanwhile, and never left there."""

from __future__ import annotations

import errno
import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.data.catalog import import_data
from benchmark.data.importers import blocks, scratch
from protocols import InputError
from tests.benchmark.data.imported import import_pickle
from tests.mmsa import mmsa_content


def test_values_beyond_the_memory_share_go_to_disk_and_come_back(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = mmsa_content()
    expected = import_pickle(tmp_path, content)
    monkeypatch.setattr(scratch, "MEMORY_BYTES", 100)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 700)
    found = import_pickle(tmp_path, content)
    assert isinstance(found.streams["vision"].values, np.memmap)
    assert not found.streams["vision"].values.flags.writeable
    assert found.fingerprint() == expected.fingerprint()
    assert list((own_home / "data").iterdir()) == []  # the file has no name


def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(scratch, "MEMORY_BYTES", 100)
    monkeypatch.setattr("benchmark.data.importers.scratch.tempfile.TemporaryFile", lambda **_: Full())
    path = tmp_path / "features.pkl"
    path.write_bytes(pickle.dumps(mmsa_content()))
    with pytest.raises(InputError, match=r"cannot be written there .No space left on device.; make room"):
        import_data("toy", path)
    assert list((own_home / "data").iterdir()) == []
