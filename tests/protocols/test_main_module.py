"""Classes that a script, a notebook or an interactive session defines are known by what they are made of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
SCRIPT = """
from dataclasses import dataclass
from protocols import Mechanism, plugin_sha256, register_mechanism

FACTOR = 2

def helper(share):
    return FACTOR * share

class Base:
    def half(self):
        return helper(0.5)

@register_mechanism("mine")
@dataclass(frozen=True)
class Mine(Base, Mechanism):
    rate: float

    def erase(self, layout, present, stream, once=1):
        return {} if self.half() in {"a", "b", "c"} else None

print(plugin_sha256(Mine))
"""
#: Edits of the class, its base, a function and a number that it uses, and a default.
EDITS = {
    "return {}": "return []",
    "0.5": "0.6",
    "FACTOR * share": "share / FACTOR",
    "FACTOR = 2": "FACTOR = 3",
    "once=1": "once=2",
}
#: Ways to define the class: in a file, on standard input, as an argument, in text that a file executes.
FORMS = {"file": ["script.py"], "standard input": ["-"], "command": ["-c"], "executed": ["cells.py"]}


def known_by(folder: Path, form: str, text: str) -> str:
    (folder / "script.py").write_text(text)
    (folder / "cells.py").write_text("exec(compile(open('script.py').read(), '<cell 1>', 'exec'))")
    arguments = [*FORMS[form], text] if form == "command" else FORMS[form]
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=ENVIRONMENT, input=text, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    return ended.stdout.strip()


@pytest.mark.parametrize("form", FORMS)
def test_every_edit_makes_another_class(tmp_path: Path, form: str) -> None:
    first = known_by(tmp_path, form, SCRIPT)
    assert len(first) == 64
    assert known_by(tmp_path, form, SCRIPT) == first
    edited = [known_by(tmp_path, form, SCRIPT.replace(old, new)) for old, new in EDITS.items()]
    assert len({first, *edited}) == 1 + len(EDITS)


def test_a_module_beside_the_script_is_part_of_it(tmp_path: Path) -> None:
    found = []
    for text in ("FACTOR = 2", "FACTOR = 3"):
        (tmp_path / "mine_too.py").write_text(text)
        found.append(known_by(tmp_path, "file", SCRIPT.replace("FACTOR = 2", "from mine_too import FACTOR")))
    assert found[0] != found[1]


def test_worker_processes_that_import_the_script_know_it_by_the_same(tmp_path: Path) -> None:
    text = (
        SCRIPT.replace("print(plugin_sha256(Mine))", "")
        + """
def ask(_):
    return plugin_sha256(Mine)

if __name__ == "__main__":
    import multiprocessing
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(ask, [0]) == [plugin_sha256(Mine)])
"""
    )
    assert known_by(tmp_path, "file", text) == "True"
