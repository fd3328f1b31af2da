"""A study of data as large as CMU-MOSEI needs less than 2 GB of memory beside the text encoder.

Every sample has all its 500 positions of audio and vision, 5 GB of values. The ordinary run takes a sixteenth of the
samples and must stay below what their values alone would take. `SENTIBENCH_FULL_SIZE=1` takes all samples, 6 GB of disk
and some minutes; an encoder of MiniLM's width and one layer stands in for MiniLM, whose time is not what is measured.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest

from benchmark.data.samples import ModalityStream, Provenance, Samples
from benchmark.data.store import write_store
from tests.samples import save_tiny_encoder

FULL = os.environ.get("SENTIBENCH_FULL_SIZE") == "1"
SHARE = 1 if FULL else 16
SAMPLES = 22_856 // SHARE  # of the MMSA file of CMU-MOSEI: 16,326 + 1,871 + 4,659
WIDTHS = {"audio": 74, "vision": 35}
POSITIONS = 500
LIMIT_MB = 2048 if FULL else 200

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads a process's memory from /proc")


def mosei_shaped(folder: Path) -> Samples:
    """Samples of MOSEI's shape, their values in mapped files that are written block by block."""
    rng = np.random.Generator(np.random.Philox(key=[0, 0]))
    tokens = np.clip(rng.lognormal(3.0, 0.5, SAMPLES), 3, 48).astype(np.int64)  # 23 on average
    offsets = np.concatenate([[0], np.cumsum(tokens)])
    ids = rng.integers(1996, 29_000, offsets[-1])
    streams = {"text": ModalityStream(offsets, np.ones(len(ids), dtype=np.bool_), token_ids=ids)}
    offsets = np.arange(SAMPLES + 1) * POSITIONS
    for modality, width in WIDTHS.items():
        block = rng.standard_normal((50 * POSITIONS, width), dtype=np.float32)
        path = folder / f"{modality}.raw"
        with path.open("wb") as file:
            for first in range(0, SAMPLES, 50):
                file.write((block * np.float32(1 + first / SAMPLES))[: (SAMPLES - first) * POSITIONS].data)
        values = np.memmap(path, np.float32, "r", shape=(SAMPLES * POSITIONS, width))
        streams[modality] = ModalityStream(offsets, np.ones(len(values), dtype=np.bool_), values)
    label = np.clip(rng.normal(0, 1.2, SAMPLES), -3, 3).astype(np.float32)
    place = np.arange(SAMPLES) / SAMPLES
    codes = (1 + (place >= 0.714) + (place >= 0.796)).astype(np.uint8)
    names = np.array([f"video{i // 7}_{i % 7}" for i in range(SAMPLES)], dtype=object)
    videos = np.array([f"video{i // 7}" for i in range(SAMPLES)], dtype=object)
    words = np.array(["some twenty words of a person who reviews a film"] * SAMPLES, dtype=object)
    provenance = Provenance("made for tests", "", "test")
    return Samples("large", names, videos, words, label, streams, {"official": codes}, provenance)  # type: ignore[arg-type]


def save_encoder(folder: Path) -> Path:
    """A small encoder; one whose states are as wide as MiniLM's where the full size is measured."""
    if not FULL:
        return save_tiny_encoder(folder)
    from transformers import BertConfig, BertModel

    config = BertConfig(hidden_size=384, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64)
    BertModel(config).save_pretrained(folder)
    return folder


def peak_mb(command: list[str], environment: dict[str, str], log: Path) -> dict[int, float]:
    """Run a command to its end; by process of its family the most memory of its own that it was seen to hold, in MB.

    Pages of mapped files do not count: the system takes them back when it needs room.
    """
    peaks: dict[int, float] = {}
    with log.open("w") as file:
        process = psutil.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
        family, looks = [process.pid], 0
        while process.poll() is None:
            if looks % 20 == 0:  # looking for new processes takes long, looking at those known does not
                with contextlib.suppress(psutil.NoSuchProcess):
                    family = [process.pid, *(child.pid for child in process.children(recursive=True))]
            for member in family:
                peaks[member] = max(peaks.get(member, 0.0), own_mb(member))
            time.sleep(0.02)
            looks += 1
    assert process.wait() == 0, log.read_text()
    return peaks


def own_mb(process: int) -> float:
    """Resident memory of a process that no file backs, in MB; 0 when it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    return sum(int(size) for size in re.findall(r"^Rss(?:Anon|Shmem):\s+(\d+) kB", status, re.MULTILINE)) / 1024


BASELINE = """
import sys, torch
import benchmark.runs.execution
from benchmark.data.config import EncoderConfig
from benchmark.data.encoding import TextEncoder
torch.set_num_threads(1)
encoder = TextEncoder(EncoderConfig(name=sys.argv[1]))
encoder(torch.full((32, 50), 2000), torch.full((32,), 50))
"""


@pytest.mark.slow
def test_a_study_of_mosei_fits_in_two_gigabytes(tmp_path: Path, own_home: Path) -> None:
    encoder = save_encoder(tmp_path / "encoder")
    samples = mosei_shaped(tmp_path)
    assert sum(s.values.nbytes for s in samples.streams.values() if s.values is not None) > LIMIT_MB * 2**20
    store = own_home / "data" / "large.h5"
    write_store(samples, store)
    for modality in WIDTHS:
        (tmp_path / f"{modality}.raw").unlink()
    environment = {**os.environ, "SENTIBENCH_HOME": str(own_home), "OMP_NUM_THREADS": "1"}
    alone = peak_mb([sys.executable, "-c", BASELINE, str(encoder)], environment, tmp_path / "baseline.txt")
    baseline = max(alone.values())
    study = [sys.executable, "-m", "benchmark.cli.main", "run", "--dataset", "large", "--models", "text-only"]
    study += ["--scenario", "drop(rate=0.5) + random_positions(rate=0.3)", "--scenario", "complete", "--seeds", "0,"]
    study += ["--epochs", "1", "--workers", "1", "--encoder", str(encoder), "--out", str(tmp_path / "runs")]
    try:
        started = time.perf_counter()
        peaks = peak_mb(study, environment, tmp_path / "study.txt")
        seconds = time.perf_counter() - started
    finally:
        store.unlink()  # folders of tests are kept for a while; this one should not be
    worker, *others = sorted(peaks.values(), reverse=True)
    beyond = worker - baseline + sum(max(0.0, other - baseline) for other in others)
    detail = f"{beyond:.0f} MB beyond {baseline:.0f}, processes {peaks}, {seconds:.0f} s"
    assert (tmp_path / "runs" / "studies").is_dir(), (tmp_path / "study.txt").read_text()
    assert beyond < LIMIT_MB, detail
    if FULL:
        sys.stderr.write(detail + "\n")
