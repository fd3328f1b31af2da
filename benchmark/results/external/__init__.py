"""External predictions: read, checked against a data set and its protocols, and put into a panel.

>>> from benchmark.results.external import evaluation_set, inspect_predictions, add_external
>>> samples = evaluation_set("mosi/official")
>>> found = inspect_predictions(Path("predictions.csv"), samples, [get_protocol("intra-random")])
>>> panel = add_external(panel, found.external) if found.external else panel

Rows to predict: `write_template` lists the (sample, scenario) pairs, `sentibench protocols export` writes the
masks.
"""

from benchmark.results.external.columns import COLUMNS
from benchmark.results.external.joining import add_external, external_panel
from benchmark.results.external.reading import External, Inspection, inspect_predictions
from benchmark.results.external.samples import EvaluationSet, evaluation_set
from benchmark.results.external.template import template, write_template

__all__ = [
    "COLUMNS",
    "EvaluationSet",
    "External",
    "Inspection",
    "add_external",
    "evaluation_set",
    "external_panel",
    "inspect_predictions",
    "template",
    "write_template",
]
