"""A panel of made-up predictions with the structure of a real study: models, seeds, protocols, videos."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.evaluation.statistics import DRAWS
from benchmark.results.from_runs import protocol_table
from benchmark.tables.leaderboard import leaderboard_table
from benchmark.tables.table import Table
from protocols import get_protocol

MODELS = ("constant", "text-only", "audio-only", "vision-only", "late-fusion-dropout", "lnln", "senti-ifusion", "mult")


def fake_panel(
    models: tuple[str, ...] = MODELS,
    seeds: int = 3,
    protocols: tuple[str, ...] = ("complete", "intra-random", "inter-drop"),
    samples: int = 686,
    videos: int = 31,
    *,
    dataset: str = "synthetic",
    **changes: object,
) -> Panel:
    """Better models have less noise; everything decays to the median as the missing rate rises."""
    rng = np.random.default_rng(7)
    label = rng.integers(-15, 16, samples) / 5
    owner = np.sort(rng.integers(0, videos, samples))
    mood = rng.normal(size=videos)[owner]
    plans = [get_protocol(name) for name in protocols]
    points = protocol_table(plans)
    where = dict(zip(points["scenario"], points["x"].fillna(0.0), strict=True))
    rows, predictions = [], []
    for quality, model in enumerate(models):
        for seed in range(seeds):
            for scenario, x in where.items():
                rows.append({"model": model, "seed": seed, "scenario": scenario})
                if model == "constant":
                    predictions.append(np.full(samples, 0.2))
                    continue
                skill = (0.25 + 0.08 * quality) * (1 - min(x, 0.95)) ** (1.2 - 0.05 * quality)
                noise = 0.5 * rng.normal(size=samples) + 0.2 * mood + 0.02 * rng.normal()
                predictions.append(skill * label + noise)
    runs = pd.DataFrame(
        [
            {
                "model": model,
                "seed": seed,
                "parameters": 0 if model == "constant" else 120_000 * (i + 1),
                "train_seconds": 3.0 + 40.0 * i,
                "inference_ms": 0.11 * (i + 1),
                "inference_ms_p95": 0.2 * (i + 1),
                "flops": 1e6 * i,
                "peak_memory_mb": 200.0,
                "epochs": 20,
                "best_epoch": 7.0,
                "runs": f"{model}-{seed}",
            }
            for i, model in enumerate(models)
            for seed in range(seeds)
        ]
    )
    fields: dict[str, object] = {
        "dataset": dataset,
        "split": "official",
        "regime": "uncertain",
        "sample_ids": np.array([f"s{i}" for i in range(samples)], dtype=object),
        "video_ids": np.array([f"v{i}" for i in owner], dtype=object),
        "label": label.astype(np.float64),
        "cells": pd.DataFrame(rows),
        "predictions": np.asarray(predictions),
        "points": points,
        "runs": runs,
    }
    return Panel(**(fields | changes))  # type: ignore[arg-type]


def leaderboard(panel: Panel, protocol: str | None = None, *, draws: int = DRAWS) -> Table:
    """The leaderboard of one protocol of a panel, by default its only one."""
    return leaderboard_table(ProtocolResults.of(panel, protocol, draws=draws))


def without(panel: Panel, **where: object) -> Panel:
    """The panel without the cells that match, such as `model="lnln", seed=1`."""
    gone = np.logical_and.reduce([panel.cells[k] == v for k, v in where.items()])
    return dataclasses.replace(
        panel, cells=panel.cells[~gone].reset_index(drop=True), predictions=panel.predictions[~gone]
    )
