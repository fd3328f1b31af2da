"""Tables and figures of papers, reported beside measured.

`catalogue` lists them, `needs` describes their data, `setup` makes a study of one, `measuring` and `comparison` put
side by side, `tables` writes them, `presenting` brings all together; `series` compares models of the suite. The command
line runs what is missing in between.

>>> setup = prepare_item("lnln-mean", dataset="synthetic:size=tiny", models=("constant", "lnln"))
>>> run(setup.plan, Path("out"))
>>> present(setup, Path("out")).tables[0].markdown()
"""

from benchmark.papers.reproduce.catalogue import ITEMS, get_item
from benchmark.papers.reproduce.needs import NEEDS
from benchmark.papers.reproduce.presenting import Reproduction, present
from benchmark.papers.reproduce.series import SERIES, prepare_series, present_series
from benchmark.papers.reproduce.setup import Setup, prepare_item

__all__ = [
    "ITEMS",
    "NEEDS",
    "SERIES",
    "Reproduction",
    "Setup",
    "get_item",
    "prepare_item",
    "prepare_series",
    "present",
    "present_series",
]
