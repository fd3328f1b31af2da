"""Tables of a study, written beside its file, as in `sentibench report`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.evaluation.metrics import metric_names
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import ProtocolResults, protocols_called
from benchmark.files import csv_cell, replace_text, safe_name
from benchmark.papers.reported import published_as
from benchmark.publishing.references import References, references
from benchmark.results.parallel import LARGE, each
from benchmark.results.study_results import StudyResults
from benchmark.tables.kinds import TABLES, TableKind, TableSettings
from benchmark.tables.rendering.html import page
from benchmark.tables.table import Table, Value
from benchmark.words import ACROSS, plural
from protocols import InputError, unknown_name
from senti_ifusion.ablation import ABLATION


@dataclass(frozen=True)
class Entry:
    """Table of a study.

    Attributes:
        dataset: Data set with split, such as `mosi/official`; empty for a table of all.
        protocol: Name of the protocol; empty for a table of all.
        name: Kind of table.
        table: The table.
        published: Published data set that has the same test labels, or empty.
    """

    dataset: str
    protocol: str
    name: str
    table: Table
    published: str = ""

    def label(self, metric: str) -> str:
        """Return the label in LaTeX, which names data sets, protocol and table."""
        data = [self.dataset] if self.dataset else list(dict.fromkeys(c.over for c in self.table.columns if c.over))
        parts = [*data, self.protocol, self.stem(metric)]
        return f"tab:{'-'.join(safe_name(part) for part in parts if part)}"

    def stem(self, metric: str) -> str:
        """Return the name of the table's files."""
        return self.name if self.name == "leaderboard" or not self.dataset else f"{self.name}-{metric}"


@dataclass(frozen=True, repr=False)
class Report:
    """Tables of a study.

    Attributes:
        entries: All existing tables, by data set, protocol and name.
        files: Written files.
        absent: Reasons why protocols have no table, by name of the table.
        failed: Names of the tables that could not be made, where several were asked for.
    """

    entries: tuple[Entry, ...]
    files: tuple[Path, ...]
    absent: dict[str, tuple[str, ...]]
    failed: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"<report: {plural(len(self.entries), 'table')}, {plural(len(self.files), 'file')}>"

    def _repr_html_(self) -> str:
        """Return the leaderboards, which notebooks show."""
        return "".join(entry.table.html() for entry in self.chosen())

    def chosen(self, names: Sequence[str] = ("leaderboard",), protocols: Sequence[str] = ()) -> list[Entry]:
        """Return the tables of these names, for each in the order of the study, under these protocols (none: all).

        Raises:
            InputError: for an unknown name or protocol.
        """
        known = list(dict.fromkeys(entry.protocol for entry in self.entries if entry.protocol))
        wanted = ["", *([_protocol(name, known) for name in protocols] or known)]
        kinds = [TABLES.get(name).name for name in dict.fromkeys(names)]
        return [entry for name in kinds for entry in self.entries if entry.name == name and entry.protocol in wanted]

    def left_out(self, names: Sequence[str], protocols: Sequence[str] = ()) -> list[str]:
        """Return a line with the reason for every chosen table that no protocol has, and for each that failed."""
        lines = []
        for name in dict.fromkeys((*names, *sorted(self.failed))):
            if not self.chosen([name], protocols):
                reasons = self.absent.get(name, ())
                fitting = [r for r in reasons if any(f"'{p}'" in r for p in protocols)] or list(reasons)
                lines.append(f"{name} left out: {fitting[0] if fitting else 'the study has no such table'}")
        return lines


def report(
    results: StudyResults,
    settings: TableSettings | None = None,
    names: Sequence[str] = (),
    protocols: Sequence[str] = (),
) -> Report:
    """Make every table of a study and write it beside the study's file; a published folder has its tables already.

    `leaderboard.md`, `leaderboard.csv` and `scenarios.md` hold these tables of all data sets and protocols;
    `tables/DATASET/PROTOCOL/NAME.{md,csv,tex,html}` hold one table each, ready for a paper's `\\input`. A table of all
    data sets is beside the study's file, with `NAME-notes.md` and `references.bib`.

    Args:
        results: Results of a study.
        settings: Settings of the tables: metric, draws, level and others.
        names: Further tables to make that are only made on request; of these, tables of all data sets are written.
        protocols: Protocols in tables of all data sets; none: all.

    Raises:
        InputError: if no run of the study is finished, a name is unknown, the settings do not fit its data, or a
            file cannot be written.
    """
    chosen = settings or TableSettings(variants=ABLATION)
    cited = None
    if any(TABLES.get(name).of_all for name in names):
        cited = references(results)
        chosen = replace(chosen, models=cited.models, datasets=cited.datasets)
    failed: set[str] | None = set() if len(names) > 1 else None
    entries, absent = study_tables(results, chosen, names, protocols, failed)
    written = [entry for entry in entries if TABLES.get(entry.name).written or not entry.dataset]
    files = write_tables(written, results.folder, chosen.metric, cited) if results.plan else ()
    return Report(tuple(entries), files, absent, frozenset(failed or ()))


def study_tables(
    results: StudyResults,
    settings: TableSettings,
    names: Sequence[str] = (),
    protocols: Sequence[str] = (),
    failed: set[str] | None = None,
) -> tuple[list[Entry], dict[str, tuple[str, ...]]]:
    """Make every table of a study, with reasons for missing ones; writes nothing.

    See `report` for arguments. Kinds that raise an error are added to `failed`, and the error is a reason; with None
    it is raised.
    """
    asked = {TABLES.get(name).name for name in names}
    wanted = [kind for kind in TABLES.all().values() if kind.written or kind.name in asked]
    kinds, of_all = [k for k in wanted if k.of_all is None], [k for k in wanted if k.of_all is not None]
    known = [name for panel in results.panels for name in metric_names(panel.label_range)]
    if settings.metric not in known:
        results.panels[0].check_metrics([settings.metric])

    def of_panel(panel: Panel) -> _Made:
        return _tables_of(results, panel, kinds, settings, set() if failed is not None else None, gather=bool(of_all))

    cells = sum(len(panel.cells) for panel in results.panels)
    made = each(of_panel, results.panels, large=not of_all and settings.draws * cells >= LARGE)
    entries = [entry for part in made for entry in part.entries]
    absent: dict[str, list[str]] = {}
    for part in made:
        for name, reasons in part.absent.items():
            absent.setdefault(name, []).extend(reasons)
        if failed is not None:
            failed |= part.failed
    if not entries:
        raise InputError(f"study '{results.name}': nothing is finished yet; run it to the end first")
    gathered = [
        found
        for part in made
        for found in part.gathered
        if not protocols or any(protocols_called(name, [found.protocol]) for name in protocols)
    ]
    for kind in of_all:
        try:
            entries += [Entry("", "", kind.name, kind.of_all(gathered, settings))] if kind.of_all else []
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises
            absent[kind.name] = [_failure(kind, error, failed)]
    return entries, {name: tuple(dict.fromkeys(reasons)) for name, reasons in absent.items()}


@dataclass(frozen=True)
class _Made:
    """Tables of one panel, reasons for missing ones, names of kinds that raised an error; results if asked for."""

    entries: list[Entry]
    absent: dict[str, list[str]]
    failed: set[str]
    gathered: list[ProtocolResults]


def _tables_of(
    results: StudyResults,
    panel: Panel,
    kinds: Sequence[TableKind],
    settings: TableSettings,
    failed: set[str] | None,
    *,
    gather: bool,
) -> _Made:
    entries: list[Entry] = []
    absent: dict[str, list[str]] = {}
    gathered: list[ProtocolResults] = []
    published = "" if ACROSS in panel.dataset else published_as(panel.label, panel.label_range)
    low, high = panel.label_range
    for found in results.protocols_of(panel, draws=settings.draws, level=settings.level):
        gathered += [found] if gather else []
        for kind in kinds:
            # a metric of another data set of the study
            if kind.name != "leaderboard" and settings.metric not in metric_names(panel.label_range):
                reason = f"{panel.dataset}: labels in [{low:g}, {high:g}] have no {settings.metric}"
            else:
                reason = kind.why_not(found, settings)
            try:
                table = None if reason else kind.make(found, settings)
            except Exception as error:  # noqa: BLE001 - whatever a plugin raises
                table, reason = None, _failure(kind, error, failed)
            if table is None:
                absent.setdefault(kind.name, []).append(reason)
            else:
                title = f"{panel.dataset}/{panel.split}"
                entries.append(Entry(title, found.protocol, kind.name, table, published))
    return _Made(entries, absent, failed or set(), gathered)


def _failure(kind: TableKind, error: Exception, failed: set[str] | None) -> str:
    """Note that a kind failed and return the reason; raise the error again if failures are not collected."""
    if failed is None:
        raise error
    failed.add(kind.name)
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__} in the code of the table: {error}"


def write_tables(
    entries: Sequence[Entry], folder: Path, metric: str, cited: References | None = None
) -> tuple[Path, ...]:
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
        stem = entry.stem(metric)
        place = Path("tables", safe_name(entry.dataset), safe_name(entry.protocol)) if entry.dataset else Path()
        texts[place / f"{stem}.md"] = entry.table.markdown()
        texts[place / f"{stem}.csv"] = entry.table.csv()
        texts[place / f"{stem}.tex"] = entry.table.latex(entry.label(metric))
        texts[place / f"{stem}.html"] = page(entry.table.title, [entry.table])
        if entry.table.notes:
            texts[place / f"{stem}-notes.md"] = entry.table.notes
        if cited and entry.table.citations:
            texts[place / "references.bib"] = cited.bibtex(entry.table.citations)
    try:
        places = dict.fromkeys((folder / name).parent for name in texts)
        for place in places:
            place.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            replace_text(folder / name, text)
        for place in {p for p in folder.glob("tables/*/*") if p.is_dir()} - set(places):
            _remove_tables(place)
    except OSError as error:
        raise InputError(f"{folder}: tables cannot be written ({error.strerror}); give another --out") from None
    return tuple(folder / name for name in texts)


def _remove_tables(place: Path) -> None:
    """Remove files that `write_tables` wrote, and folders that are then empty; other files stay."""
    for file in place.iterdir():
        of_a_table = any(file.name.startswith(name) for name in TABLES.all())
        if of_a_table and file.suffix in {".md", ".csv", ".tex", ".html"}:
            file.unlink()
    for folder in (place, place.parent):
        if not any(folder.iterdir()):
            folder.rmdir()


def csv_text(entries: Iterable[Entry]) -> str:
    """Format tables as CSV with columns `dataset` and `protocol` first.

    Neighbours share one head if one has all columns of the other; a table's cells in columns that it lacks are empty.
    """
    blocks: list[tuple[list[str], list[Entry]]] = []
    for entry in entries:
        names = next(csv.reader([entry.table.csv().partition("\n")[0]]))
        head = blocks[-1][0] if blocks else []
        if blocks and (set(names) <= set(head) or set(head) <= set(names)):
            blocks[-1] = max(head, names, key=len), [*blocks[-1][1], entry]
        else:
            blocks.append((names, [entry]))
    parts = []
    for names, members in blocks:
        out = io.StringIO()
        writer = csv.DictWriter(out, ["dataset", "protocol", *names], lineterminator="\n")
        writer.writeheader()
        for entry in members:
            for row in entry.table.records():
                cells = {"dataset": entry.dataset, "protocol": entry.protocol, **row}
                writer.writerow({name: csv_cell(value) for name, value in cells.items()})
        parts.append(out.getvalue())
    return "\n".join(parts)


def as_record(entry: Entry) -> dict[str, object]:
    """Return an entry for JSON: title, caption, columns, rows, footnotes."""
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
    found = protocols_called(name, known)
    if not found:
        raise unknown_name("protocol of the study", name, known)
    return found[0]
