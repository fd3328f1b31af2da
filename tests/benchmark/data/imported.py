"""Samples imported from content made for tests."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from benchmark.data.importers import ImportOptions, import_file
from benchmark.data.samples import Samples
from tests.csd import write_csd_folder


def import_csd(folder: Path, content: Any = None, label_range: Any = None, **options: Any) -> Samples:
    write_csd_folder(folder, content)
    return import_file(folder, "mosi", label_range, ImportOptions(**options))


def import_pickle(tmp_path: Path, content: Any, name: str = "toy", **options: Any) -> Samples:
    path = tmp_path / "features.pkl"
    path.write_bytes(pickle.dumps(content))
    return import_file(path, name, **options)


def of_sample(samples: Samples, modality: Any, index: int) -> tuple[Any, Any]:
    stream = samples.streams[modality]
    rows = slice(stream.offsets[index], stream.offsets[index + 1])
    held = stream.token_ids if stream.values is None else stream.values
    return held[rows], stream.observed[rows]  # type: ignore[index]
