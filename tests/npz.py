"""Small archives of the npz layout, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.samples import Samples


def npz_content(n: int = 6) -> dict[str, Any]:
    """Arrays by name, as the layout wants them, with gaps in the first two samples."""
    rng = np.random.Generator(np.random.Philox(key=[3, 1]))
    content: dict[str, Any] = {
        "id": np.array([f"s{i}" for i in range(n)]),
        "label": np.linspace(-3, 3, n).astype(np.float32),
        "split.official": np.resize(["train", "valid", "test"], n),
    }
    for modality, width in (("text", 4), ("audio", 3), ("vision", 2)):
        observed = np.ones((n, 5), bool)
        observed[0, 1] = observed[1] = False
        values = rng.normal(size=(n, 5, width)).astype(np.float32) * observed[..., None]
        content |= {f"{modality}.values": values, f"{modality}.observed": observed}
    return content


def write_npz(
    samples: Samples,
    rows: Sequence[int],
    path: Path,
    lacking: Sequence[str] = (),
    erased: Sequence[str] = (),
    **more: Any,
) -> Path:
    """Some samples as an archive without labels and splits; modalities lacking altogether, or erased in place."""
    arrays: dict[str, Any] = {"id": samples.ids[list(rows)].astype(str)}
    for modality, stream in samples.streams.items():
        if modality in lacking:
            continue
        content = stream.values if stream.values is not None else stream.token_ids
        assert content is not None
        lengths = np.diff(stream.offsets)[list(rows)]
        padded = np.zeros((len(lengths), lengths.max(), *content.shape[1:]), content.dtype)
        observed = np.zeros(padded.shape[:2], np.bool_)
        for k, row in enumerate(rows):
            span = slice(stream.offsets[row], stream.offsets[row + 1])
            padded[k, : lengths[k]] = content[span]
            observed[k, : lengths[k]] = stream.observed[span] & (modality not in erased)
        kind = "values" if stream.values is not None else "token_ids"
        arrays |= {f"{modality}.{kind}": padded, f"{modality}.observed": observed, f"{modality}.length": lengths}
    np.savez(path, **{**arrays, **more})
    return path
