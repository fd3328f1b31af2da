"""Samples whose ids, videos, texts and labels are kept in a file, out of a model's reach, until it has predicted."""

from __future__ import annotations

import pickle
import tempfile
import weakref
from dataclasses import replace

import numpy as np

from benchmark.data.samples import Samples
from protocols import InputError


class SealedSamples:
    """Samples whose columns are kept in a nameless temporary file; streams and splits stay in memory.

    While a model is trained, the memory of the process does not hold the labels of test samples. This is a guard
    against mistakes, not attacks: the data set's file and this one still hold them.

    Args:
        samples: Samples to seal; the caller must keep no other reference.

    Raises:
        InputError: If the file cannot be written.
    """

    def __init__(self, samples: Samples) -> None:
        columns = {name: getattr(samples, name) for name in _COLUMNS}
        try:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - read as long as this object lives
            weakref.finalize(self, self._file.close)
            pickle.dump(columns, self._file, protocol=pickle.HIGHEST_PROTOCOL)
        except OSError as error:
            raise InputError(
                f"{tempfile.gettempdir()}: cannot hold the labels of '{samples.name}' while a model is trained "
                f"({error.strerror or error}); make room there, or name another folder with TMPDIR"
            ) from error
        nothing = np.zeros(0, dtype=object)
        self._rest = replace(
            samples,
            ids=nothing,
            video_ids=nothing,
            raw_text=nothing,
            label=np.zeros(0, dtype=np.float32),
            unimodal_labels={},
        )

    def open(self) -> Samples:
        """Return the complete samples; they are in memory as long as the caller keeps them."""
        self._file.seek(0)
        return replace(self._rest, **pickle.load(self._file))


_COLUMNS = ("ids", "video_ids", "raw_text", "label", "unimodal_labels")
