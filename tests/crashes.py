"""Cases of commands that are killed at a change of the file system, and what must hold afterwards.

After the kill nothing visible is half-written; the same command then succeeds, gives what it would have given without
the kill, and leaves nothing more behind.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import wave
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark.runs.record import faults
from tests.clips import RATE, tone
from tests.killing import KILLED, Commands
from tests.npz import npz_content

STUDY = ("run", "--name", "s", "--dataset", "toy", "--models", "constant,audio-only", "--seeds", "1", "--epochs", "2",
         "--scenario", "complete", "--executor", "inline", "--checkpoint-seconds", "0", "--out", "runs")  # fmt: skip
_ADDED = ("--scenario", "drop(rate=0.5)")


@dataclass(frozen=True)
class Case:
    """A command that is killed.

    Attributes:
        name: Name of the case.
        command: Arguments of `sentibench`.
        before: Commands that are run before it.
        needs: Module without which the case is skipped.
    """

    name: str
    command: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = (STUDY,)
    needs: str = ""


#: Files that grow while a command runs.
GROWING = {"journal.jsonl", "trials.csv", "best.yaml"}
#: Folder of the features of clips that were read before the kill; each file is whole.
CLIPS = "features.npz.clips"

IMPORT = ("data", "import", "toy", "toy.npz", "--force")
EXTRACT = ("data", "extract", "clips.csv", "--out", "features.npz", "--text", "none", "--workers", "1")
SAID = ("data", "import", "said", "said.csv")
PROMPTS = ("protocols", "export", "drop(rate=0.5)", "--dataset", "said", "--as", "prompts", "--out", "said.jsonl")
MASKS = ("protocols", "export", "drop(rate=0.5)", "--dataset", "toy")
REPORT = ("report", "s", "--out", "runs", "--draws", "20")
CASES = (
    Case("import", IMPORT, ()),
    Case("import again", IMPORT, (IMPORT,)),
    Case("run", STUDY, (IMPORT,)),
    Case("added cells", (*STUDY, *_ADDED), (IMPORT, STUDY)),
    Case("optimism", (*STUDY, "--optimism"), (IMPORT, STUDY)),
    Case("report", REPORT, (IMPORT, STUDY)),
    Case("report again", REPORT, (IMPORT, STUDY, REPORT)),
    Case("publish", (*REPORT, "--publish", "published"), (IMPORT, STUDY)),
    Case("publish again", (*REPORT, "--publish", "published"), (IMPORT, STUDY, (*REPORT, "--publish", "published"))),
    Case("site", ("site", "s", "page.html", "--out", "runs"), (IMPORT, STUDY)),
    Case("export", ("export", "s", "--out", "runs", "--to", "hf-card", "--into", "cards", "--draws", "20"),
         (IMPORT, STUDY)),
    Case("predict", ("predict", "s:audio-only", "toy.npz", "--output", "new.csv", "--out", "runs"), (IMPORT, STUDY)),
    Case("masks", (*MASKS, "--out", "masks.npz"), (IMPORT,)),
    Case("masks again", (*MASKS, "--out", "masks.npz"), (IMPORT, (*MASKS, "--out", "masks.npz"))),
    Case("prompts", PROMPTS, (SAID,)),
    Case("prompts again", PROMPTS, (SAID, PROMPTS)),
    Case("extract", EXTRACT, (), "av"),
    Case("extract again", EXTRACT, (EXTRACT,), "av"),
    Case("plot", ("plot", "s", "--out", "runs", "--kind", "confusion", "--format", "svg"), (IMPORT, STUDY)),
    Case("remove", ("runs", "remove", "--study", "s", "--yes", "--out", "runs"), (IMPORT, STUDY)),
    Case("model", ("models", "new", "mine", "--force"), ()),
    Case("merge", ("merge", "runs", "others", "--into", "all"), (IMPORT, STUDY, (*STUDY, *_ADDED, "--out", "others"))),
    Case("tune", ("tune", "audio-only", "--dataset", "toy", "--budget", "2", "--epochs", "2", "--seeds", "1",
                  "--executor", "inline", "--checkpoint-seconds", "0", "--out", "tuning"), (IMPORT,)),
)  # fmt: skip


class Trial:
    """One case, prepared once.

    Attributes:
        changes: The changes of the file system that the command makes when nothing disturbs it.
    """

    def __init__(self, case: Case, commands: Commands, start: Path, scratch: Path) -> None:
        if case.needs:
            pytest.importorskip(case.needs, reason=f"{case.needs} is not installed")
        self._case, self._commands, self._start, self._scratch = case, commands, start, scratch
        self._before = contents(start)
        undisturbed = self._copy("undisturbed")
        ended = commands.run(case.command, undisturbed)
        assert ended.code == 0, ended.output
        self.changes = ended.changes
        self._expected = contents(undisturbed)
        assert not hidden(self._expected), hidden(self._expected)

    def kill(self, at: int) -> None:
        """Kill the command at a change, look at what is there, and run it again."""
        folder = self._copy(f"kill-{at}")
        ended = self._commands.run(self._case.command, folder, at)
        assert ended.code == KILLED, f"{ended.code}: {ended.output}"
        where = f"{self._case.name}, killed at change {at} ({self.changes[at - 1]})"
        for name, content in contents(folder).items():
            if name.startswith(f"{CLIPS}/") and not hidden([name]):
                assert np.load(folder / name).files, f"{where}: {name} is damaged"
            elif not hidden([name]) and Path(name).name not in GROWING:
                tail = name.partition("/")[2]  # merge goes by way of what it copies
                copied = [c for n, c in self._before.items() if tail and n.partition("/")[2] == tail]
                whole = [self._before.get(name), self._expected.get(name), *copied]
                assert content in whole, f"{where}: {name} is neither the old nor the new one"
        again = self._commands.run(self._case.command, folder)
        assert again.code == 0, f"{where}: {again.output}"
        found = contents(folder)
        assert found.keys() == self._expected.keys(), f"{where}: {sorted(found.keys() ^ self._expected.keys())}"
        differ = [name for name in found if found[name] != self._expected[name]]
        assert not differ, f"{where}: {differ}"
        damaged = [line for record in folder.rglob("*-s*/run.json") for line in faults(record.parent)]
        assert not damaged, f"{where}: {damaged}"
        shutil.rmtree(folder)

    def _copy(self, name: str) -> Path:
        self._scratch.mkdir(exist_ok=True)
        return Path(shutil.copytree(self._start, self._scratch / name))


def with_toy(folder: Path) -> None:
    """Make a folder with data to import: `toy.npz` of 60 samples, `said.csv` of 9, and `clips.csv` of three clips."""
    folder.mkdir()
    np.savez(folder / "toy.npz", **npz_content(60))
    said = [f"s{i},word {i},{i % 5 - 2},{('train', 'valid', 'test')[i % 3]}" for i in range(9)]
    (folder / "said.csv").write_text("\n".join(["id,text,label,split", *said]))
    (folder / "clips.csv").write_text("\n".join(["id,file", *(f"c{i},c{i}.wav" for i in range(3))]))
    for i in range(3):
        with wave.open(str(folder / f"c{i}.wav"), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes((tone(0.5, 150.0 + 40 * i) * 32767).astype("<i2").tobytes())


@contextmanager
def trials(scratch: Path) -> Iterator[Callable[[Case], Trial]]:
    """Context with a function that prepares a case; cases share the commands that are run before them."""
    commands = Commands({})
    starts: dict[tuple[tuple[str, ...], ...], Path] = {}

    def start(before: tuple[tuple[str, ...], ...]) -> Path:
        if before not in starts:
            folder = starts[before] = scratch / f"start-{len(starts)}"
            if not before:
                with_toy(folder)
            else:
                shutil.copytree(start(before[:-1]), folder)
                ended = commands.run(before[-1], folder)
                assert ended.code == 0, ended.output
        return starts[before]

    try:
        yield lambda case: Trial(case, commands, start(case.before), scratch / case.name)
    finally:
        commands.close()


def contents(root: Path) -> dict[str, Any]:
    """Files by name with their content, without what differs between equal runs, such as times; and folders."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.name != ".lock":
            found[str(path.relative_to(root))] = None if path.is_dir() else _content(path)
    return found


def hidden(names: Iterable[str]) -> list[str]:
    """Names with a hidden part."""
    return [name for name in names if any(part.startswith(".") for part in Path(name).parts)]


_MEASURED = {"seconds", "inference_ms", "inference_ms_median", "inference_ms_p95", "peak_memory_mb", "provenance"}
#: Checksums of files with times; those of runs are compared with the files themselves.
_CHECKSUMS = {"files"}
#: Columns of times and memory.
_COLUMNS = re.compile(r"seconds.*|train_seconds|inference_ms.*|peak_memory_mb")


def _content(path: Path) -> Any:
    content = path.read_bytes()
    try:
        if path.name == "written.json":
            return sorted(json.loads(content))
        if path.name == "run.json":
            return {k: v for k, v in json.loads(content).items() if k not in _MEASURED | _CHECKSUMS}
        if path.suffix == ".csv":
            table = pd.read_csv(io.BytesIO(content))
            return table.drop(columns=[c for c in table if _COLUMNS.fullmatch(c)]).to_csv()
        if path.stem.startswith(("leaderboard", "cost")):
            return content[-1:]  # a whole table, with times; its numbers are those of the CSV
        if path.suffix == ".jsonl":
            return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in content.splitlines()]
    except ValueError:
        return content
    return content
