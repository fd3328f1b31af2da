"""Published studies, whose every number can be recomputed from committed predictions.

>>> from benchmark.publishing.measured import publish, check
>>> publish(study, Path("results/runs"), Path("results/measured/my-study"))
>>> check(Path("results/measured/my-study"))
[]

A folder holds, beside its tables,

    manifest.json         sha256 of every file, descriptions of panels, versions, settings of the tables
    study.yaml            the study
    samples.parquet       dataset, sample_id, video_id, label; the last two are withheld unless the data is generated
    predictions.parquet   dataset, model, seed, scenario, sample_id, prediction (float64)
    told.parquet          the same of models told where their gaps are; only if there are any
    test_oracle.parquet   the same of epochs chosen on the test set, by protocol and metric; only if there are any
    points.csv            the scenarios of every protocol with their positions on its axes
    costs.csv             parameters, times, memory of every (model, seed), and its runs
    runs.json             identity, settings and provenance of every run, hashes of the masks
"""

from benchmark.publishing.measured.checking import check, lacking_labels
from benchmark.publishing.measured.publishing import publish, refresh
from benchmark.results.measured import read_measured

__all__ = ["check", "lacking_labels", "publish", "read_measured", "refresh"]
