"""Folder of real data: `$SENTIBENCH_TEST_DATA`, then `../shared/data` beside the checkout."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def real_file() -> Callable[[str], Path]:
    """A function from a file name to its path; skips, and says so, when the file is not there."""

    def find(name: str) -> Path:
        given = os.environ.get("SENTIBENCH_TEST_DATA")
        folders = [Path(given)] if given else []
        folders.append(ROOT.parent / "shared" / "data")
        for folder in folders:
            if (folder / name).is_file():
                return folder / name
        pytest.skip(f"real data: no {name} in {' or '.join(map(str, folders))}; set SENTIBENCH_TEST_DATA")

    return find
