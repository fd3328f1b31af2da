"""Pages of mapped files: how a process lets go of what it has read.

What a process reads of a mapped file counts as its memory until the system needs room. Code that reads much gives the
pages back itself, so that a run's memory is what the run needs.
"""

from __future__ import annotations

import mmap
from typing import Any


def release(array: Any) -> None:
    """Give the pages of a mapped array back to the system, which reads them again where they are asked for.

    Nothing is lost. Arrays that are not mapped stay as they are, as does everything on systems that lack the call.
    """
    mapping = mapping_of(array)
    if mapping is not None:
        release_mapping(mapping)


def release_mapping(mapping: mmap.mmap) -> None:
    """As `release`, of a mapping."""
    if hasattr(mapping, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def mapping_of(array: Any) -> mmap.mmap | None:
    """The mapped file that an array is a read-only view of, if it is one.

    Mappings that can be written to are left out: what was changed in private would be lost.
    """
    while array is not None and not isinstance(array, mmap.mmap):
        if getattr(getattr(array, "flags", None), "writeable", False):
            return None
        array = array.obj if isinstance(array, memoryview) else getattr(array, "base", None)
    return array
