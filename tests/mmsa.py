"""Small files of the MMSA layout, for tests."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Published:
    """Steps and widths of a published file."""

    text: int
    audio: tuple[int, int]
    vision: tuple[int, int]
    aligned: bool = False
    chinese: bool = False


PUBLISHED = {
    "mosi_unaligned_50": Published(50, (375, 5), (500, 20)),
    "mosi_aligned_50": Published(50, (50, 5), (50, 20), aligned=True),
    "mosei_unaligned_50": Published(50, (500, 74), (500, 35)),
    "mosei_aligned_50": Published(50, (50, 74), (50, 35), aligned=True),
    "sims_unaligned_39": Published(39, (400, 33), (55, 709), chinese=True),
    "simsv2_unaligned": Published(50, (925, 25), (232, 177), chinese=True),
}


def published_content(
    layout: Published, sizes: tuple[int, int, int] = (4, 2, 3), seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Few samples with the fields, shapes and types of a published file.

    In aligned files frames stand where their words do: zeros at `[CLS]`, at `[SEP]`, and from there on.
    """
    rng = np.random.Generator(np.random.Philox(key=[seed, 8]))
    content = {}
    for part, n in zip(("train", "valid", "test"), sizes, strict=True):
        words = rng.integers(1, layout.text - 1, n)
        text = np.zeros((n, 3, layout.text), np.float32)
        for i, count in enumerate(words):
            text[i, 0, : count + 2] = [101, *rng.integers(2000, 21_000, count), 102]
            text[i, 1, : count + 2] = 1
        high = 1 if layout.chinese else 3
        label = np.clip(rng.normal(0, high / 2, n), -high, high).astype(np.float32)
        columns: dict[str, Any] = {
            "raw_text": np.array(["\u6211\u4e0d\u77e5\u9053" if layout.chinese else "NOT BAD AT ALL"] * n),
            "text": np.zeros((n, layout.text, 768), np.float32),
            "text_bert": text,
            "id": np.array([f"video_{part}_{i:04d}$_${i}" for i in range(n)]),
            "annotations": np.array(["Neutral"] * n),
            "classification_labels": np.ones(n, np.float32),
            "regression_labels": label,
        }
        for modality, (steps, width) in (("audio", layout.audio), ("vision", layout.vision)):
            lengths = words if layout.aligned else rng.integers(1, steps + 1, n)
            values, first = np.zeros((n, steps, width), np.float32), int(layout.aligned)
            for i, count in enumerate(lengths):
                values[i, first : first + count] = rng.normal(size=(count, width))
            columns[modality] = values
            if not layout.aligned:
                columns[f"{modality}_lengths"] = lengths.tolist()
        if layout.chinese:
            columns |= {f"regression_labels_{m}": label * k / 4 for k, m in enumerate("TAV", 1)}
        content[part] = columns
    return content
