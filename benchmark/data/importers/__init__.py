"""Importers: files as others publish them, into `Samples`; `import_file` finds out which layout a file has."""

from benchmark.data.importers.detect import import_file, layout_of

__all__ = ["import_file", "layout_of"]
