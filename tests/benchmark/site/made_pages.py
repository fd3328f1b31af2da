"""Pages of made-up panels, with names that try to be more than names."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np

from benchmark.evaluation.panel import Gap, Panel
from benchmark.runs.record import Evaluation, RunRecord
from benchmark.runs.spec import RunSpec
from benchmark.site import Bundle, make_bundle
from tests.benchmark.fake_panel import fake_panel

MODELS = ("constant", "text-only", "late-fusion-dropout", "lnln", "senti-ifusion", "oracle")
PROTOCOLS = ("complete", "inter-drop", "inter-subsets", "uncertain")
COMMAND = "sentibench run study.yaml --out runs"

#: What a name, a note or an error's message may hold.
HOSTILE = (
    "<script>window.broken = 1</script>",
    "</script><img src=x onerror='window.broken = 2'>",
    "\"'><svg onload=window.broken=3>",
    "javascript:window.broken=4",
    "<!-- <script> ${window.broken=5} {{ 7 * 7 }} -->",
    "reversed \u202eevil\u2066 \u200bname\u2028end",
)

DESCRIBED: dict[str, dict[str, Any]] = {
    "lnln": {"kind": "baseline", "model": "lnln", "title": "LNLN", "paper": "a paper", "year": 2024,
             "paper_url": "https://example.org/lnln", "code_url": "https://example.org/code",
             "differences": ["another optimiser"]},
    "senti-ifusion": {"kind": "senti-ifusion", "model": "senti-ifusion", "title": "Senti-iFusion"},
    "constant": {"kind": "reference"},
}  # fmt: skip


def small_panel(protocols: tuple[str, ...] = PROTOCOLS, **changes: Any) -> Panel:
    """Few samples, an oracle of one seed, something missing."""
    panel = fake_panel(MODELS, 3, protocols, samples=90, videos=9)
    kept = ~((panel.cells["model"] == "oracle") & (panel.cells["seed"] > 0)).to_numpy()
    gap = Gap("mult", 1, "", "failed (loss is NaN)", ("complete", "drop(rate=0.1)"), COMMAND)
    fields: dict[str, Any] = {
        "cells": panel.cells[kept].reset_index(drop=True),
        "predictions": panel.predictions[kept],
        "missing": (gap,),
    }
    return dataclasses.replace(panel, **{**fields, **changes})


def record(run: str, model: str, seed: int, **changes: Any) -> RunRecord:
    """A record of the store, with another id than its spec's."""
    spec = RunSpec(
        dataset="synthetic", split="official", data_sha256="ab" * 32, model=model, config={"width": 64}, regime="r",
        regime_fingerprint="f", encoder=None, encoder_revision=None, scaling="log", seed=seed,
    )  # fmt: skip
    masks = tuple(
        Evaluation(scenario=s, fingerprint="0123", masks_sha256="cd" * 32, mae=1.0)
        for s in ("complete", "drop(rate=0)")
    )
    fields: dict[str, Any] = {
        "parameters": 12345,
        "epochs": 8,
        "best_epoch": 5,
        "valid_mae": 0.9,
        "seconds": {"train": 12.5, "evaluate": 1.5},
        "evaluations": masks,
        "provenance": {"git_commit": "4d9640c2bb3b", "git_dirty": True, "sentibench": "0.1.0"},
    }
    return RunRecord(id=run, spec=spec, status="done", **{**fields, **changes})


@cache
def small_bundle() -> Bundle:
    """Results, and for one protocol what choosing on the test set would have given."""
    panel = small_panel()
    records = [record(f"lnln-{seed}", "lnln", seed) for seed in range(3)] + [record("other", "mult", 0)]
    return make_bundle(
        "demo", [panel], oracles=oracles(panel), models=DESCRIBED, records=lambda ids: records,
        command=COMMAND, version="0.1.0", draws=60,
    )  # fmt: skip


def oracles(panel: Panel) -> dict[str, dict[str, dict[str, Panel]]]:
    """Predictions that are nearer to the truth, chosen for two metrics."""
    contest = (panel.cells["model"] != "oracle").to_numpy()
    better = dataclasses.replace(
        panel,
        cells=panel.cells[contest].reset_index(drop=True),
        predictions=0.9 * panel.predictions[contest] + 0.1 * panel.label,
        selection="test-oracle",
        missing=(),
    )
    best = dataclasses.replace(better, predictions=0.8 * better.predictions + 0.2 * panel.label)
    return {"synthetic/official": {"inter-drop": {"mae": better, "acc7": best}}}


@cache
def hostile_bundle() -> Bundle:
    """Every text of a page is hostile."""
    names = dict(zip(MODELS, HOSTILE, strict=True))
    panel = small_panel(("complete", "inter-drop", "inter-subsets"))
    cells = panel.cells.assign(model=panel.cells["model"].map(names))
    points = panel.points.assign(
        tick=[f"{HOSTILE[i % 6]}" for i in range(len(panel.points))],
        axis=panel.points["axis"].map(lambda axis: HOSTILE[1] if axis else ""),
        protocol=panel.points["protocol"].map(lambda p: p if p == "complete" else f"{p} {HOSTILE[0]}"),
    )
    changed = dataclasses.replace(
        panel,
        dataset=HOSTILE[1],
        split=HOSTILE[2],
        regime=HOSTILE[5],
        cells=cells,
        points=points,
        runs=panel.runs.assign(model=panel.runs["model"].map(names)),
        external=frozenset(HOSTILE[3:4]),
        mask_informed=frozenset(HOSTILE[:1]),
        missing=tuple(Gap(text, 0, text, f"failed ({text})", (text,), text) for text in HOSTILE),
        notes=HOSTILE,
        label=np.asarray(panel.label),
    )
    about = {text: {"kind": "baseline", "model": text, "title": text, "paper": text, "year": 1, "paper_url": address,
                    "code_url": address,
                    "differences": [text]}
             for text, address in zip(HOSTILE, ["javascript:window.broken=6", "data:text/html,x", *HOSTILE[:4]],
                                      strict=True)}  # fmt: skip
    records = [
        record(f"{model}-0", text, 0, provenance={text: text, "git_commit": text}, seconds={"train": 1.0})
        for model, text in names.items()
    ]
    return make_bundle(
        HOSTILE[1], [changed], models=about, records=lambda ids: records, absent=HOSTILE,
        command=HOSTILE[1], version=HOSTILE[2], draws=20,
    )  # fmt: skip
