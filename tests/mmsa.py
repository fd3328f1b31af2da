"""A small file of the MMSA layout, for tests."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np


def mmsa_content(sizes: tuple[int, int, int] = (24, 8, 10), seed: int = 0) -> dict[str, dict[str, Any]]:
    """`train`, `valid`, `test` as in `unaligned_50.pkl`, with sequences of audio and vision; the last text is full."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 7]))
    content = {}
    for part, n in zip(("train", "valid", "test"), sizes, strict=True):
        words = rng.integers(1, 20, n)
        words[-1] = 48  # no padding is left behind this one
        text = np.zeros((n, 3, 50), np.float32)
        for i, count in enumerate(words):
            text[i, 0, : count + 2] = [101, *rng.integers(2000, 3000, count), 102]
            text[i, 1, : count + 2] = 1
        audio_lengths, vision_lengths = rng.integers(1, 13, n), rng.integers(0, 16, n)
        audio, vision = rng.normal(size=(n, 12, 5)).astype(np.float32), rng.normal(size=(n, 15, 20)).astype(np.float32)
        for i in range(n):
            audio[i, audio_lengths[i] :] = 0
            vision[i, vision_lengths[i] :] = 0
        content[part] = {
            "raw_text": np.array(["some words"] * n),
            "text_bert": text,
            "audio": audio,
            "vision": vision,
            "audio_lengths": audio_lengths.tolist(),
            "vision_lengths": vision_lengths.tolist(),
            "id": np.array([f"{part}{i // 3}$_${i % 3}" for i in range(n)]),
            "regression_labels": np.clip(rng.normal(0, 1.5, n), -3, 3).astype(np.float32),
        }
    return content


def write_mmsa_pickle(path: Path, **options: Any) -> Path:
    """Write `mmsa_content` as a pickle."""
    path.write_bytes(pickle.dumps(mmsa_content(**options)))
    return path
