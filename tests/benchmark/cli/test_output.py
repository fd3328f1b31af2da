"""Output to a terminal, pipe or file of any encoding, and messages with texts of strangers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.cli.main import main
from benchmark.cli.output import ascii_text

ROOT = Path(__file__).resolve().parents[3]


def command(encoding: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "0"}
    own = [sys.executable, "-m", "sentibench", *arguments]
    return subprocess.run(own, capture_output=True, env=env, cwd=cwd, timeout=120, check=False)


def test_characters_become_similar_ascii() -> None:
    assert ascii_text("0.5 ± 0.1 → grüß … ✓ ⟨U+202E⟩ 10⁵ 好") == "0.5 +- 0.1 -> gruss ... ok <U+202E> 105 \\u597d"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_every_encoding_gets_the_table(tmp_path: Path, encoding: str) -> None:
    done = command(encoding, "protocols", "show", "intra-random", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode(encoding)
    assert "intra-random" in shown
    assert "missing rate" in shown


def test_an_error_in_a_foreign_script_is_one_ascii_line(tmp_path: Path) -> None:
    done = command("ascii", "run", "好\x1b[2J.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"\x1b" not in done.stderr
    assert "\\u597d<U+001B>[2J.yaml: no such study file" in done.stderr.decode("ascii")


@pytest.mark.parametrize(
    "text", ["\x1b[2J\x1b[31mgone", "x" * 100_000, "a\nb\nc", "nice\u202eecin"], ids=["escape", "long", "lines", "bidi"]
)
def test_what_a_plugin_says_cannot_command_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text(f"raise ValueError({text!r})")
    with pytest.raises(SystemExit, match="2"):
        main(["models", "list", "--plugin", str(plugin)])
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said[:-1].replace("⟨", "<").isprintable()
    assert len(said) < 1600
