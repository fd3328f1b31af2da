"""Small pickles that stand for more than fits into the memory, or for work without end, are refused early."""

from __future__ import annotations

import json
import pickle
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.data.importers.pickles import read_pickle
from protocols import InputError

_START = b"\x80\x02"
_RANGE = b"cbuiltins\nrange\nJ" + struct.pack("<i", 10**7) + b"\x85R"
_LIST = b"cbuiltins\nlist\n" + _RANGE + b"\x85R"


def _doubled(levels: int, close: bytes = b"t") -> bytes:
    """A tuple of two times the tuple before; entry `levels` of the memo is the last."""
    return b")q\x00" + b"".join(
        b"(h" + bytes([i]) * 1 + b"h" + bytes([i]) + close + b"q" + bytes([i + 1]) for i in range(levels)
    )


def _large(content: bytes) -> bytes:
    return b"\x8e" + struct.pack("<Q", len(content)) + content


HOSTILE = {
    "lists of ranges": _START + b"](" + _LIST * 40 + b"e.",
    "sets of ranges": _START + b"](" + (b"cbuiltins\nset\n" + _RANGE + b"\x85R") * 40 + b"e.",
    "ranges in many places": _START + _RANGE + b"q\x000](" + b"h\x00" * 400 + b"e.",
    "text of lists": _START + b"](" + (b"cbuiltins\nstr\n" + _LIST + b"\x85R") * 60 + b"e.",
    "text of doubled lists": _START + _doubled(40, b"l") + b"cbuiltins\nstr\nh\x28\x85R.",
    "doubled tuples": _START + _doubled(60) + b".",
    "doubled lists": _START + _doubled(60, b"l") + b".",
    "key of a dict": _START + _doubled(60) + b"}h\x3cK\x01s.",
    "keys of a dict": _START + _doubled(60) + b"}(h\x3cK\x01h\x3bK\x01u.",
    "key of a dict of protocol 0": _START + _doubled(60) + b"(h\x3cK\x01d.",
    "value of a set": b"\x80\x04" + _doubled(60) + b"\x8f(h\x3c\x90.",
    "value of a frozen set": b"\x80\x04" + _doubled(60) + b"(h\x3c\x91.",
    "value of a set by name": _START + _doubled(60) + b"cbuiltins\nfrozenset\n]h\x3ca\x85R.",
    "keys of one hash": b"\x80\x02}("
    + b"".join(b"\x8a\x0a" + ((2**61 - 1) * 16 * i).to_bytes(10, "little") + b"N" for i in range(1, 30_000))
    + b"u.",
    "text encoded again and again": b"\x80\x04X"
    + struct.pack("<I", 70_000)
    + b"a" * 70_000
    + b"q\x000]("
    + b"c_codecs\nencode\nh\x00\x8c\x06latin1\x86R" * 4000
    + b"e.",
    "text in many places": b"\x80\x04" + _large(b"a" * 70_000) + b"q\x000](" + b"h\x00" * 20_000 + b"e.",
    "itself": _START + b"]q\x00h\x00a.",
}

_CHILD = """
import json, resource, sys, time
from pathlib import Path
from benchmark.data.importers.pickles import read_pickle
from protocols import InputError
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
limit = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + (256 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sorted(Path(sys.argv[1]).iterdir()):
    before = time.process_time()
    try:
        said = "read " + type(read_pickle(path)).__name__
    except InputError as error:
        said = str(error)
    print(json.dumps([path.stem, said, time.process_time() - before]), flush=True)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, float]]:
    """Answer and processor seconds by name, from a process that may take 256 MB and a minute for all."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, content in HOSTILE.items():
        (folder / f"{name}.pkl").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(folder)], capture_output=True, text=True, timeout=120, check=False
    )
    return {name: (said, seconds) for name, said, seconds in map(json.loads, done.stdout.splitlines())}


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory")
@pytest.mark.parametrize("name", HOSTILE)
def test_small_pickles_cannot_take_the_memory_or_the_time(answers: dict[str, tuple[str, float]], name: str) -> None:
    said, seconds = answers[name]
    assert "refused" in said
    assert "Error" not in said, "refused before the memory was full"
    assert "\n" not in said
    assert seconds < 2


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "content",
    [
        {"ids": ["a", "b"] * 500, "names": {i: str(i) for i in range(500)}},
        {("video", 1): {1, 2}, "x": frozenset({("a", 2)}), None: [True] * 5000, 2.5: [None] * 5000},
        [[[]] * 1000, ()] * 3,
        ["a sentence that several segments share"] * 1000,
        {"part": [np.arange(10.0), "x", (1, 2)] * 200, "words": np.array([["sp", "uh"]] * 500)},
    ],
    ids=["text", "keys", "empty", "shared", "arrays"],
)
def test_usual_content_is_within_the_budget(tmp_path: Path, content: Any, protocol: int) -> None:
    path = tmp_path / "usual.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    found = read_pickle(path)
    assert type(found) is type(content)
    assert len(found) == len(content)
    assert pickle.dumps(found, protocol=5) is not None


def test_a_key_that_is_no_text_or_number_is_named(tmp_path: Path) -> None:
    path = tmp_path / "key.pkl"
    path.write_bytes(pickle.dumps({1j: 1}))
    with pytest.raises(InputError, match=r"has a complex as key; refused: keys are text and plain numbers"):
        read_pickle(path)
