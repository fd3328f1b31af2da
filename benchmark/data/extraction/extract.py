"""Extraction: a table of clips becomes an archive of features, by several processes, continued after an interruption.

The features of a finished clip are kept in a folder beside the archive under a hash of the clip and the extractors, and
removed with it when the archive is written. The archive is written if every clip could be read.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

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
    """One clip: the reason why it cannot be read, or notes on it; the file of its features, its text, and checksums."""

    id: str
    error: str = ""
    notes: tuple[str, ...] = ()
    part: Path | None = None
    text: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Task:
    id: str
    clip: Clip
    text: str
    choice: Choice
    folder: Path


def extract(
    table: ClipTable,
    out: Path,
    choice: Choice,
    *,
    workers: int = 1,
    plugins: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> list[Outcome]:
    """Extract features and write them as an archive, unless a clip cannot be read.

    Args:
        table: The clips.
        out: Path of the npz archive.
        choice: Extractors and source of the text.
        workers: Number of processes; with 1, clips are read in this one.
        plugins: Plugin files that register extractors, for the other processes.
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
        _Task(sample, clip, text, choice, folder)
        for sample, clip, text in zip(table.ids, table.clips, texts, strict=True)
    ]
    found: dict[str, Outcome] = {}
    for outcome in map(_outcome, tasks) if workers == 1 else _in_processes(tasks, workers, plugins):
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


def _in_processes(tasks: Sequence[_Task], workers: int, plugins: Sequence[str]) -> Iterator[Outcome]:
    """Yield outcomes as clips are finished; a clip that ends its process is found by reading the rest one by one."""
    left = {task.id: task for task in tasks}
    try:
        with _pool(workers, plugins) as pool:
            try:
                for future in as_completed([pool.submit(_outcome, task) for task in tasks]):
                    yield _taken(left, future)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    except BrokenProcessPool:
        for task in list(left.values()):
            with _pool(1, plugins) as pool:
                try:
                    yield pool.submit(_outcome, task).result()
                except BrokenProcessPool:
                    yield Outcome(task.id, f"{task.clip.file}: ended the process that read it (a fault, or no memory)")


def _pool(workers: int, plugins: Sequence[str]) -> ProcessPoolExecutor:
    # processes that begin anew: decoders have threads, which a fork would copy half
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(tuple(plugins),))


def _begin(plugins: Sequence[str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the command, which ends its workers
    for plugin in plugins:
        load_plugin(plugin)


def _taken(left: dict[str, _Task], future: Future[Outcome]) -> Outcome:
    outcome = future.result()
    del left[outcome.id]
    return outcome


def _outcome(task: _Task) -> Outcome:
    """Read a clip, or find it finished; errors of the clip become part of the outcome."""
    try:
        return _finished(task)
    except InputError as error:
        return Outcome(task.id, str(error))
    except Exception as error:  # noqa: BLE001 - damaged bytes can make decoders and foreign extractors raise any error
        reason = " ".join(str(error).split())[:160]
        return Outcome(task.id, f"{task.clip.file}: cannot be read ({type(error).__name__}: {reason})")


def _finished(task: _Task) -> Outcome:
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
        for modality in task.choice.extractors():
            facts[modality] = hashlib.sha256(held[f"{modality}.values"].tobytes()).hexdigest()[:16]
    return Outcome(task.id, "", notes, part, text, facts)


@lru_cache(maxsize=8)
def _sha256(file: Path, _changed: int, _size: int) -> str:
    return sha256_of(file)
