"""The tutorial as it stands: its commands, and numbers made again that lie within the published intervals."""

from __future__ import annotations

import shlex
from pathlib import Path

import pandas as pd
import pytest

from tests.forks import run_all
from tests.long.counts import count
from tests.test_readme import commands

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]


def test_the_tutorial_gives_the_published_numbers(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    for name in ("measured", "studies"):
        (tmp_path / "results" / name).symlink_to(ROOT / "results" / name)
    given = [["-m", "benchmark.cli.main", *shlex.split(line)[1:]] for line in commands("docs/tutorial.md")]
    for (code, output), arguments in zip(run_all(given, tmp_path), given, strict=True):
        assert code == 0, (arguments, output)
        count("commands of the tutorial")
    made = pd.read_csv(tmp_path / "results" / "runs" / "studies" / "again" / "leaderboard.csv")
    published = pd.read_csv(ROOT / "results" / "measured" / "synthetic" / "leaderboard.csv")
    both = made.merge(published, on=["protocol", "model"], suffixes=("", "_published"))
    assert set(both["model"]) >= {"audio-only", "late-fusion-dropout", "senti-ifusion"}
    assert (both["mae"].between(both["mae_low_published"], both["mae_high_published"])).all()
