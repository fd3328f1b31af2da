"""Descriptions of data sets on a terminal: compact tables, histograms as small bars, warnings last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.columns import Columns
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from benchmark.data.description import Description

_BARS = "▁▂▃▄▅▆▇█"
_WIDEST = 120


def bars(counts: Sequence[int]) -> str:
    """Draw counts as bars of eight heights, the largest full; only a count of 0 is blank.

    >>> bars((0, 1, 5, 10))
    ' ▁▄█'
    """
    most = max(counts, default=0)
    return "".join(" " if k == 0 else _BARS[max(0, round(8 * k / most) - 1)] for k in counts)


def show(description: Description, console: Console) -> None:
    """Print a description, at most 120 columns wide and readable in 80."""
    if console.width > _WIDEST:
        console.width = _WIDEST
    console.print(_head(description), highlight=False)
    for title, table in (
        ("Parts", _parts(description)),
        ("Unimodal labels, correlation with the label", _unimodal(description)),
        ("Other splits", _other_splits(description)),
        ("Classes, % of the part", _classes(description)),
        ("Lengths where recorded", _lengths(description)),
        ("Modalities", _modalities(description)),
        (f"Words, tokens of {description.vocabulary}", _words(description)),
        ("In more than one part", _shared(description)),
        ("Each modality separately: ridge regression, test part", _probes(description)),
    ):
        if table is not None:
            console.print()
            console.print(title, style="bold", highlight=False)
            console.print(Padding(table, (0, 0, 0, 2)))
    if description.probes:
        remarks = [f"{p.modality}: {p.reason}" for p in description.probes if p.reason]
        remarks.append("[95 %]: over videos; r in train, in test: each video predicted from the others of its part")
        for line in remarks:
            console.print(Padding(Text(line, style="dim"), (0, 0, 0, 2)))
    console.print()
    if not description.warnings:
        console.print("No warnings.", style="green")
    for line in description.warnings:
        grid = Table.grid(padding=(0, 1))
        grid.add_row(Text("warning:", style="bold yellow"), Text(line))
        console.print(grid)


def _head(d: Description) -> Text:
    low, high = d.label_range
    kind = f"official file {d.official}" if d.official else "not a known official file"
    checksum = f", source sha256 {d.sha256[:12]}" if d.sha256 else ""
    text = Text()
    text.append(f"{d.name}/{d.split}", style="bold")
    text.append(f"  {d.samples:,} samples, labels in [{low:g}, {high:g}]\n")
    text.append(f"{d.source}{checksum}", style="dim")
    if d.sha256:
        text.append(f"; {kind}", style="dim")
    for note in d.notes:
        # already printed above, from the checksum
        if not note.startswith(("official file", "not one of the published")):
            text.append(f"\n{note}", style="dim")
    return text


def _table(*headers: str, left: int = 1) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for i, header in enumerate(headers):
        table.add_column(header, justify="left" if i < left else "right", no_wrap=True)
    return table


def _parts(d: Description) -> Table:
    signs = ("neg.", "zero", "pos.") if d.classes else ()  # in another range, the neutral label is unknown
    table = _table("", "samples", "videos", *signs, "mean", "sd", "const. MAE")
    table.add_column("labels", no_wrap=True)
    for p in d.parts:
        if p.split == d.split:
            signed = (p.negative, p.zero, p.positive) if d.classes else ()
            counts = [f"{k:,}" for k in (p.samples, p.videos, *signed)]
            values = [_number(v) for v in (p.mean, p.deviation, p.constant_mae)]
            table.add_row(p.part, *counts, *values, bars(d.labels.counts[p.part]))
    return table


def _unimodal(d: Description) -> Text | None:
    return Text("  ".join(f"{m} {value:.2f}" for m, value in d.unimodal.items())) if d.unimodal else None


def _other_splits(d: Description) -> Table | None:
    splits = [s for s in dict.fromkeys(p.split for p in d.parts) if s != d.split]
    if not splits:
        return None
    table = _table("", "train", "valid", "test", "videos of test")
    for split in splits:
        own = {p.part: p for p in d.parts if p.split == split}
        table.add_row(split, *(f"{p.samples:,}" for p in own.values()), f"{own['test'].videos:,}")
    return table


def _classes(d: Description) -> Columns | None:
    tables = []
    for scheme in d.classes:
        table = _table(scheme.title, *scheme.classes)
        for part, counts in scheme.counts.items():
            total = max(sum(counts), 1)
            table.add_row(part, *(f"{100 * k / total:.1f}" for k in counts))
        tables.append(Padding(table, (0, 2, 0, 0)))
    return Columns(tables) if tables else None


def _lengths(d: Description) -> Table:
    table = _table("", "", "n", "min", "25 %", "50 %", "75 %", "95 %", "max", "mean", left=2)
    table.add_column("", no_wrap=True)
    for row in d.lengths:
        first = row.modality if row.part == "train" else ""
        histogram = d.length_histograms.get(row.modality)
        values = (row.least, row.lower, row.median, row.upper, row.tail, row.most)
        shape = bars(histogram.counts[row.part]) if histogram and row.least != row.most else ""
        table.add_row(
            first,
            row.part,
            f"{row.recorded:,}",
            *("" if v is None else f"{v:.0f}" for v in values),
            "" if row.mean is None else f"{row.mean:.1f}",
            shape,
        )
    return table


def _modalities(d: Description) -> Table:
    table = _table("", "width", "positions", "gaps", "gapped", "absent", "NaN", "inf", "overflow", "largest")
    for m in d.modalities:
        replaced = [f"{m.replaced.get(reason, 0):,}" for reason in ("nan", "inf", "overflow")]
        table.add_row(
            m.modality,
            f"{m.width}" if m.width else "tokens",
            f"{m.positions:,}",
            *(f"{share:.1%}" for share in (m.gaps, m.gapped, m.absent)),
            *(replaced if m.width else ("", "", "")),
            "" if m.largest is None else f"{m.largest:.4g}",
        )
    return table


def _words(d: Description) -> Table | None:
    if not d.vocabularies:
        return None
    table = _table("", "tokens", "distinct", "not in train", r"\[UNK]")
    for v in d.vocabularies:
        unseen = "" if v.part == "train" else f"{v.unseen:.1%}"
        table.add_row(v.part, f"{v.tokens:,}", f"{v.distinct:,}", unseen, f"{v.unknown:.1%}")
    return table


def _shared(d: Description) -> Table | Text:
    if not d.shared:
        return Text("nothing: no video, no text, no features", style="dim")
    table = _table("", "parts", "shared", "same label", "samples", left=2)
    table.add_column("such as", no_wrap=True)
    for s in d.shared:
        counts = [f"{k:,}" for k in (s.groups, s.same_label, s.samples)]
        table.add_row(s.what, f"{s.first}, {s.second}", *counts, Text(_cut(s.example)))
    return table


def _cut(text: str) -> str:
    """Shorten a text to the space beside the numbers on 80 columns."""
    return text if len(text) <= 26 else text[:25] + "…"


def _probes(d: Description) -> Table | None:
    if not d.probes:
        return None
    accuracy = ("Acc-2", r"\[95 %]") if d.classes else ()
    table = _table("", "MAE", "Corr", *accuracy, "train", "test", "r in train", "r in test")
    for p in d.probes:
        if p.reason:
            table.add_row(p.modality, Text("-", style="dim"))
            continue
        band = "" if p.low is None or p.high is None else f"{p.low:.3f}-{p.high:.3f}"
        within = ["≤ 0" if v == 0 else _number(v, 2) for v in (p.train_corr, p.test_corr)]
        values = [_number(v, 3) for v in (p.mae, p.corr)]
        values += [_number(p.accuracy, 3), band] if d.classes else []
        table.add_row(p.modality, *values, f"{p.train:,}", f"{p.test:,}", *within)
    return table


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:z.{digits}f}"
