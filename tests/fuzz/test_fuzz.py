"""Whatever an input holds, it ends in a correct import or in one clear line (ten thousand: `python -m tests.fuzz`)."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from protocols import InputError
from tests.fuzz import judge as judging
from tests.fuzz.cases import KINDS, Case, make_case, valid_case
from tests.fuzz.run import Result, run, summary

_COUNT = 400


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return list(run(seed=0, count=_COUNT))


def test_no_mutated_input_escapes(results: list[Result]) -> None:
    escapes = [r for r in results if r.outcome.startswith("escape")]
    assert not escapes, summary(results)
    assert [r.number for r in results] == list(range(_COUNT))


def test_damage_is_neither_hopeless_nor_harmless(results: list[Result]) -> None:
    """A fuzzer whose cases are all refused tests the first check only."""
    for kind in KINDS:
        outcomes = {r.outcome for r in results if r.kind == kind}
        if not outcomes & {"imported", "changed"}:  # rare for some: one in ten pickles, one in fifty scenarios
            outcomes |= {r.outcome for r in run(seed=1, count=150, kinds=(kind,))}
        assert "refused" in outcomes, kind
        assert outcomes & {"imported", "changed"}, kind


def test_cases_come_from_seed_and_number_alone(tmp_path: Path) -> None:
    for number in range(2 * len(KINDS)):
        assert make_case(3, number, tmp_path / "c") == make_case(3, number, tmp_path / "c")


_SCRIPT = """
import sys, json
from pathlib import Path
from tests.fuzz.judge import Judge, timed
from tests.fuzz import test_fuzz
judge = Judge(Path(sys.argv[1]))
print(json.dumps({name: timed(judge, case)[0] for name, case in test_fuzz.probes(judge, sys.argv[2]).items()}))
"""


def probes(judge: judging.Judge, which: str) -> dict[str, Case]:
    """Cases whose outcome is known, for the test of the judge itself."""
    if which == "valid":
        return {kind: valid_case(kind) for kind in KINDS}
    bad = {"f.pkl": pickle.dumps(3)}

    def act(what: str) -> Case:
        return Case("pickle", 0, what, bad)

    doings: dict[str, Callable[[], object]] = {
        "traceback": lambda: int("x"),
        "lines": lambda: _refuse("f.pkl: one\ntwo"),
        "nameless": lambda: _refuse("something is wrong"),
        "code": lambda: os.system("true"),
        "canary": lambda: judge.canary.write_text("x"),
        "beside": lambda: (judge.folder / "source" / "x").write_text("x"),
        "half": lambda: _half_written(judge.folder / "home"),
        "outside": lambda: (judge.folder.parent / "outside").write_text("x"),
        "memory": lambda: len(b"x" * (3 << 29)),
        "fine": lambda: _refuse("f.pkl: expected a dict"),
    }

    def read(case: Case) -> str:
        doings[case.how]()
        raise InputError("f.pkl: refused")

    judge._read = read  # type: ignore[method-assign]
    return {name: act(name) for name in doings}


def _half_written(home: Path) -> None:
    home.mkdir()
    (home / ".half").write_text("x")


def _refuse(message: str) -> None:
    raise InputError(message)


def _probe(tmp_path: Path, which: str) -> dict[str, str]:
    folder = tmp_path / "judge"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(folder), which],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_inputs_without_damage_are_imported(tmp_path: Path) -> None:
    assert _probe(tmp_path, "valid") == dict.fromkeys(KINDS, "imported")


@pytest.mark.skipif(sys.platform == "win32", reason="has no peak of memory")
def test_the_judge_sees_what_may_not_happen(tmp_path: Path) -> None:
    found = _probe(tmp_path, "bad")
    assert found.pop("fine") == "refused"
    says = {
        "traceback": "ValueError",
        "lines": "not one line",
        "nameless": "names no file",
        "code": "os.system",
        "canary": "ran code",
        "beside": "beside the source",
        "half": "in the data folder",
        "outside": "wrote",
        "memory": "MiB of memory",
    }
    assert found.keys() == says.keys()
    for name, outcome in found.items():
        assert outcome.startswith("escape: "), name
        assert says[name] in outcome, name
