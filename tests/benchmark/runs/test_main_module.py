"""Studies of scripts without a main guard, of standard input, and of models that only the main module has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
EXECUTE = """
import tests.benchmark.runs.test_executors as t
print(t.run(t.LocalExecutor(1), t.Stub(t.stub_tasks.succeed)))
"""
#: A study with a model of the main module; its worker processes would need it.
STUDY = """
import sentibench as sb
from baselines import ModelConfig, ModelInfo
from baselines.constant import Constant
from tests.samples import make_samples

@sb.register("mine", config=ModelConfig, info=ModelInfo("mine", "this test", 2026))
class Mine(Constant):
    pass

def main():
    fields = {"datasets": [make_samples(words=False)], "models": ["mine"], "protocols": ["complete"], "seeds": 1}
    made = sb.run(fields, out="runs", workers=1)
    print("records", [record.error or record.status for record in made.records])
"""


def python(folder: Path, *arguments: str, stdin: str = "") -> str:
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=ENVIRONMENT, input=stdin, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stdout


@pytest.mark.parametrize("form", ["file", "command", "standard input"])
def test_a_script_without_a_guard_runs_once_and_its_workers_work(tmp_path: Path, form: str) -> None:
    (tmp_path / "script.py").write_text(EXECUTE)
    arguments = {"file": ["script.py"], "command": ["-c", EXECUTE], "standard input": ["-"]}[form]
    assert python(tmp_path, *arguments, stdin=EXECUTE) == "[('accepted', 'done')]\n"


@pytest.mark.parametrize("call", ["main()", "if __name__ == '__main__':\n    main()"], ids=["no guard", "guard"])
def test_a_model_of_the_script_itself_is_trained(tmp_path: Path, call: str) -> None:
    (tmp_path / "script.py").write_text(STUDY + call)
    assert python(tmp_path, "script.py") == "records ['done']\n"


def test_a_model_of_an_imported_file_is_asked_for_as_a_plugin(tmp_path: Path) -> None:
    model, study = STUDY.split("def main():")
    (tmp_path / "my_models.py").write_text(model)
    ask = "\ntry:\n    main()\nexcept ValueError as error:\n    print(error)"
    script = "import sentibench as sb\nfrom tests.samples import make_samples\nIMPORT\ndef main():" + study
    (tmp_path / "script.py").write_text(script.replace("IMPORT", "import my_models") + ask)
    said = python(tmp_path, "script.py")
    assert said.startswith(f"model 'mine' is registered by {tmp_path / 'my_models.py'}, which worker processes do not")
    assert f"name it as a plugin, in Python as 'plugins': ['{tmp_path / 'my_models.py'}']" in said
    plugin = script.replace("IMPORT", "").replace('"seeds": 1', '"seeds": 1, "plugins": ["my_models.py"]')
    (tmp_path / "script.py").write_text(plugin + ask)
    assert python(tmp_path, "script.py") == "records ['done']\n"
