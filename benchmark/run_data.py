"""The samples and the text side of a run, kept for the next run of this process."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch

from benchmark.data.config import EncoderConfig
from benchmark.data.dataset import Dataset, build_dataset
from benchmark.data.encoding import TextEncoder
from benchmark.data.sources import load_samples
from benchmark.data.states import StateCache
from benchmark.runs import RunSpec
from protocols import InputError


def run_data(spec: RunSpec, folder: Path, device: torch.device) -> tuple[Dataset, StateCache | TextEncoder | None]:
    """The data set and the text side of a run; kept for the next run of this process where nothing is trained in it."""
    text: StateCache | TextEncoder | None = None
    if spec.encoder is not None:
        if spec.encoder.mode == "frozen":
            text = _frozen(spec.encoder, spec.encoder_revision or "", folder, str(device))
        else:
            text = TextEncoder(spec.encoder).to(device)
    encoder = text.encoder if isinstance(text, StateCache) else text
    if isinstance(text, TextEncoder):
        return build_dataset(load_samples(spec.dataset), spec.split, encoder, spec.scaling), text
    return _dataset(spec.dataset, spec.split, spec.data_sha256, spec.scaling, encoder), text


@lru_cache(maxsize=2)
def _dataset(name: str, split: str, expected: str, scaling: str, encoder: TextEncoder | None) -> Dataset:
    dataset = build_dataset(load_samples(name), split, encoder, scaling)  # type: ignore[arg-type]
    if dataset.fingerprint != expected:
        raise InputError(f"{name}: changed since the study was planned; run the study again")
    return dataset


@lru_cache(maxsize=1)
def _frozen(config: EncoderConfig, revision: str, folder: Path, device: str) -> StateCache:
    return StateCache(TextEncoder(config).to(device), revision, folder)
