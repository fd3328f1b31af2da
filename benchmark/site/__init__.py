"""Interactive page of a study: one HTML file that contains its data and needs no network.

`build` gathers the content of the page (`bundle`, from the parts that the other modules make) and puts it with the
template, style and scripts of `assets/` into one file (`page`). Only the command
line and `sentibench` import this package.
"""

from benchmark.site.build import build
from benchmark.site.bundle import Bundle, Oracles, make_bundle
from benchmark.site.page import render

__all__ = ["Bundle", "Oracles", "build", "make_bundle", "render"]
