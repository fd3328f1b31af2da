"""Warnings on flaws of a data set that could invalidate an evaluation, one line each."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.data.description.duplicates import LONG_TEXT
from benchmark.data.description.tables import Lengths, ModalityCounts, PartCounts, Shared

#: Shares of replaced values, and differences in recorded shares, from which a warning is given.
REPLACED, ABSENT = 0.001, 0.2


def cautions(
    split: str,
    parts: Sequence[PartCounts],
    lengths: Sequence[Lengths],
    modalities: Sequence[ModalityCounts],
    shared: Sequence[Shared],
    near: Sequence[tuple[str, ...]],
) -> list[str]:
    """Return all warnings except those of the probes, worst first."""
    chosen = [p for p in parts if p.split == split]
    lines = [f"split {split} has no {p.part} samples; it cannot be used for a study" for p in chosen if not p.samples]
    lines += [_overlap(s) for s in shared if s.alarming]
    lines += _recorded(lengths)
    for m in modalities:
        replaced = sum(m.replaced.values())
        values = m.positions * m.width
        if m.width and replaced > REPLACED * values:
            counts = ", ".join(f"{count:,} {reason}" for reason, count in m.replaced.items() if count)
            lines.append(f"{m.modality}: {replaced / values:.2%} of the values were replaced by 0 at import ({counts})")
        if m.width and m.constant:
            lines.append(f"{m.modality}: {m.constant} of {m.width} features never change")
    if near:
        lines.append(
            f"{_many(len(near), 'group')} of ids differ only in case, punctuation or zeros, such as "
            f"{' and '.join(near[0][:2])}: the same sample twice?"
        )
    return lines


def _overlap(shared: Shared) -> str:
    where, groups = f"{shared.first} and {shared.second}", shared.groups
    if shared.what == "video":
        return (
            f"{_many(groups, 'video')} in both {where} ({_many(shared.samples, 'sample')} of {shared.second}), such as "
            f"video {shared.example}: {shared.second} has speakers that {shared.first} knows"
        )
    if shared.what == "text":
        return (
            f"{_many(shared.alarming, 'text')} of {LONG_TEXT} words or more in both {where} with one label, such as "
            f"'{shared.example}': the same sample twice?"
        )
    return (
        f"{shared.what}: {_many(groups, 'recording')} in both {where} with the same features, value for value, "
        f"such as {shared.example} ({shared.same_label} with the same label)"
    )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _recorded(lengths: Sequence[Lengths]) -> list[str]:
    """Warn of modalities that are never recorded, or much more often in one part than in another."""
    lines = []
    for modality in dict.fromkeys(row.modality for row in lengths):
        rows = [row for row in lengths if row.modality == modality and row.recorded + row.absent]
        if not any(row.recorded for row in rows):
            if rows:
                lines.append(f"{modality}: never recorded; every result on this data set is without it")
            continue
        share = {row.part: row.absent / (row.recorded + row.absent) for row in rows}
        if max(share.values()) - min(share.values()) > ABSENT:
            shares = ", ".join(f"{value:.0%} of {part}" for part, value in share.items())
            lines.append(f"{modality}: absent in {shares}; the parts are not alike")
    return lines
