"""The data folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def data_home() -> Path:
    """Return `$SENTIBENCH_HOME/data`, or `data` in the platform's user data folder."""
    home = os.environ.get("SENTIBENCH_HOME")
    return Path(home if home else platformdirs.user_data_dir("sentibench")) / "data"
