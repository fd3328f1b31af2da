"""Additions of users: a scaffolded model and the pages' protocol as plugin files, an installed distribution."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.authoring.scaffold import model_name, new_model, render_model
from benchmark.data.catalog import import_data
from protocols import InputError
from tests.benchmark.cli.test_cli import write_npz
from tests.forks import run_all

ROOT = Path(__file__).resolve().parents[3]
DISTRIBUTION = ROOT / "tests" / "example_distribution"
QUICK = ["--dataset", "toy", "--epochs", "1", "--seeds", "1", "--executor", "inline"]

#: Runs commands one after the other in one process: what they load stays out of the tests' own.
_SESSION = """
import contextlib, io, json, sys
from benchmark.cli.main import main
done = []
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
        except SystemExit as ended:
            code = ended.code
    done.append([code or 0, out.getvalue(), err.getvalue()])
print(json.dumps(done))
"""


class Ended(NamedTuple):
    """Result of a command."""

    code: int
    out: str
    err: str


def session(folder: Path, commands: Sequence[Sequence[str]], site: Path | None = None) -> list[Ended]:
    """Commands of a user who works in `folder`, with what is installed in `site`."""
    wanted = json.dumps([list(map(str, words)) for words in commands])
    (ended,) = run_all([["-c", with_site(_SESSION, site), wanted]], folder)
    assert ended.code == 0, ended.output
    return [Ended(*result) for result in json.loads(ended.output.splitlines()[-1])]


def with_site(code: str, site: Path | None) -> str:
    """Code that finds what is installed in `site`, too."""
    return f"import sys\nsys.path.append({str(site)!r})\n{code}" if site else code


@pytest.fixture
def toy(own_home: Path, tmp_path: Path) -> None:
    """A data set `toy` of word vectors, which needs no text encoder."""
    import_data("toy", write_npz(tmp_path / "toy.npz"))


def page_block(holding: str) -> str:
    text = (ROOT / "docs" / "add-a-protocol.md").read_text(encoding="utf-8")
    found = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    (block,) = [text for text in found if holding in text]
    return str(block)


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}([-_][a-z0-9]{1,8}){0,3}", fullmatch=True)  # 36 at most


@settings(deadline=None, max_examples=60)
@given(name=NAMES)
def test_every_allowed_name_gives_a_module_of_one_config_and_one_model(name: str) -> None:
    tree = ast.parse(render_model(name))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert len(classes) == 2
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert not imported & {cls.name for cls in classes}
    assert f'@register("{model_name(name)}", config={classes[0].name}' in render_model(name)
    assert "$" not in render_model(name)


@pytest.mark.parametrize("name", ["model", "none", "true", "f", "tensor", "sentiment-model", "batch", "choice"])
def test_a_name_that_the_file_needs_itself_makes_another_class(name: str) -> None:
    compile(render_model(name), "model.py", "exec")
    names = [node.name for node in ast.parse(render_model(name)).body if isinstance(node, ast.ClassDef)]
    assert names[1].endswith("Network")
    assert names[0] == f"{names[1]}Config"


@pytest.mark.parametrize(
    "name", ["", "My_Model", "1model", "my model", "my__model", "model-", "../up", "ünder", "a.py", "a" * 37]
)
def test_a_bad_name_is_one_clear_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="lower-case letters") as error:
        new_model(name)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("*"))


def test_a_file_is_never_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("years of work")
    with pytest.raises(InputError, match="--force"):
        new_model("my_model", path)
    assert path.read_text() == "years of work"
    assert new_model("my_model", path, force=True) == path
    assert path.read_text() == render_model("my_model")
    assert new_model("my-model", tmp_path) == tmp_path / "my_model.py"
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["mine.py", "my_model.py"]


@pytest.mark.parametrize(
    ("name", "out", "says"),
    [
        ("lnln", "mine.py", "already exists"),
        ("senti_ifusion", "mine.py", "already exists"),
        ("mine", "mine.txt", "ends in .py"),
        ("mine", "nowhere/mine.py", "does not exist"),
        ("mine", "numpy.py", "would hide"),
        ("mine", "json.py", "would hide"),
        ("mine", "class.py", "cannot be imported"),
    ],
)
def test_a_place_or_name_that_cannot_be_is_one_clear_line(name: str, out: str, says: str, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=says) as error:
        new_model(name, tmp_path / out)
    assert "\n" not in str(error.value)
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["my_model", "one_of-the-longest-names-there-may-be"[:36]])
def test_the_file_keeps_the_style_and_the_types_of_the_suite(name: str, tmp_path: Path) -> None:
    path = new_model(name, tmp_path)
    config = str(ROOT / "pyproject.toml")
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "--config", config, path.name]
        ended = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    mypy = [sys.executable, "-m", "mypy", "--config-file", config, str(path)]
    ended = subprocess.run(mypy, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode in (0, 1), ended.stdout + ended.stderr
    assert "checked 1 source file" in ended.stdout or "no issues found in 1 source file" in ended.stdout
    assert path.name not in ended.stdout  # faults of what it imports are not its own


@pytest.mark.slow
@pytest.mark.usefixtures("toy")
def test_ones_own_model_and_protocol_are_studied_as_plugins(tmp_path: Path) -> None:
    """The pages' way from nothing to a leaderboard, with its mechanism and protocol in a second file."""
    (tmp_path / "late_start.py").write_text(page_block("@register_mechanism("), encoding="utf-8")
    both = ["--plugin", "my_model.py", "--plugin", "late_start.py"]
    run = ["run", "--models", "my-model,text-only", "--protocols", "late-start", "--scenario", "late_start(rate=0.3)"]
    run = [*run, "--regime", "late-start", "--name", "own", *QUICK, *both, "--json"]
    made, listed, checked, ran, again = session(
        tmp_path,
        [
            ["models", "new", "my_model"],
            ["models", "list", "--plugin", "my_model.py", "--json"],
            ["models", "check", "my_model.py"],
            run,
            [*run, "--dry-run"],
        ],
    )
    assert made.code == 0, made.err
    check, first_run, report = (shlex.split(line) for line in made.out.splitlines()[1:])
    assert check == ["sentibench", "models", "check", "my_model.py"]
    assert first_run[:6] == ["sentibench", "run", "--plugin", "my_model.py", "--models", "my-model,text-only"]
    assert first_run[6:] == ["--dataset", "synthetic:size=tiny", "--name", "my-model"]
    assert report == ["sentibench", "report", "my-model"]
    assert "my-model" in {model["name"] for model in json.loads(listed.out)}
    assert checked.code == 0, checked.out + checked.err
    assert ran.code == 0, ran.out + ran.err
    assert [record["status"] for record in json.loads(ran.out)] == ["done", "done"]
    assert all("mae" not in cell for record in json.loads(ran.out) for cell in record["evaluations"])
    assert json.loads(again.out) == []
    study = yaml.safe_load((tmp_path / "results/runs/studies/own/study.yaml").read_text())
    assert study["plugins"] == [str((tmp_path / name).resolve()) for name in ("my_model.py", "late_start.py")]
    (history,) = (tmp_path / "results/runs").rglob("my-model-s0-*/history.csv")
    header = history.read_text().splitlines()[0]
    assert "task" in header
    assert "integrity" in header
    (reported,) = session(tmp_path, [["report", "own", "--format", "markdown"]])  # by a process that is told no plugin
    assert reported.code == 0, reported.err
    assert "my-model" in reported.out
    assert "late-start" in reported.out
    with (tmp_path / "my_model.py").open("a") as file:  # an edited file is another model, the others are still there
        file.write("# edited\n")
    (edited,) = session(tmp_path, [[*run, "--dry-run"]])
    assert [line["run"].split()[1] for line in json.loads(edited.out)] == ["my-model"]


@pytest.mark.usefixtures("toy")
def test_the_protocol_of_the_pages_is_listed_shown_and_exported(tmp_path: Path) -> None:
    (tmp_path / "late_start.py").write_text(page_block("@register_mechanism("), encoding="utf-8")
    plugin = ["--plugin", "late_start.py"]
    without, listed, shown, exported, nowhere = session(
        tmp_path,
        [
            ["protocols", "show", "late-start"],
            ["protocols", "list", *plugin, "--json"],
            ["protocols", "show", "late-start", *plugin, "--json"],
            ["protocols", "export", "late-start", "--dataset", "toy", "--out", "masks.npz", *plugin, "--json"],
            ["protocols", "show", "late-start", "--plugin", "nowhere.py"],
        ],
    )
    assert without.code == 2
    assert "unknown protocol 'late-start'" in without.err
    content = json.loads(listed.out)
    assert "late-start@1" in content["protocols"]
    assert "late_start" in content["mechanisms"]
    assert content["regimes"]["late-start"] == "late_start(rate=0.5)"
    integrity = [point["integrity"] for point in json.loads(shown.out)["scenarios"]]
    assert integrity[0] == {"text": 1, "audio": 1, "vision": 1}
    assert integrity[2]["text"] == 1
    assert integrity[2]["audio"] == pytest.approx(0.5, abs=0.02)  # half of every recording, to a frame
    assert integrity[1]["audio"] == pytest.approx(0.75, abs=0.03)  # of half of the samples
    assert len(json.loads(exported.out)) == 3
    assert nowhere.code == 2
    assert "no such file" in nowhere.err


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example distribution installed by pip, offline: built by the setuptools that is here."""
    for tool, oldest in (("pip", 0), ("setuptools", 71)):  # older ones build wheels only with another package
        found = [d.version for d in importlib.metadata.distributions(name=tool)]
        if not found or int(found[0].split(".")[0]) < oldest:
            pytest.skip(f"{tool} {oldest or ''} is not installed here: found {found}")
    folder = tmp_path_factory.mktemp("distribution")
    shutil.copytree(DISTRIBUTION, folder / "source")  # a build leaves folders behind
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    ended = subprocess.run(
        [*pip, "--disable-pip-version-check", "--target", str(folder / "site"), str(folder / "source")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return folder / "site"


@pytest.mark.slow
@pytest.mark.usefixtures("toy")
def test_an_installed_distribution_is_found_without_a_plugin(site: Path, tmp_path: Path) -> None:
    run = ["run", "--models", "example-recurrent", "--protocols", "camera-failure", "--regime", "camera-failure"]
    listed, protocols, checked, exported, ran = session(
        tmp_path,
        [
            ["models", "list", "--json"],
            ["protocols", "list", "--json"],
            ["models", "check", "example-recurrent"],
            ["protocols", "export", "camera-failure", "--dataset", "toy", "--out", "masks.npz", "--json"],
            [*run, *QUICK, "--json"],
        ],
        site,
    )
    assert "example-recurrent" in {model["name"] for model in json.loads(listed.out)}
    assert "camera-failure@1" in json.loads(protocols.out)["protocols"]
    assert "camera_fails" in json.loads(protocols.out)["mechanisms"]
    assert checked.code == 0, checked.out + checked.err
    assert len(json.loads(exported.out)) == 5
    assert ran.code == 0, ran.out + ran.err
    assert [record["status"] for record in json.loads(ran.out)] == ["done"]
    study = yaml.safe_load((tmp_path / "results/runs/studies/study/study.yaml").read_text())
    assert study["plugins"] == []


def test_masks_of_the_distribution_are_nested_in_the_rate(site: Path) -> None:
    code = """
import numpy as np
from protocols import Layout, parse
lengths = [5, 1, 40, 7] * 200
ids = [f"s{i}" for i in range(800)]
layout = Layout.of_lengths("toy", ids, text=lengths, audio=lengths, vision=lengths)
masks = [parse(f"camera_fails(rate={r})").masks(layout, "test", 0) for r in (0, 0.25, 0.5, 1)]
kept = [m.observed["vision"] for m in masks]
assert kept[0].all()
assert all((b <= a).all() and b.sum() < a.sum() for a, b in zip(kept, kept[1:]))
assert all(m.observed["text"].all() and m.observed["audio"].all() for m in masks)
# at a uniform moment u of L positions, ceil(u L) are kept: (L + 1) / 2 of L on average
expected = np.mean([(L + 1) / (2 * L) for L in lengths])
assert abs(masks[-1].integrity()[:, 2].mean() - expected) < 0.04
"""
    (ended,) = run_all([["-c", with_site(code, site)]], site)
    assert ended.code == 0, ended.output
