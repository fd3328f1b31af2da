"""Cache of encoded text: a frozen encoder encodes equal texts once for all models and processes.

States shared by file are mapped, not copied: a process holds only the pages that it reads, and processes share them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import uuid
import warnings
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock

from benchmark.data.encoding import TextEncoder
from benchmark.data.ragged import HostRagged, Ragged
from benchmark.data.samples import FloatArray, IntArray
from protocols import InputError

#: Environment variable: largest size of the folder of text states in GB.
LIMIT = "SENTIBENCH_TEXT_STATES"
#: Bytes of a disk that are left to others.
_SPARE = 2 << 30


class StateCache:
    """States of sets of texts, identified by the encoder and the tokens: equal tokens are encoded once.

    Args:
        encoder: A frozen encoder.
        revision: Identity of its weights.
        folder: Folder of states shared between processes; None keeps them in this process only.
        max_bytes: Largest size of the folder; None: what `$SENTIBENCH_TEXT_STATES` says in GB, or else as much as the
            disk has room for. A full folder keeps what is in it and admits no more, since runs read draws in turns:
            removing the oldest would remove what is read next. Files that neither this run of the process nor the one
            before has used make way.
        memory_bytes: Largest size of states held in memory; beyond it, the least recently used sets are released, but
            never the latest.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        revision: str,
        folder: Path | None,
        max_bytes: int | None = None,
        memory_bytes: int = 1 << 30,
    ) -> None:
        self.encoder, self.width, self.trained = encoder, encoder.width, False
        self._revision = revision
        self._folder = folder
        limit = os.environ.get(LIMIT)
        self._max_bytes = int(float(limit) * 1e9) if max_bytes is None and limit else max_bytes
        self._begun = [0.0]  # times: of the run before this one, and of this one
        self.seconds = 0.0  # time of encoding and reading states, which is not counted as training time of a model
        self._memory: OrderedDict[str, FloatArray] = OrderedDict()
        self._memory_bytes = memory_bytes

    def begin_run(self) -> None:
        """Note that a run begins: a full folder may remove files that neither it nor the previous run has used."""
        self._begun = [*self._begun, time.time()][-2:]

    def states(self, ids: IntArray, offsets: IntArray) -> FloatArray:
        """Return states `(P + 2n, D)` of ragged content tokens, as `TextEncoder.encode` does.

        The array must not be written to; with a folder, it is a read-only map of the shared file.

        Raises:
            InputError: If the folder cannot be written.
        """
        digest = hashlib.sha256(f"{self._revision} {torch.get_num_threads()}\n".encode())
        digest.update(np.ascontiguousarray(offsets).tobytes())
        digest.update(np.ascontiguousarray(ids).tobytes())
        key = digest.hexdigest()[:32]
        if key in self._memory:
            self._memory.move_to_end(key)
            if self._folder:
                _used(self._folder / f"{key}.npy")
            return self._memory[key]
        started = time.perf_counter()
        states: FloatArray
        if self._folder:
            states = self._shared(self._folder, key, ids, offsets)
        else:
            states = self.encoder.encode(ids, offsets).numpy()
        self.seconds += time.perf_counter() - started
        self._memory[key] = states
        while len(self._memory) > 1 and sum(s.nbytes for s in self._memory.values()) > self._memory_bytes:
            self._memory.popitem(last=False)
        return states

    def inner(self) -> None:
        """No layers: models get states of the last one; see `TextSide`."""

    def encoded(self, ids: IntArray, clean: IntArray, offsets: IntArray, device: torch.device) -> Ragged:
        """States of texts: unchanged ones come from the clean states, equal ones are encoded once; see `TextSide`."""
        lengths = np.diff(offsets)
        clean_states = self.states(clean, offsets)
        start = _state_starts(lengths)
        changed = np.flatnonzero(np.add.reduceat(ids != clean, offsets[:-1]) > 0) if len(ids) else np.empty(0, np.int64)
        if len(changed) == 0:
            return HostRagged([clean_states], start, lengths + 2).on(device)
        first: dict[bytes, int] = {}
        slot = np.empty(len(changed), dtype=np.int64)
        for k, sample in enumerate(changed):
            slot[k] = first.setdefault(ids[offsets[sample] : offsets[sample + 1]].tobytes(), len(first))
        unique = [np.frombuffer(text, dtype=np.int64) for text in first]
        unique_lengths = np.array([len(text) for text in unique])
        unique_offsets = np.concatenate([[0], np.cumsum(unique_lengths)]).astype(np.int64)
        states = self.states(np.concatenate(unique), unique_offsets)
        start[changed] = _state_starts(unique_lengths)[slot]
        source_of = np.zeros(len(lengths), dtype=np.int64)
        source_of[changed] = 1
        return HostRagged([clean_states, states], start, lengths + 2, source_of=source_of).on(device)

    def _shared(self, folder: Path, key: str, ids: IntArray, offsets: IntArray) -> FloatArray:
        path = folder / f"{key}.npy"
        shape = (int(offsets[-1]) + 2 * (len(offsets) - 1), self.encoder.width)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Two runs of one seed may request the same draw at the same time: the second waits for the first.
            with FileLock(folder / f"{key}.lock"):
                states = _mapped(path, shape)
                if states is None:
                    admitted = self._has_room(folder, 4 * shape[0] * shape[1])
                    self._write(path, shape, ids, offsets)
                    states = _mapped(path, shape)
                    if not admitted:  # a mapped file stays readable when it is deleted
                        with suppress(OSError):  # some systems keep a file that is in use
                            path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                f"{folder}: cannot hold {4 * shape[0] * shape[1] >> 20} MB of text states "
                f"({error.strerror or error}); make room there, or name another folder with TMPDIR"
            ) from error
        if states is None:
            raise InputError(f"{path}: changed while it was written; run again")
        return states

    def _write(self, path: Path, shape: tuple[int, int], ids: IntArray, offsets: IntArray) -> None:
        """Encode text by text into a file, never holding all states in memory; renamed when complete."""
        for left in path.parent.glob(f".{path.stem}.*"):  # of a killed process, as this process holds the lock
            left.unlink(missing_ok=True)
        partial = path.with_name(f".{path.stem}.{uuid.uuid4().hex}")
        try:
            with partial.open("wb") as file:
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                begin = file.tell()
                for first, states in self.encoder.encode_each(ids, offsets):
                    file.seek(begin + 4 * shape[1] * first)
                    file.write(states.contiguous().numpy().astype("<f4", copy=False).data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _has_room(self, folder: Path, size: int) -> bool:
        """Return True if a file of this size may stay; warn once for a folder if it may not."""
        files = sorted(_existing(folder), key=lambda item: item[0])
        total, disk = sum(size for _, size, _ in files), shutil.disk_usage(folder)
        room = disk.free - min(_SPARE, disk.total // 20)
        if self._max_bytes is not None:
            room = min(room, self._max_bytes - total)
        for used, freed, file in files:
            if room >= size or used >= self._begun[0]:
                break
            with suppress(OSError):
                file.unlink(missing_ok=True)
                file.with_suffix(".lock").unlink(missing_ok=True)
                room += freed
        if room < size:
            with suppress(FileExistsError):
                (folder / "full").touch(exist_ok=False)
                warnings.warn(
                    f"{folder} is full of text states ({total / 1e9:.3g} GB): from here on, each model encodes texts "
                    f"again; make room, or give more with `run --text-states GB` or {LIMIT}",
                    stacklevel=2,
                )
        return room >= size


def _state_starts(lengths: IntArray) -> IntArray:
    """Return the position of the first state of each text, `[CLS]` and `[SEP]` included, from its content tokens."""
    return np.cumsum(lengths + 2) - (lengths + 2)


def _mapped(path: Path, shape: tuple[int, int]) -> FloatArray | None:
    """Map the states in a file; None without a complete file of this shape (an incomplete one is removed)."""
    try:
        states: FloatArray = np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, OverflowError):
        path.unlink(missing_ok=True)
        return None
    if states.shape != shape or states.dtype != np.float32 or not states.flags.c_contiguous:
        path.unlink(missing_ok=True)
        return None
    _used(path)
    return states


def _used(path: Path) -> None:
    """Record the use of a file, so that others are removed first."""
    with suppress(OSError):
        os.utime(path, ns=(time.time_ns(),) * 2)  # finer than the clock of file systems


def _existing(folder: Path) -> list[tuple[float, int, Path]]:
    """Return (last use, size, path) of every file of states."""
    files = []
    for file in folder.glob("*.npy"):
        with suppress(FileNotFoundError):  # another process trims as well
            status = file.stat()
            files.append((status.st_mtime, status.st_size, file))
    return files
