"""Importers of published files into `Samples`; `import_file` detects the layout of a source."""

from benchmark.data.importers.detect import import_file, layout_of
from benchmark.data.importers.options import ImportOptions

__all__ = ["ImportOptions", "import_file", "layout_of"]
