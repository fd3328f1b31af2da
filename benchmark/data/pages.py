"""Release of the pages of mapped files that a process has read.

Pages that a process reads of a mapped file count as its memory until the system needs room. Code that reads much
releases them, so that the memory of a run is what the run needs.
"""

from __future__ import annotations

import mmap
from typing import Any


def release(array: Any) -> None:
    """Release the pages of a mapped array; the system reads them again when they are used.

    No data is lost. Arrays that are not mapped are unchanged, as are all arrays on systems without the call.
    """
    mapping = mapping_of(array)
    if mapping is not None:
        release_mapping(mapping)


def release_mapping(mapping: mmap.mmap) -> None:
    """Release the pages of a mapping; see `release`."""
    if hasattr(mapping, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def mapping_of(array: Any) -> mmap.mmap | None:
    """Return the mapping of which an array is a read-only view, or None.

    Writable mappings are left out: private changes would be lost.
    """
    while array is not None and not isinstance(array, mmap.mmap):
        if getattr(getattr(array, "flags", None), "writeable", False):
            return None
        array = array.obj if isinstance(array, memoryview) else getattr(array, "base", None)
    return array
