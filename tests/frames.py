"""A small data frame of samples with audio, for tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

N = 30
#: Arguments of `from_frame` for `frame()`.
COLUMNS = {"text": "words", "label": "score", "audio": "egemaps", "split": "part", "video": "talk", "id": "clip"}


def frame() -> pd.DataFrame:
    """30 samples of 10 videos; sample 3 has no audio, sample 4 no text."""
    rng = np.random.Generator(np.random.Philox(key=[7, 7]))
    score = np.round(rng.uniform(-3, 3, N), 1)
    words = ["this is good" if value > 0 else "this is bad" for value in score]
    audio = [rng.normal(size=(2 + i % 4, 5)).astype(np.float32) for i in range(N)]
    return pd.DataFrame(
        {
            "clip": [f"clip{i}" for i in range(N)],
            "talk": [f"talk{i // 3}" for i in range(N)],
            "part": ["train"] * 18 + ["dev"] * 6 + ["test"] * 6,
            "words": [None if i == 4 else text for i, text in enumerate(words)],
            "score": score,
            "egemaps": [None if i == 3 else values for i, values in enumerate(audio)],
        }
    )
