"""Clips of any length are read in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.clips import tone, write_clip
from tests.long.counts import count

pytest.importorskip("av", reason="the extra 'features' is not installed")
ROOT = Path(__file__).resolve().parents[2]
_EXTRACT = """
import sys, time
from pathlib import Path
from benchmark.data.extraction.extract import extract
from benchmark.data.extraction.features import Choice
from benchmark.data.extraction.table import read_table
from benchmark.training.memory import peak_resident_mb
(outcome,) = extract(read_table(Path(sys.argv[1])), Path(sys.argv[2]), Choice("prosody", "motion", "none"))
assert not outcome.error, outcome.error
print(peak_resident_mb(), time.process_time())
"""


def extract(folder: Path, row: str) -> tuple[float, float]:
    """Extract one clip in a process of its own; returns its peak of resident memory in MiB, and its seconds."""
    (folder / "clips.csv").write_text(f"id,file,end\n{row}\n")
    command = [sys.executable, "-c", _EXTRACT, str(folder / "clips.csv"), str(folder / "out.npz")]
    peak, seconds = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return float(peak), float(seconds)


@pytest.mark.long
def test_three_hours_take_no_more_memory_than_their_features(tmp_path: Path) -> None:
    hours = 3 * 3600
    sound = np.tile(tone(10, 150, 8000), hours // 10)
    # flac is written in seconds
    write_clip(tmp_path / "long.mkv", sound, rate=8000, times=list(map(float, range(hours))), codec="flac")
    before, _ = extract(tmp_path, "a,long.mkv,5")
    peak, seconds = extract(tmp_path, "a,long.mkv,")
    with np.load(tmp_path / "out.npz") as arrays:
        features = sum(arrays[f"{m}.values"].nbytes for m in ("audio", "vision")) / 2**20
        assert arrays["audio.observed"].all()
        assert arrays["vision.observed"][0, :-5].all()  # the last picture is shown for a tenth of a second
        np.testing.assert_allclose(arrays["audio.values"][0, 100:-100:1000, 42], 150, rtol=0.01)
    count("seconds of processor time for a clip of 3 hours", round(seconds))
    count("MiB at most while it was read", round(peak))
    count("MiB of them more than for 5 seconds of it", round(peak - before))
    assert 40 < features < 60
    assert peak - before < 2 * features + 50
    assert seconds < 300
