"""Interactive page of a study: one HTML file that contains its data and needs no network.

`build` gathers what the page shows (`bundle`, and below it `numbers`, `layout`, `runs`, `labels`, `colours`) and puts
it with the template, style and scripts of `assets/` into one file (`page`). Nothing imports this package but the
command line.
"""

from benchmark.site.build import build
from benchmark.site.bundle import Bundle, Oracles, make_bundle
from benchmark.site.page import render

__all__ = ["Bundle", "Oracles", "build", "make_bundle", "render"]
