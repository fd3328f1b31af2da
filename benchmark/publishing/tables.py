"""The tables of a study, written beside its file: what `sentibench report` does."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from shlex import quote

from benchmark.evaluation.metrics import metric_names
from benchmark.evaluation.protocol_results import ProtocolResults, protocol_names
from benchmark.papers.reported import published_as
from benchmark.runs.store import replace_file
from benchmark.study.running import read_panels, study_folder
from benchmark.study.study import Study
from benchmark.tables.kinds import TABLES, TableSettings, make_table, why_not
from benchmark.tables.rendering.html import page
from benchmark.tables.table import Table, Value
from protocols import InputError, unknown_name
from senti_ifusion.variants import ABLATION


@dataclass(frozen=True)
class Entry:
    """One table of a study.

    Attributes:
        dataset: Data set with split, such as `mosi/official`.
        protocol: Name of the protocol.
        name: Which table: one of `TABLES`.
        table: The table.
        published: The data set of the field whose test labels these are, or empty.
    """

    dataset: str
    protocol: str
    name: str
    table: Table
    published: str = ""


@dataclass(frozen=True)
class Report:
    """The tables of a study.

    Attributes:
        entries: Every table that there is, by data set, protocol and name.
        files: What was written.
        absent: By name of a table: why the protocols that have none have none.
    """

    entries: tuple[Entry, ...]
    files: tuple[Path, ...]
    absent: dict[str, tuple[str, ...]]

    def chosen(self, names: Sequence[str] = ("leaderboard",), protocols: Sequence[str] = ()) -> list[Entry]:
        """The tables of these names, for each in the order of the study, under these protocols (none: all).

        Raises:
            InputError: for an unknown name or protocol, or when no protocol has such a table.
        """
        known = list(dict.fromkeys(entry.protocol for entry in self.entries))
        wanted = [_protocol(name, known) for name in protocols] or known
        found = []
        for name in dict.fromkeys(names):
            if name not in TABLES:
                raise unknown_name("table", name, TABLES)
            own = [entry for entry in self.entries if entry.name == name and entry.protocol in wanted]
            if not own:
                reasons = self.absent.get(name, ())
                fitting = [r for r in reasons if any(f"'{p}'" in r for p in wanted)] or reasons
                raise InputError(f"--table {name}: {'; '.join(fitting[:1]) or 'there is none'}")
            found += own
        return found


def report(study: Study, root: Path, settings: TableSettings | None = None) -> Report:
    """Make every table of a study and write it beside the study's file.

    `leaderboard.md`, `leaderboard.csv` and `scenarios.md` hold these tables of all data sets and protocols;
    `tables/DATASET/PROTOCOL/NAME.{md,csv,tex,html}` hold every table for itself, ready for a paper's `\\input`.

    Args:
        study: The study.
        root: Folder of the run store.
        settings: Metric, draws, level and the like.

    Raises:
        InputError: when nothing of the study has been run, or the settings do not fit its data.
    """
    chosen = settings or TableSettings(variants=ABLATION)
    entries, absent = study_tables(study, root, chosen)
    return Report(tuple(entries), write_tables(entries, study_folder(study, root), chosen.metric), absent)


def study_tables(study: Study, root: Path, settings: TableSettings) -> tuple[list[Entry], dict[str, tuple[str, ...]]]:
    """Every table of a study, and why others are not there; writes nothing. Raises as `report` does."""
    entries: list[Entry] = []
    absent: dict[str, list[str]] = {}
    add_models = _adding(study, root)
    panels = read_panels(study, root)
    known = [name for panel in panels for name in metric_names(panel.label_range)]
    for panel in panels:
        published = published_as(panel.label, panel.label_range)
        # which another data set of the study has
        lacks = settings.metric in known and settings.metric not in metric_names(panel.label_range)
        for protocol in protocol_names(panel):
            results = ProtocolResults.of(
                panel, protocol, draws=settings.draws, level=settings.level, add_models=add_models
            )
            if not set(results.scenarios) & set(panel.cells["scenario"]):
                continue  # asked for, and not yet evaluated by any model
            for name in TABLES:
                if lacks and name != "leaderboard":
                    low, high = panel.label_range
                    reason = f"{panel.dataset}: labels in [{low:g}, {high:g}] have no {settings.metric}"
                else:
                    reason = why_not(name, results, settings)
                if reason:
                    absent.setdefault(name, []).append(reason)
                else:
                    table = make_table(name, results, settings)
                    entries.append(Entry(f"{panel.dataset}/{panel.split}", results.protocol, name, table, published))
    if not entries:
        raise InputError(f"study '{study.name}': nothing is finished yet; run it to the end first")
    return entries, {name: tuple(dict.fromkeys(reasons)) for name, reasons in absent.items()}


def write_tables(entries: Sequence[Entry], folder: Path, metric: str) -> tuple[Path, ...]:
    """Write tables under a study's folder; see `report` for the files. `metric` is part of the names.

    Tables of data sets and protocols that the study of this name had before, and no longer has, are removed.

    Raises:
        InputError: if the folder cannot be written to.
    """
    leaderboards = [entry for entry in entries if entry.name == "leaderboard"]
    texts = {
        Path("leaderboard.md"): "\n".join(entry.table.markdown() for entry in leaderboards),
        Path("leaderboard.csv"): csv_text(leaderboards),
        Path("scenarios.md"): "\n".join(entry.table.markdown() for entry in entries if entry.name == "scenarios"),
    }
    for entry in entries:
        stem = entry.name if entry.name == "leaderboard" else f"{entry.name}-{metric}"
        place = Path("tables", _safe(entry.dataset), _safe(entry.protocol))
        label = f"tab:{_safe(entry.protocol)}-{stem}"
        texts[place / f"{stem}.md"] = entry.table.markdown()
        texts[place / f"{stem}.csv"] = entry.table.csv()
        texts[place / f"{stem}.tex"] = entry.table.latex(label)
        texts[place / f"{stem}.html"] = page(entry.table.title, [entry.table])
    try:
        places = dict.fromkeys((folder / name).parent for name in texts)
        for place in places:
            place.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            replace_file(folder / name, lambda path, t=text: path.write_text(t, encoding="utf-8"))
        for place in {p for p in folder.glob("tables/*/*") if p.is_dir()} - set(places):
            _remove_tables(place)
    except OSError as error:
        raise InputError(f"{folder}: tables cannot be written ({error.strerror}); give another --out") from None
    return tuple(folder / name for name in texts)


def _remove_tables(place: Path) -> None:
    """What `write_tables` wrote there, and the folders that are empty then; a file of anybody else stays."""
    for file in place.iterdir():
        if any(file.name.startswith(name) for name in TABLES) and file.suffix in {".md", ".csv", ".tex", ".html"}:
            file.unlink()
    for folder in (place, place.parent):
        if not any(folder.iterdir()):
            folder.rmdir()


def csv_text(entries: Iterable[Entry]) -> str:
    """Tables as CSV with columns `dataset` and `protocol` first; neighbours of the same columns share one head."""
    parts = []
    for head, members in groupby(entries, key=lambda entry: entry.table.csv().partition("\n")[0]):
        names = ["dataset", "protocol", *next(csv.reader([head]))]
        out = io.StringIO()
        writer = csv.DictWriter(out, names, lineterminator="\n")
        writer.writeheader()
        for entry in members:
            for row in entry.table.records():
                writer.writerow({"dataset": entry.dataset, "protocol": entry.protocol, **row})
        parts.append(out.getvalue())
    return "\n".join(parts)


def as_record(entry: Entry) -> dict[str, object]:
    """An entry for other programs, to be written as JSON: title, caption, columns, rows, footnotes."""
    rows: list[dict[str, Value]] = entry.table.records()
    return {
        "dataset": entry.dataset,
        "protocol": entry.protocol,
        "table": entry.name,
        "title": entry.table.title,
        "caption": entry.table.caption,
        "columns": [{"name": c.name, "title": c.title, "group": c.group} for c in entry.table.columns],
        "rows": rows,
        "footnotes": [{"mark": note.mark, "text": note.text, "remedy": note.remedy} for note in entry.table.footnotes],
    }


def _protocol(name: str, known: Sequence[str]) -> str:
    """The name of a protocol of the study, given with or without its version."""
    found = [k for k in known if name in (k, k.partition("@")[0])]
    if not found:
        raise unknown_name("protocol of the study", name, known)
    return found[0]


def _adding(study: Study, root: Path) -> Callable[[Sequence[str], Sequence[str]], str]:
    """What adds models to this study: a command, or a line of its file where entries have settings of their own."""
    file = quote(str(study_folder(study, root) / "study.yaml"))
    out = f"--out {quote(str(root))}"
    plain = not any(entry.config or entry.label for entry in study.models)

    def text(models: Sequence[str], _: Sequence[str]) -> str:
        if not models:
            return f"`sentibench run {file} {out}`"
        if plain:
            everyone = ",".join((*(entry.name for entry in study.models), *models))
            return f"`sentibench run {file} --models {everyone} {out}`"
        return f"naming {'it' if len(models) == 1 else 'them'} in {file} and `sentibench run {file} {out}`"

    return text


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_=,." else "_" for c in name).strip(".") or "_"
