"""Tables of a measured study as texts: one Markdown and one CSV file for each kind, over all protocols."""

from __future__ import annotations

from benchmark.publishing.tables import csv_text, study_tables
from benchmark.results.measured import TableChoices
from benchmark.results.study_results import StudyResults
from benchmark.tables.kinds import TABLES, TableSettings
from senti_ifusion.ablation import ABLATION


def render(results: StudyResults, choices: TableChoices) -> dict[str, str]:
    """Make every table that `sentibench report` makes of the results, by file name."""
    settings = TableSettings(metric=choices.metric, variants=ABLATION, draws=choices.draws, level=choices.level)
    entries, _ = study_tables(results, settings, ["optimism"])
    texts = {}
    for name in TABLES.all():
        own = [entry for entry in entries if entry.name == name]
        if own:
            texts[f"{name}.md"] = "\n".join(entry.table.markdown() for entry in own)
            texts[f"{name}.csv"] = csv_text(own)
    return texts
