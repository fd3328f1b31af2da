"""Prediction with trained runs: found by name, opened from their folders, applied to new samples."""

from benchmark.prediction.clips import is_clip, read_clip
from benchmark.prediction.new_samples import NewSamples, read_new_samples
from benchmark.runs.trained_run import TrainedRun, open_run
from benchmark.study.finding import find_runs

__all__ = ["NewSamples", "TrainedRun", "find_runs", "is_clip", "open_run", "read_clip", "read_new_samples"]
