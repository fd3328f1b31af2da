"""Small archives of the npz layout, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np


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
