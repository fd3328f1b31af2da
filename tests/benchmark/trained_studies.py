"""Studies that were run, with data sets and models of every kind that prediction tells apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark.data.catalog import store_path
from benchmark.data.samples import PARTS, ModalityStream, Samples
from benchmark.data.store import write_store
from benchmark.runs.executors import InlineExecutor
from benchmark.study.running import run
from benchmark.study.study import make_study
from protocols import parse
from tests.samples import make_samples

#: One that pools, one that is told the masks, one that estimates integrity, one that works inside the encoder.
MODELS = ["late-fusion-dropout", "senti-ifusion", "senti-ifusion-true-integrity", "mag-bert"]
SMALL: dict[str, dict[str, int]] = {m: {"width": 16, "tokens": 2} for m in MODELS if m.startswith("senti")}
NO_AUDIO = "subset(available=(text, vision))"
SCENARIOS = ["complete", "random_positions(rate=0.5)", NO_AUDIO, "subset(available=(audio, vision))"]


@dataclass(frozen=True)
class Studies:
    """Places of studies that were run: the data folder, the folder of runs, and the samples by data set."""

    home: Path
    runs: Path
    samples: dict[str, Samples]

    def folder(self, dataset: str, model: str, seed: int = 0) -> Path:
        (found,) = self.runs.glob(f"{dataset}/official/{model}-s{seed}-*")
        return found

    def filed(self, folder: Path, scenario: str) -> pd.DataFrame:
        table = pd.read_parquet(folder / "predictions.parquet")
        return table[table["scenario"].astype(str) == str(parse(scenario))].reset_index(drop=True)

    def test_rows(self, dataset: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.flatnonzero(self.samples[dataset].splits["official"] == PARTS["test"])


def recorded(samples: Samples) -> Samples:
    """The same samples without any that lacks a modality: every first position is observed."""
    streams = {}
    for modality, stream in samples.streams.items():
        observed = stream.observed.copy()
        observed[stream.offsets[:-1]] = True
        values = stream.values
        if values is not None:
            values = np.where(observed[:, None] & ~values.any(axis=1, keepdims=True), np.float32(0.5), values)
        streams[modality] = replace(stream, observed=observed, values=values)
    return replace(samples, streams=streams)


def even(samples: Samples, frames: int = 6) -> Samples:
    """The same samples with audio of one length."""
    n, rng = len(samples), np.random.Generator(np.random.Philox(key=[7, 1]))
    values = rng.normal(size=(n * frames, 5)).astype(np.float32)
    audio = ModalityStream(np.arange(n + 1, dtype=np.int64) * frames, np.ones(n * frames, np.bool_), values)
    return replace(samples, name="even", streams={**samples.streams, "audio": audio})


def run_studies(home: Path, runs: Path, encoder: Path) -> Studies:
    samples = {"toy": recorded(make_samples()), "even": even(recorded(make_samples()))}
    samples["vectors"] = replace(recorded(make_samples(words=False)), name="vectors")
    common: dict[str, Any] = {
        "protocols": SCENARIOS,
        "encoder": {"name": str(encoder)},
        "optimisation": {"epochs": 1, "batch_size": 16},
        "seeds": 1,
    }
    tuned = {"name": str(encoder), "mode": "finetune"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTIBENCH_HOME", str(home))
        for name, content in samples.items():
            write_store(content, store_path(name))
        for study in (
            {"name": "all", "datasets": ["toy"], "models": [{"name": m, "config": SMALL.get(m, {})} for m in MODELS]},
            {"name": "seeds", "datasets": ["toy"], "models": ["late-fusion-dropout"], "seeds": 3},
            {"name": "tuned", "datasets": ["toy"], "models": ["text-only"], "encoder": tuned},
            {"name": "even", "datasets": ["even"], "models": ["lnln"]},
            {"name": "both", "datasets": ["even", "vectors"], "models": ["late-fusion-dropout"]},
        ):  # fmt: skip
            outcome = run(make_study({**common, **study}), runs, InlineExecutor())
            assert not outcome.failed, outcome.failed[0].error
    return Studies(home, runs, samples)
