"""What is in a data set: parts, classes, lengths, gaps, and what could spoil an evaluation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from benchmark.data.samples import PARTS, IntArray, Samples
from protocols import MODALITIES

_QUANTILES = {"min": 0.0, "median": 0.5, "95 %": 0.95, "max": 1.0}
_USED = ("train", "valid", "test")


@dataclass(frozen=True)
class Description:
    """Tables about a data set.

    Attributes:
        parts: One row a split and part: samples, videos, classes (negative, zero, positive), mean label, and the MAE of
            always saying the training median.
        labels: Histogram of the labels of the first split, a column a part.
        modalities: One row a modality: width, positions, quantiles of the length, share of positions that are gaps and
            of samples without it, replaced values.
        notes: Provenance, duplicates, videos in more than one part; a line each.
    """

    parts: pd.DataFrame
    labels: pd.DataFrame
    modalities: pd.DataFrame
    notes: tuple[str, ...] = field(default_factory=tuple)

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by title."""
        return {"splits": self.parts, "labels": self.labels, "modalities": self.modalities}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        tables = {title: frame.to_dict(orient="records") for title, frame in self.tables().items()}
        return {**tables, "notes": list(self.notes)}


def describe(samples: Samples) -> Description:
    """Describe samples; pure, and quick enough for any data set."""
    notes = [f"source: {samples.provenance.source} (sha256 {samples.provenance.source_sha256[:12] or 'none'})"]
    notes += samples.provenance.notes
    for split, codes in samples.splits.items():
        notes += _overlaps(samples, split, codes)
    return Description(
        parts=pd.DataFrame([row for split in samples.splits for row in _parts(samples, split)]),
        labels=_histogram(samples, next(iter(samples.splits))),
        modalities=pd.DataFrame([_modality(samples, m) for m in MODALITIES]),
        notes=tuple(notes),
    )


def _parts(samples: Samples, split: str) -> list[dict[str, object]]:
    codes = samples.splits[split]
    train = samples.label[codes == PARTS["train"]]
    middle = float(np.median(train)) if len(train) else 0.0
    rows = []
    for part in _USED:
        chosen = codes == PARTS[part]
        label = samples.label[chosen]
        rows.append(
            {
                "split": split,
                "part": part,
                "samples": int(chosen.sum()),
                "videos": len(set(samples.video_ids[chosen].tolist())),
                "negative": int((label < 0).sum()),
                "zero": int((label == 0).sum()),
                "positive": int((label > 0).sum()),
                "mean": round(float(label.mean()), 3) if len(label) else 0.0,
                "const. MAE": round(float(np.abs(label - middle).mean()), 3) if len(label) else 0.0,
            }
        )
    return rows


def _histogram(samples: Samples, split: str) -> pd.DataFrame:
    low, high = samples.provenance.label_range
    edges = np.linspace(low, high, 13)
    codes = samples.splits[split]
    table: dict[str, list[object]] = {"from": [round(float(e), 3) for e in edges[:-1]]}
    table["to"] = [round(float(e), 3) for e in edges[1:]]
    for part in _USED:
        counts, _ = np.histogram(samples.label[codes == PARTS[part]], edges)
        table[part] = [int(c) for c in counts]
    return pd.DataFrame(table)


def _modality(samples: Samples, modality: str) -> dict[str, object]:
    stream = samples.streams[modality]  # type: ignore[index]
    lengths: IntArray = np.diff(stream.offsets)
    seen = np.add.reduceat(stream.observed.astype(np.int64), stream.offsets[:-1])
    replaced = samples.provenance.cleaning.get(modality, {})
    return {
        "modality": modality,
        "width": stream.width or "tokens",
        "positions": len(stream.observed),
        **{title: float(np.quantile(lengths, q)) for title, q in _QUANTILES.items()},
        "gaps %": round(100 * float((~stream.observed).mean()), 2),
        "absent %": round(100 * float((seen == 0).mean()), 2),
        "replaced": sum(replaced.values()),
    }


def _overlaps(samples: Samples, split: str, codes: np.ndarray[Any, np.dtype[np.uint8]]) -> list[str]:
    """What stands in more than one part: videos, and texts that are equal word for word."""
    lines = []
    for what, column in (("video", samples.video_ids), ("text", samples.raw_text)):
        parts: dict[str, set[int]] = {}
        for value, code in zip(column.tolist(), codes.tolist(), strict=True):
            if value and code:
                parts.setdefault(value, set()).add(code)
        shared = Counter(len(where) > 1 for where in parts.values())[True]
        if shared:
            lines.append(f"split {split}: {shared} {what}s stand in more than one part")
        elif what == "video":
            lines.append(f"split {split}: no video stands in more than one part")
    return lines
