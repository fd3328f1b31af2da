"""Predictions that were made elsewhere: read, checked against a data set and its protocols, and put into a panel.

>>> from benchmark.external import evaluation_set, read_predictions, add_external
>>> samples = evaluation_set("mosi/official")
>>> mine = read_predictions(Path("predictions.csv"), samples, [get_protocol("intra-random")])
>>> panel = add_external(panel, mine)

What is to be predicted: `write_template` lists the (sample, scenario) pairs, `sentibench protocols export` writes the
masks.
"""

from benchmark.external.columns import COLUMNS
from benchmark.external.joining import add_external, external_panel
from benchmark.external.reading import External, Inspection, inspect_predictions, read_predictions
from benchmark.external.samples import EvaluationSet, evaluation_set
from benchmark.external.template import template, write_template

__all__ = [
    "COLUMNS",
    "EvaluationSet",
    "External",
    "Inspection",
    "add_external",
    "evaluation_set",
    "external_panel",
    "inspect_predictions",
    "read_predictions",
    "template",
    "write_template",
]
