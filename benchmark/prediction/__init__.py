"""Trained runs at work: found by name, opened from their folders, shown new samples. Below `benchmark.prediction.predict`."""

from benchmark.prediction.new_samples import NewSamples, read_new_samples
from benchmark.runs.trained_run import TrainedRun, open_run
from benchmark.study.finding import find_runs

__all__ = ["NewSamples", "TrainedRun", "find_runs", "open_run", "read_new_samples"]
