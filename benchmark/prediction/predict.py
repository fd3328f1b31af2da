"""Predictions of trained runs for new samples, with any modalities available.

>>> samples = read_new_samples(Path("new.npz"))
>>> table = predict(Path("results/runs/mosi/official/lnln-s0-9e2050f533b3dd2c"), samples)
>>> table = predict(find_runs("demo:lnln", Path("results/runs")), samples)      # the mean over seeds
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.data.samples import Samples
from benchmark.evaluation.scales import scale_of
from benchmark.prediction import NewSamples, TrainedRun, find_runs, is_clip, open_run, read_clip, read_new_samples
from benchmark.training.threads import on_threads
from protocols import MODALITIES, InputError

__all__ = ["TrainedRun", "find_runs", "open_run", "predict", "read_new_samples", "read_samples"]

#: Function of (made, total) numbers of predictions.
Progress = Callable[[int, int], None]


def predict(
    runs: Path | TrainedRun | Sequence[Path | TrainedRun],
    samples: Samples | Path,
    device: str = "cpu",
    progress: Progress | None = None,
    text: str = "",
) -> pd.DataFrame:
    """Predict the sentiment of new samples.

    Values are scaled with the statistics of the run's training part, text is read by the run's encoder, and a modality
    that is missing from a sample is shown as an erased one in training (`benchmark.prediction.new_samples`).
    Predictions do not depend on the other samples, beyond the rounding of float32.

    Args:
        runs: Folder of a run, or an opened run; for several (seeds of one model), predictions are averaged.
        samples: New samples, a file of them, or a clip, see `benchmark.prediction.clips.read_clip`.
        device: `cpu`, `cuda` or `cuda:1`, for runs that are not opened yet.
        progress: Function called after some thousand predictions.
        text: Spoken words of a clip.

    Returns:
        One row per sample, in their order: `sample_id`; `prediction` on the scale of the labels, not clipped; of
            several
        runs also `prediction_sd`, the standard deviation over them (n - 1); `acc7_class` (for CH-SIMS
        `acc5_sims_class`), the class that Acc-7 compares; `available`, the modalities with any recorded position,
        joined by `+`, or `none`; `observed_*`, the share of positions observed of each modality; if the model provides
        them `integrity_*`, the model's estimate of that share, and `dominant`, the modality that leads its fusion (for
        several runs: that of most).

    Raises:
        InputError: for a run that cannot be used (`open_run`), or samples that it cannot read (`NewSamples`).
    """
    given = [runs] if isinstance(runs, (Path, TrainedRun)) else list(runs)
    if not given:
        raise InputError("predict: no run was given")
    opened = [one if isinstance(one, TrainedRun) else open_run(one, device) for one in given]
    _check_alike(opened)
    read = read_samples(samples, opened[0], text) if isinstance(samples, Path) else samples
    total = len(opened) * len(read)
    tables = []
    for number, run in enumerate(opened):
        tell = partial(_tell, progress, number * len(read), total)
        with on_threads():
            tables.append(_predict_one(run, read, tell))
    table = tables[0] if len(tables) == 1 else _average(tables)
    table.insert(0, "sample_id", read.ids)
    return _with_class(table, opened[0].samples.provenance.label_range)


def read_samples(path: Path, run: TrainedRun, text: str = "") -> Samples:
    """Read new samples for a run from a file of features or a clip; `text` holds the spoken words of a clip.

    Raises:
        InputError: for a file that cannot be read, or text beside a file of features.
    """
    if is_clip(path):
        return read_clip(path, run, text)
    if text:
        raise InputError(f"{path}: is not a clip, and its text is in the file; leave --text out")
    return read_new_samples(path)


def _tell(progress: Progress | None, before: int, total: int, done: int) -> None:
    if progress is not None:
        progress(before + done, total)


def _check_alike(runs: Sequence[TrainedRun]) -> None:
    """Check that the runs to average are one model, trained several times."""
    first = runs[0].spec
    for run in runs[1:]:
        if run.spec.model_copy(update={"seed": first.seed}) != first:
            raise InputError(
                f"{run.folder}: is not {first.title} with another seed (model, settings or data differ); predict with "
                "each run separately"
            )


def _predict_one(run: TrainedRun, samples: Samples, tell: Callable[[int], None]) -> pd.DataFrame:
    """Return the predictions of one run for every sample, in their order."""
    shown = NewSamples(run, samples)
    tables, order = [], []
    for rows, part in shown.chunks():
        masked = run.masked_part(part=part)
        table = run.predict(masked)
        for i, modality in enumerate(MODALITIES):
            table[f"observed_{modality}"] = masked.integrity[:, i].cpu().numpy()
        tables.append(table)
        order.append(rows)
        tell(sum(map(len, order)))
    table = pd.concat(tables, ignore_index=True).iloc[np.argsort(np.concatenate(order))].reset_index(drop=True)
    found = np.asarray(MODALITIES, dtype=object)
    result = pd.DataFrame({"prediction": table["prediction"]})
    result["available"] = ["+".join(found[flags]) or "none" for flags in shown.available]
    for what in ("observed", "integrity"):
        for modality in MODALITIES:
            if f"{what}_{modality}" in table:
                result[f"{what}_{modality}"] = table[f"{what}_{modality}"]
    if "dominant" in table:
        result["dominant"] = found[table["dominant"]]
    return result


def _average(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the mean of several runs' tables, with the standard deviation."""
    result = tables[0].copy()
    said = np.stack([table["prediction"] for table in tables])
    result["prediction"] = said.mean(axis=0)
    result.insert(1, "prediction_sd", said.std(axis=0, ddof=1))
    for column in (c for c in result if str(c).startswith("integrity_")):
        result[column] = np.mean([table[column] for table in tables], axis=0)
    if "dominant" in result:
        votes = np.stack([[table["dominant"] == modality for table in tables] for modality in MODALITIES]).sum(axis=1)
        result["dominant"] = np.asarray(MODALITIES, dtype=object)[votes.argmax(axis=0)]
    return result


def _with_class(table: pd.DataFrame, label_range: tuple[float, float]) -> pd.DataFrame:
    """Add the class of the finest accuracy; labels of a range without classes have none."""
    for name, bins in list(scale_of(label_range).classes.items())[:1]:
        classes = bins(table["prediction"].to_numpy(dtype=np.float64)).astype(np.int64)
        table.insert(list(table).index("available"), f"{name}_class", classes)
    return table
