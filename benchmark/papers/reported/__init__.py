"""Published numbers in one tidy schema: `results/reported/*.csv`, checked as they are read.

Arrays and tables only. `schema` defines the rows, `files` finds and reads them, `points` maps rows to our
scenarios, `checks` recognises data sets by their labels.

>>> from benchmark.papers.reported import load
>>> rows = load()
>>> rows[(rows["source"] == "lnln") & (rows["metric"] == "mae")].empty
False
"""

from benchmark.papers.reported.checks import metric_title, published_as
from benchmark.papers.reported.files import load, load_sources, reported_folder
from benchmark.papers.reported.points import Aggregate, aggregate_of, plain_scenario, same, wanted_aggregate
from benchmark.papers.reported.schema import COLUMNS

__all__ = [
    "COLUMNS",
    "Aggregate",
    "aggregate_of",
    "load",
    "load_sources",
    "metric_title",
    "plain_scenario",
    "published_as",
    "reported_folder",
    "same",
    "wanted_aggregate",
]
