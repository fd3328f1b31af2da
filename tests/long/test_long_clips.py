"""Clips of any length are read in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.clips import tone, write_clip

pytest.importorskip("av", reason="the extra 'features' is not installed")
ROOT = Path(__file__).resolve().parents[2]
_LONG = """
import resource, sys
from pathlib import Path
from benchmark.data.extraction.clip import Clip
from benchmark.data.extraction.motion import motion
from benchmark.data.extraction.prosody import prosody
prosody(Clip(Path(sys.argv[1]), 0, 5)); motion(Clip(Path(sys.argv[1]), 0, 5))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sizes = [f(Clip(Path(sys.argv[1])))[1].nbytes for f in (prosody, motion)]
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, sum(sizes) / 2**20)
"""


@pytest.mark.long
def test_three_hours_take_no_more_memory_than_their_features(tmp_path: Path) -> None:
    hours = 3 * 3600
    sound = np.tile(tone(10, 150, 8000), hours // 10)
    path = write_clip(tmp_path / "long.mp4", sound, rate=8000, times=list(map(float, range(hours))))
    found = subprocess.run(
        [sys.executable, "-c", _LONG, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    grown, features = map(float, found)
    assert 40 < features < 60
    assert grown < features + 100
