"""A small study of the data set `toy`, for several files of tests."""

from __future__ import annotations

from pathlib import Path

from benchmark.study.study import Study, make_study

MODELS = ["constant", "text-only", "late-fusion-dropout"]


def study(folder: Path, /, **changes: object) -> Study:
    fields: dict[str, object] = {
        "datasets": ["toy"],
        "models": MODELS,
        "protocols": ["complete", "random_positions(rate=0.5)"],
        "seeds": 2,
        "encoder": {"name": str(folder)},
        "optimisation": {"epochs": 2, "batch_size": 16},
    }
    return make_study({**fields, **changes})
