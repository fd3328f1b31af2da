"""Tables and figures of papers, reported beside measured.

`catalogue` lists them, `needs` describes their data, `setup` makes a study of one, `measuring` and `comparison` put
side by side, `tables` writes them, `presenting` brings all together; `series` compares models of the suite;
`prepared` serves both. The command line runs what is missing in between.

>>> entry = prepare("lnln-mean", dataset="synthetic:size=tiny", models=("constant", "lnln"))
>>> for plan in entry.plans:
...     run(plan, Path("out"))
>>> entry.present(Path("out")).tables[0].markdown()
"""

from benchmark.papers.reproduce.catalogue import ITEMS, get_item
from benchmark.papers.reproduce.needs import NEEDS
from benchmark.papers.reproduce.prepared import Prepared, prepare
from benchmark.papers.reproduce.presenting import Reproduction, present
from benchmark.papers.reproduce.series import SERIES, prepare_series
from benchmark.papers.reproduce.setup import Setup, prepare_item

__all__ = [
    "ITEMS",
    "NEEDS",
    "SERIES",
    "Prepared",
    "Reproduction",
    "Setup",
    "get_item",
    "prepare",
    "prepare_item",
    "prepare_series",
    "present",
]
