"""Imports of the verbs that train nothing, counted: seconds of a test machine say little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.runs.executors import InlineExecutor
from benchmark.study.running import run
from benchmark.study.study import make_study

FIELDS = {
    "name": "start",
    "datasets": ["synthetic:size=tiny,max_length=12"],
    "models": ["constant", {"name": "audio-only", "label": "narrow", "config": {"width": 8}}],
    "protocols": ["inter-drop"],
    "seeds": 1,
    "optimisation": {"epochs": 1},
}
#: Without torch: transformers and seaborn would bring it, or half of it.
HEAVY = ("torch", "transformers", "seaborn", "scipy.stats")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("start")
    assert not run(make_study(FIELDS), root, InlineExecutor()).failed
    return root


@pytest.mark.parametrize(("verb", "modules"), [("--help", 250), ("report", 1600), ("run STUDY", 2000)])
def test_nothing_that_only_training_needs_is_imported(folder: Path, verb: str, modules: int) -> None:
    verb = verb.replace("STUDY", str(folder / "studies" / "start" / "study.yaml"))
    code = (
        f"import sys\nfrom sentibench import main\nsys.argv[1:] = {verb.split()}\n"
        f"sys.argv += [] if '{verb}' == '--help' else ['--out', {str(folder)!r}]\n"
        "try:\n    main()\nfinally:\n"
        f"    print(sorted(set({HEAVY}) & set(sys.modules)), len(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy, _, count = ended.stderr.strip().splitlines()[-1].rpartition(" ")
    assert heavy == "[]"
    assert int(count) < modules


def test_a_worker_imports_no_compiler_no_statistics_and_no_importer(tmp_path: Path) -> None:
    names = ("scipy", "matplotlib", "benchmark.evaluation.panel", "benchmark.data.importers", "benchmark.study")
    code = f"import sys, benchmark.runs.execution as e; print([n for n in {names} if n in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
    code = (
        "import sys\nfrom pathlib import Path\nfrom benchmark.runs.job import Job\n"
        "from benchmark.study.plan import prepare\nfrom benchmark.study.study import make_study\n"
        f"for run in prepare(make_study({FIELDS})).runs:\n"
        f"    print(Job(run.spec, ('drop(rate=0.5)',), Path({str(tmp_path)!r})).execute(lambda _: None).status)\n"
        "print('torch' in sys.modules, sorted({'torch._dynamo', 'sympy', 'transformers'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split("\n")[:-1] == ["done"] * 3 + ["True []"]
