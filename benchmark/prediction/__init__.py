"""Prediction with trained runs: found by name, opened from their folders, applied to new samples."""

from benchmark.prediction.new_samples import NewSamples, read_new_samples
from benchmark.runs.trained_run import TrainedRun, open_run
from benchmark.study.finding import find_runs

__all__ = ["NewSamples", "TrainedRun", "find_runs", "open_run", "read_new_samples"]
