"""Memory of an import: less than 1.3 times the largest array of the source, for any source.

Counted is anonymous memory (`RssAnon` of /proc), beyond what the imported libraries take: pages of mapped files are
not, since the system takes them back whenever it needs them. The ordinary run makes files of a fraction of MOSEI's
shape; `SENTIBENCH_FULL_SIZE=1` makes some of the shape of its `unaligned_50.pkl`, 5 GB each, with holes where there is
padding.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from tests.mmsa import mmsa_content

STATUS = Path("/proc/self/status")
pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="counts memory by /proc")

STEPS, WIDTHS = 500, {"audio": 74, "vision": 35}
MOSEI = (16_326, 1_871, 4_659)
MOST = 1.3
CHILD = """
import sys
from pathlib import Path
from benchmark.data.catalog import import_data
from benchmark.data.store import verify_store
import tests.samples  # NumPy's generators and whatever else is loaded late
print("ready", flush=True)
sys.stdin.readline()
if sys.argv[1] == "import":
    report = import_data("large", Path(sys.argv[2]), force=True)
    print(report.source_bytes, report.store_bytes, flush=True)
else:
    print(int(verify_store(Path(sys.argv[2])).ok), 0, flush=True)
"""


@dataclass(frozen=True)
class Usage:
    """Anonymous memory beyond the start, and what the child said."""

    peak: int
    said: tuple[int, int]


def anonymous(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def measure(task: str, path: Path) -> Usage:
    command = [sys.executable, "-c", CHILD, task, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        start = peak = anonymous(child.pid)
        child.stdin.write("\n")
        child.stdin.flush()
        while child.poll() is None:
            try:
                peak = max(peak, anonymous(child.pid))
            except (OSError, StopIteration):  # it ended in between
                break
            time.sleep(0.002)
        first, second = child.stdout.readline().split()
        assert child.wait() == 0
    return Usage(peak - start, (int(first), int(second)))


def lengths(n: int, heavy_tailed: bool, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    if not heavy_tailed:
        return np.full(n, STEPS)
    return np.clip(rng.lognormal(np.log(120), 0.7, n).astype(np.int64), 1, STEPS)


def frames(n: int, width: int, valid: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Padded frames `(n, STEPS, width)`."""
    padded = np.zeros((n, STEPS, width), np.float32)
    for i in range(n):
        padded[i, : valid[i]] = sample(i, width, valid[i])
    return padded


def sample(i: int, width: int, count: int) -> npt.NDArray[np.float32]:
    """`(count, width)` valid frames of sample i."""
    steps = np.arange(count * width, dtype=np.float32).reshape(count, width)
    made: npt.NDArray[np.float32] = np.sin(steps + np.float32(i)) + np.float32(2)
    return made


@dataclass(frozen=True)
class Frames:
    """Frames that `frames` makes: number, width and valid ones."""

    n: int
    width: int
    valid: npt.NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        return self.n * STEPS * self.width * 4


class SparsePickler(pickle._Pickler):
    """Writes `Frames` as the arrays that they stand for, one sample at a time, with holes for the padding."""

    dispatch: ClassVar[dict[Any, Any]] = dict(pickle._Pickler.dispatch)

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, protocol=3)
        self.target = file

    def save_frames(self, held: Frames) -> None:
        self.save(np.zeros(1).__reduce_ex__(5)[0])  # type: ignore[attr-defined]
        self.write(pickle.MARK + pickle.BINBYTES + struct.pack("<I", held.nbytes))  # type: ignore[attr-defined]
        start, size = self.target.tell(), STEPS * held.width * 4
        for i in range(held.n):
            self.target.seek(start + i * size)
            self.target.write(sample(i, held.width, held.valid[i]).tobytes())
        self.target.seek(start + held.nbytes)
        for rest in (np.dtype("<f4"), (held.n, STEPS, held.width), "C"):
            self.save(rest)  # type: ignore[attr-defined]
        self.write(pickle.TUPLE + pickle.REDUCE)  # type: ignore[attr-defined]

    dispatch[Frames] = save_frames


def write_pickle(folder: Path, sizes: tuple[int, int, int], heavy_tailed: bool, protocol: int) -> tuple[Path, int]:
    """An unaligned MMSA file; also the bytes of its largest array. Under protocol 3 with holes."""
    content, rng = mmsa_content(sizes), np.random.default_rng(1)
    for part, n in zip(content, sizes, strict=True):
        for modality, width in WIDTHS.items():
            valid = lengths(n, heavy_tailed, rng)
            content[part] |= {f"{modality}_lengths": valid.tolist()}
            content[part][modality] = Frames(n, width, valid) if protocol == 3 else frames(n, width, valid)
    path = folder / "unaligned_50.pkl"
    with path.open("wb") as file:
        if protocol == 3:
            SparsePickler(file).dump(content)
        else:
            pickle.dump(content, file, protocol=protocol)
    return path, max(part[m].nbytes for part in content.values() for m in WIDTHS)


def write_npz(folder: Path, n: int) -> tuple[Path, int]:
    """A compressed archive of the documented layout; also the bytes of its largest array."""
    content: dict[str, npt.NDArray[Any]] = {
        "id": np.array([f"s{i}" for i in range(n)]),
        "label": np.linspace(-3, 3, n).astype(np.float32),
        "split.official": np.resize(["train", "valid", "test"], n),
    }
    for modality, width in (("text", 3), *WIDTHS.items()):
        values = frames(n, width, np.full(n, 20))
        content |= {f"{modality}.values": values, f"{modality}.observed": np.any(values, axis=2)}
    path = folder / "arrays.npz"
    np.savez_compressed(path, **content)  # type: ignore[arg-type]
    return path, max(a.nbytes for a in content.values())


def check(benchmark: Any, path: Path, largest: int, home: Path) -> Usage:
    used: Usage = benchmark.pedantic(measure, args=("import", path), rounds=1)
    assert used.peak < MOST * largest
    assert used.said[0] == path.stat().st_size
    assert [p.name for p in (home / "data").iterdir()] == ["large.h5"]
    source, store = used.said
    benchmark.extra_info |= {"source_bytes": source, "store_bytes": store, "peak_over_largest": used.peak / largest}
    return used


@pytest.mark.parametrize("heavy_tailed", [True, False], ids=["heavy-tailed", "all valid"])
def test_an_import_takes_less_memory_than_the_largest_array(
    benchmark: Any, tmp_path: Path, own_home: Path, heavy_tailed: bool
) -> None:
    path, largest = write_pickle(tmp_path, (800, 100, 200) if heavy_tailed else (400, 50, 100), heavy_tailed, 4)
    used = check(benchmark, path, largest, own_home)
    source, store = used.said
    assert source > (200e6 if heavy_tailed else 100e6)
    assert store < (0.4 if heavy_tailed else 1.01) * source
    if heavy_tailed:  # a store is mapped: looking at all of it takes a few blocks
        checked = measure("verify", own_home / "data" / "large.h5")
        assert checked.said[0] == 1
        assert checked.peak < 0.7 * store


def test_arrays_written_as_text_are_decoded_piece_by_piece(benchmark: Any, tmp_path: Path, own_home: Path) -> None:
    path, largest = write_pickle(tmp_path, (300, 2, 3), True, 2)
    check(benchmark, path, largest, own_home)


def test_an_archive_is_unpacked_piece_by_piece(benchmark: Any, tmp_path: Path, own_home: Path) -> None:
    path, largest = write_npz(tmp_path, 300)
    check(benchmark, path, largest, own_home)


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("SENTIBENCH_FULL_SIZE") != "1", reason="needs SENTIBENCH_FULL_SIZE=1, 15 GB of disk")
@pytest.mark.parametrize("heavy_tailed", [True, False], ids=["heavy-tailed", "all valid"])
def test_mosei_at_its_full_size(benchmark: Any, tmp_path: Path, own_home: Path, heavy_tailed: bool) -> None:
    path, largest = write_pickle(tmp_path, MOSEI, heavy_tailed, 3)
    assert path.stat().st_size > 4.9e9
    check(benchmark, path, largest, own_home)
