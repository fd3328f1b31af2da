"""Extraction: a table of clips becomes an archive of features, in worker processes, continued after an interruption.

The features of a finished clip are kept in a folder beside the archive under a hash of the clip and the extractors, and
removed with it when the archive is written. The archive is written if every clip could be read.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmark.data.extraction.archive import write_archive
from benchmark.data.extraction.clip import Clip
from benchmark.data.extraction.features import Choice, features_of
from benchmark.data.extraction.table import ClipTable
from benchmark.data.extraction.text import check_source, spoken
from benchmark.files import replace_file, sha256_of
from protocols import InputError, load_plugin


@dataclass(frozen=True)
class Outcome:
    """One clip: the reason why it cannot be read, or notes on it; the file of its features, its text, and checksums.

    `frames` has the number of frames of each modality, and of those that are not observed.
    """

    id: str
    error: str = ""
    notes: tuple[str, ...] = ()
    part: Path | None = None
    text: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    frames: dict[str, tuple[int, int]] = field(default_factory=dict)


class Workers(Protocol):
    """Worker processes, see `benchmark.runs.executors.Executor`."""

    def add(self, key: Any, task: Any) -> None:
        """Queue a task."""

    def outcomes(self) -> Iterator[tuple[Any, Any]]:
        """Yield (key, outcome) as tasks end."""


@dataclass(frozen=True)
class ClipTask:
    """One clip as a task of an executor.

    Attributes:
        id, clip, text: The clip and its text in the table.
        choice: Extractors and source of the text.
        folder: Folder of the features of finished clips.
        plugins: Plugin files that register extractors.
    """

    id: str
    clip: Clip
    text: str
    choice: Choice
    folder: Path
    plugins: tuple[str, ...] = ()

    def execute(self, report: object = None) -> Outcome:
        """Read the clip, or find it finished; errors of the clip become part of the outcome."""
        try:
            for plugin in self.plugins:
                load_plugin(plugin)
            return _finished(self)
        except InputError as error:
            return Outcome(self.id, str(error))
        except Exception as error:  # noqa: BLE001 - damaged bytes can make decoders and foreign extractors raise any error
            reason = " ".join(str(error).split())[:160]
            return Outcome(self.id, f"{self.clip.file}: cannot be read ({type(error).__name__}: {reason})")

    def accept(self, parcel: Outcome) -> Outcome:
        """Return the outcome."""
        return parcel

    def lost(self, loss: Any) -> Outcome:
        """Return the outcome of a clip whose process has ended; `loss` has the reason."""
        return Outcome(self.id, f"{self.clip.file}: {loss.reason}")


def extract(
    table: ClipTable,
    out: Path,
    choice: Choice,
    *,
    workers: Workers | None = None,
    plugins: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> list[Outcome]:
    """Extract features and write them as an archive, unless a clip cannot be read.

    Args:
        table: The clips.
        out: Path of the npz archive.
        choice: Extractors and source of the text.
        workers: Executor whose processes read the clips; None to read them in this process.
        plugins: Plugin files that register extractors, for the worker processes.
        progress: Function of (finished, total) clips.

    Returns:
        One outcome for each clip, in order. With an error among them nothing is written; finished clips are kept, and
        the same call reads the others.

    Raises:
        InputError: For an unknown extractor, or a folder that cannot be written.
    """
    if out.suffix != ".npz" or not out.parent.is_dir():
        raise InputError(f"{out}: expected a path that ends in .npz in a folder that exists")
    check_source(choice.text)
    identity = choice.identity()
    if choice.text == "column" and table.texts is None:
        raise InputError("the table has no column text; add one, or give --text none")
    texts = table.texts if table.texts is not None else [""] * len(table.ids)
    folder = out.with_name(f"{out.name}.clips")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror or error}); choose another folder") from error
    tasks = [
        ClipTask(sample, clip, text, choice, folder, tuple(plugins))
        for sample, clip, text in zip(table.ids, table.clips, texts, strict=True)
    ]
    found: dict[str, Outcome] = {}
    for outcome in _outcomes(tasks, workers):
        found[outcome.id] = outcome
        if progress is not None:
            progress(len(found), len(tasks))
    outcomes = [found[sample] for sample in table.ids]
    parts = [outcome.part for outcome in outcomes if outcome.part is not None]
    if len(parts) == len(outcomes):
        columns = dict(table.columns)
        texts = [outcome.text for outcome in outcomes]
        if any(texts):
            columns["raw_text"] = np.array(texts)
        identity["clips"] = {outcome.id: outcome.facts for outcome in outcomes}
        streams = [*(f"{m}.values" for m in choice.extractors()), *(["text.token_ids"] if choice.align else [])]
        replace_file(out, lambda path: write_archive(path, table.ids, parts, streams, columns, identity))
        shutil.rmtree(folder, ignore_errors=True)
    return outcomes


def _outcomes(tasks: Sequence[ClipTask], workers: Workers | None) -> Iterator[Outcome]:
    if workers is None:
        yield from (task.execute() for task in tasks)
        return
    for task in tasks:
        workers.add(task.id, task)
    yield from (outcome for _, outcome in workers.outcomes())


def _finished(task: ClipTask) -> Outcome:
    clip, identity = task.clip, task.choice.identity()
    if not clip.file.is_file():
        raise InputError(f"{clip.file}: no such file")
    state = clip.file.stat()
    content = _sha256(clip.file, state.st_mtime_ns, state.st_size)
    said = None if task.choice.text.startswith("whisper:") else spoken(clip, task.choice.text, task.text)
    key = json.dumps([content, clip.start, clip.end, repr(said), identity], sort_keys=True)
    part = task.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    if not part.is_file():
        arrays = features_of(clip, task.choice, said)
        replace_file(part, lambda path: np.savez(path, **arrays))
    facts: dict[str, Any] = {"file": clip.file.name, "sha256": content}
    facts |= {"start": clip.start, "end": clip.end} if clip.start or clip.end is not None else {}
    with np.load(part, allow_pickle=False) as held:
        notes, text = tuple(map(str, held["notes"].tolist())), str(held["text"])
        frames: dict[str, tuple[int, int]] = {}
        for modality in task.choice.extractors():
            facts[modality] = hashlib.sha256(held[f"{modality}.values"].tobytes()).hexdigest()[:16]
            observed = held[f"{modality}.observed"]
            frames[modality] = len(observed), int((~observed).sum())
    return Outcome(task.id, "", notes, part, text, facts, frames)


@lru_cache(maxsize=8)
def _sha256(file: Path, _changed: int, _size: int) -> str:
    return sha256_of(file)
