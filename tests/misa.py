"""Small files of the layouts of MISA, MAG-BERT, MMIM and MulT, for tests."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_WORDS = "i really did not like this movie at all but her voice and his face made me laugh"
_NAMES = {"misa": ("train", "dev", "test"), "mult": ("train", "valid", "test")}


def misa_content(
    sizes: tuple[int, int, int] = (6, 4, 5), fields: int = 4, label: tuple[int, ...] = (1, 1), seed: int = 0
) -> dict[str, list[Any]]:
    """`train`, `dev`, `test` as lists of `(features, label, id)`.

    Args:
        sizes: Utterances of each part.
        fields: 3: (words, vision, audio); 4: (word ids, vision, audio, words); 6: with lengths of vision and audio,
            which have rates of their own, and no word ids.
        label: Shape of a label.
        seed: Of everything.
    """
    rng = np.random.Generator(np.random.Philox(key=[seed, 9]))
    content, known = {}, _WORDS.split()
    for part, n in zip(_NAMES["misa"], sizes, strict=True):
        entries: list[Any] = []
        for i in range(n):
            count = int(rng.integers(2, 12))
            spoken = rng.integers(0, len(known), count)
            words = [known[k] for k in spoken]
            steps = (count, count) if fields < 6 else tuple(rng.integers(2, 20, 2).tolist())
            vision, audio = rng.normal(size=(steps[0], 5)), rng.normal(size=(steps[1], 3))
            features = {
                3: (words, vision, audio),
                4: (spoken + 2, vision, audio, words),
                6: ([], vision, audio, words, np.int64(steps[0]), np.int64(steps[1])),
            }[fields]
            value = np.clip(rng.normal(0, 1.5, label), -3, 3).astype(np.float32)
            entries.append((features, value, f"{part}{i // 2}-x_Y[{i % 2}]"))
        content[part] = entries
    return content


def write_misa_folder(folder: Path, content: Mapping[str, Any]) -> Path:
    """One pickle a part."""
    folder.mkdir(exist_ok=True)
    for part, entries in content.items():
        (folder / f"{part}.pkl").write_bytes(pickle.dumps(entries))
    return folder


def mult_content(
    sizes: tuple[int, int, int] = (6, 4, 5), aligned: bool = True, columns: int = 1, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """`train`, `valid`, `test` as dicts of arrays that are padded on the left, ids (n, 3) of bytes."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 10]))
    content = {}
    for part, n in zip(_NAMES["mult"], sizes, strict=True):
        arrays: dict[str, Any] = {}
        words = rng.integers(1, 11, n)
        for modality, width, steps in (("text", 6, 10), ("audio", 3, 15), ("vision", 4, 20)):
            longest = 10 if aligned else steps
            lengths = words if aligned else rng.integers(1, longest + 1, n)
            arrays[modality] = np.zeros((n, longest, width))
            for i, count in enumerate(lengths):
                arrays[modality][i, longest - count :] = rng.normal(size=(count, width))
        arrays["labels"] = np.clip(rng.normal(0, 1.5, (n, columns, 1)), -3, 3).astype(np.float32)
        if columns > 1:
            arrays["labels"] = arrays["labels"].reshape(n, 1, columns)
        arrays["id"] = np.array([[f"{part}{i // 2}", f"{i}.0", f"{i}.9"] for i in range(n)]).astype("S20")
        content[part] = arrays
    return content
