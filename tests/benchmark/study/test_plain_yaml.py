"""Study and settings files of strangers: refused in one line, without much work, when they are not what they seem."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.study.plain_yaml import read_yaml
from benchmark.study.settings_file import read_tuned
from benchmark.study.study import load_study
from protocols import InputError


def _aliases(levels: int, last: str) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join([*lines, last.format(f"*a{levels - 1}")])


def _merges(levels: int) -> str:
    lines = ["m0: &m0 {x: 1, y: 2}"]
    lines += [f"m{i}: &m{i} {{<<: [*m{i - 1}, *m{i - 1}]}}" for i in range(1, levels)]
    return "\n".join([*lines, f"models: [{{name: lnln, config: *m{levels - 1}}}]"])


BOMBS = {
    "datasets": _aliases(9, "datasets: {}"),
    "models": _aliases(9, "models: {}"),
    "config": _aliases(9, "models: [{{name: lnln, config: {{a: {}}}}}]"),
    "optimisation": _aliases(9, "optimisation: {{epochs: {}}}"),
    "seeds": _aliases(9, "seeds: {}"),
    "merges of 24 levels": _merges(24),
    "merges of 40 levels": _merges(40),
    "itself": "datasets: &a [*a]",
    "itself as a merge": "config: &a {<<: *a, x: 1}",
    "long text": f"a: &a {'x' * 5000}\nmodels: [" + ", ".join(["*a"] * 2000) + "]",
}

_CHILD = """
import resource, sys
from pathlib import Path
from benchmark.study.study import load_study
from protocols import InputError
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
limit = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + (128 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        load_study(path)
        print("read")
    except InputError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory")
def test_aliases_and_merges_cannot_take_the_memory_or_the_time(tmp_path: Path) -> None:
    for number, text in enumerate(BOMBS.values()):
        (tmp_path / f"{number}.yaml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    said = done.stdout.splitlines()
    assert len(said) == len(BOMBS)
    assert all("aliases repeat their parts far too often" in line for line in said), said


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=list(BOMBS))
def test_files_of_settings_are_read_alike(tmp_path: Path, bomb: str) -> None:
    path = tmp_path / "best.yaml"
    path.write_text(bomb)
    with pytest.raises(InputError, match=r"best\.yaml: not valid YAML: .* far too often"):
        read_tuned(path, "lnln")


def test_usual_aliases_and_merges_are_read(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    entries = "".join(f"  - {{name: lnln, label: l{i}, config: {{<<: *base, width: {i}}}}}\n" for i in range(40))
    path.write_text(f"base: &base {{epochs: 3, patience: 2, batch_size: 16, learning_rate: 0.001}}\nmodels:\n{entries}")
    found = read_yaml(path)
    assert found["models"][7]["config"] == {**found["base"], "width": 7}


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text("a: [" + "1, " * 500_000 + "1]")
    with pytest.raises(InputError, match="larger than 1 MB"):
        load_study(path)


def test_pipes_devices_and_folders_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path, kind in ((Path("/dev/zero"), "a pipe or a device"), (pipe, "a pipe or a device"), (tmp_path, "a folder")):
        with pytest.raises(InputError, match=f"{path}: is {kind}, expected a file"):
            load_study(path)
        with pytest.raises(InputError, match=f"{path}: is {kind}, expected a file"):
            read_tuned(path, "lnln")
