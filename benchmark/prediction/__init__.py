"""Trained runs at work: found by name, opened from their folders, shown new samples. Below `benchmark.predict`."""

from benchmark.prediction.finding import find_runs
from benchmark.prediction.new_samples import NewSamples, read_new_samples
from benchmark.prediction.trained_run import TrainedRun, open_run

__all__ = ["NewSamples", "TrainedRun", "find_runs", "open_run", "read_new_samples"]
