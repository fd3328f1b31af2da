"""Provenance of a run: the code that made it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch

from benchmark.runs.provenance import provenance

ROOT = Path(__file__).resolve().parents[3]


def test_a_run_of_a_checkout_names_its_commit() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("the tests are not in a git checkout")
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert provenance(torch.device("cpu"))["git_commit"] == head.stdout.strip()
