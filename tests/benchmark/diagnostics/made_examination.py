"""Answers and distances of recovery that are made up, for the tests of their tables and figures."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmark.diagnostics.permutation_data import CONTROL, OWN, SHUFFLED, TRUE, Answers
from benchmark.diagnostics.recovery_data import CONSTANT, FEATURE, SEMANTIC
from benchmark.results.from_runs import protocol_table
from protocols import MODALITIES, get_protocol


def made_points(*names: str) -> pd.DataFrame:
    return protocol_table([get_protocol(name) for name in names or ("inter-drop",)])


def made_answers(
    shuffled_error: float, seeds: int = 3, n: int = 200, change: float = 0.2, control_error: float = 1.0
) -> Answers:
    """Answers whose shuffled predictions and control are off by so much more; the true ones are the own ones."""
    rng = np.random.default_rng(3)
    label = rng.integers(-15, 16, n) / 5
    scenarios = made_points()["scenario"].tolist()
    cells, rows, changes = [], [], []
    for seed in range(seeds):
        for scenario in scenarios:
            own = label + rng.normal(0, 0.6, n)
            cells += [(OWN, 0, seed, scenario), (TRUE, 0, seed, scenario)]
            rows += [own, own]
            for k in range(4):
                cells += [(SHUFFLED, k, seed, scenario), (CONTROL, k, seed, scenario)]
                rows += [own + error * rng.normal(size=n) for error in (shuffled_error, control_error)]
            changes.append((seed, scenario, change))
    return Answers(
        sample_ids=np.array([f"s{i}" for i in range(n)], dtype=object),
        video_ids=np.array([f"v{i // 8}" for i in range(n)], dtype=object),
        label=label,
        label_range=(-3.0, 3.0),
        cells=pd.DataFrame(cells, columns=["given", "permutation", "seed", "scenario"]),
        predictions=np.stack(rows),
        changes=pd.DataFrame(changes, columns=["seed", "scenario", "change"]),
    )


def made_recovery(
    factor: float,
    seeds: int = 3,
    scale: tuple[float, ...] = (1.0, 1.0, 1.0),
    *,
    semantic: float | None = None,
    protocols: tuple[str, ...] = ("inter-drop", "intra-random"),
) -> pd.DataFrame:
    """Distances after completion that are `factor` times, at semantic level `semantic` times, those before."""
    rng = np.random.default_rng(5)
    points = made_points(*protocols)
    chosen = points["x"].isin((0.2, 0.5, 0.9)) | points["axis2"].ne("")
    factors = {FEATURE: factor, CONSTANT: factor, SEMANTIC: factor if semantic is None else semantic}
    index = pd.MultiIndex.from_product(
        [factors, range(seeds), points.loc[chosen, "scenario"], range(24), MODALITIES],
        names=["depth", "seed", "scenario", "sample", "modality"],
    )
    table = index.to_frame(index=False)
    table = table[rng.random(len(table)) < 0.5]  # which samples lost something
    table["sample_id"], table["video_id"] = "s" + table["sample"].astype(str), "v" + (table["sample"] // 4).astype(str)
    table["lost"] = np.where(table["scenario"].str.startswith("drop"), 1.0, 0.5)
    table["left"] = rng.uniform(0.5, 1.5, len(table)) * np.asarray(scale)[table["seed"]]
    table["completed"] = table["depth"].map(factors) * table["left"]
    return table.drop(columns="sample")
