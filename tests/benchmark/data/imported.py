"""Samples imported from content made for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark.data.importers import ImportOptions, import_file
from benchmark.data.samples import Samples
from tests.csd import write_csd_folder


def import_csd(folder: Path, content: Any = None, label_range: Any = None, **options: Any) -> Samples:
    write_csd_folder(folder, content)
    return import_file(folder, "mosi", label_range, ImportOptions(**options))
