"""Small data sets of the layout of the CMU-MultimodalSDK, for tests: a file a sequence, as the SDK writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np

#: By entry: features `(T, D)` and intervals `(T, 2)`.
Sequence: TypeAlias = dict[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]
#: Names of the files.
LABELS = "CMU_MOSI_Opinion_Labels.csd"
WORDS = "CMU_MOSI_TimestampedWords.csd"
VECTORS = "CMU_MOSI_TimestampedWordVectors.csd"
AUDIO = "CMU_MOSI_COVAREP.csd"
VISION = "CMU_MOSI_Visual_Facet_42.csd"
VOCABULARY = ("sp", "anyhow", "it", "was", "really", "good", "movie", "bad", "not")


def write_csd(path: Path, root: str, data: Mapping[str, Any], compression: str | None = "gzip") -> Path:
    """Write one computational sequence: `root/data/<entry>/{features, intervals}` and `root/metadata`."""
    with h5py.File(path, "w") as file:
        group = file.create_group(root)
        entries = group.create_group("data")
        for key, (features, intervals) in data.items():
            entry = entries.create_group(key)
            entry.create_dataset("features", data=features, compression=compression)
            entry.create_dataset("intervals", data=intervals, compression=compression)
        metadata = group.create_group("metadata")
        for key, value in {"root name": root, "dimension names": ["a", "b"], "dataset name": "made for tests"}.items():
            metadata.create_dataset(key, (1,), dtype=h5py.special_dtype(vlen=str))
            metadata[key][0] = json.dumps(value)
    return path


def csd_content(videos: int = 6, seed: int = 0) -> dict[str, tuple[str, Sequence]]:
    """Sequences by file name, with the root names and widths of CMU-MOSI's: labels, words, GloVe, COVAREP and FACET.

    Every video has two to four segments of about two seconds, and speech that begins before the first of them.
    """
    rng = np.random.Generator(np.random.Philox(key=[seed, 11]))
    labels: Sequence = {}
    words: Sequence = {}
    vectors: Sequence = {}
    audio: Sequence = {}
    vision: Sequence = {}
    for v in range(videos):
        key, count = f"vid-{v}_x", int(rng.integers(2, 5))
        cuts = 1.0 + np.cumsum(rng.uniform(1.0, 2.5, count + 1))
        segments = np.stack([cuts[:-1], cuts[1:]], axis=1)
        labels[key] = rng.uniform(-3, 3, (count, 1)).astype(np.float32), segments
        until = cuts[-1] + 1
        spoken = _steps(until, 0.3)
        chosen = rng.integers(0, len(VOCABULARY), len(spoken))
        words[key] = np.array([[VOCABULARY[c].encode()] for c in chosen], dtype="S32"), spoken
        said = chosen > 0  # the vectors have no pauses
        vectors[key] = rng.normal(size=(int(said.sum()), 8)), spoken[said]
        audio[key] = _features(rng, _steps(until, 0.1), 5)
        vision[key] = _features(rng, _steps(until, 0.2), 4)
    return {
        LABELS: ("Opinion Segment Labels", labels),
        WORDS: ("words", words),
        VECTORS: ("glove_vectors", vectors),
        AUDIO: ("COAVAREP", audio),  # so spelt in the published file
        VISION: ("FACET_4.2", vision),
    }


def write_csd_folder(folder: Path, content: Mapping[str, tuple[str, Sequence]] | None = None) -> Path:
    """Write a folder of sequences, by default `csd_content()`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (root, data) in (content or csd_content()).items():
        write_csd(folder / name, root, data)
    return folder


def _steps(until: float, step: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    start = np.arange(0, until, step)
    return np.stack([start, start + step], axis=1)


def _features(rng: np.random.Generator, times: np.ndarray[Any, Any], width: int) -> Any:
    return rng.normal(size=(len(times), width)).astype(np.float32), times
