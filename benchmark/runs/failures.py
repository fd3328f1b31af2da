"""Failures in words: one readable line that says what is known of an error or of the death of a worker."""

from __future__ import annotations

import signal
import traceback
from dataclasses import dataclass

from benchmark.words import one_line, visible

#: Largest number of characters of a reason, and of a traceback.
_REASON, _TRACEBACK = 1500, 20_000
#: Texts of libraries that could not get memory, in lower case.
_MEMORY = ("out of memory", "allocate memory", "bad_alloc")


@dataclass(frozen=True)
class Loss:
    """Reason why a task has no result.

    Attributes:
        reason: Reason in one line.
        traceback: Traceback of an exception; None if the worker died.
    """

    reason: str
    traceback: str | None = None

    @classmethod
    def of(cls, error: BaseException) -> Loss:
        """Make the loss of an exception, with its traceback."""
        return cls(described(error), readable("".join(traceback.format_exception(error))))


def readable(text: str) -> str:
    """Write out hidden characters, such as those that command a terminal, and leave out the middle of a long text."""
    half = _TRACEBACK // 2
    text = text.encode("utf-8", "backslashreplace").decode()
    return visible(text if len(text) <= _TRACEBACK else f"{text[:half]}\n...\n{text[-half:]}")


def described(error: BaseException) -> str:
    """Describe an error in one line, `ValueError: its text`; out of memory is said, with the peak of this process."""
    try:
        said = one_line(readable(str(error)), _REASON)
    except Exception as second:  # noqa: BLE001 - a foreign error may fail to say what it is
        said = f"(its text cannot be made: {type(second).__name__})"
    text = ": ".join(filter(None, [type(error).__name__, said]))
    if isinstance(error, MemoryError) or any(words in text.lower() for words in _MEMORY):
        from benchmark.training.memory import peak_resident_mb

        return f"out of memory, with a peak of {peak_resident_mb():.0f} MiB in this process ({text})"
    return text


def death(code: int | None, memory_mb: float | None = None) -> str:
    """Describe how a worker process ended on its own.

    Args:
        code: Exit code, negative for a signal; None if it still runs, without its connection.
        memory_mb: Resident memory when it was last seen.
    """
    if code is None:
        return "worker process closed its connection"
    if code >= 0:
        return f"worker process ended with exit code {code}"
    name = next((known.name for known in signal.Signals if known == -code), str(-code))
    if -code != getattr(signal, "SIGKILL", None):
        return f"worker process ended with signal {name}"
    held = "" if memory_mb is None else f"; it held {memory_mb:.0f} MiB when last seen"
    return f"worker process was killed ({name}), most likely by the system because it ran out of memory{held}"
