"""Importers: files as others publish them, into `Samples`; `import_file` finds out which layout a source has."""

from benchmark.data.importers.detect import import_file, layout_of
from benchmark.data.importers.options import ImportOptions

__all__ = ["ImportOptions", "import_file", "layout_of"]
