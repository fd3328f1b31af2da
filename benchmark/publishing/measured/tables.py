"""The tables of a measured study as texts: one Markdown and one CSV file for each kind, over all protocols."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import ProtocolResults, protocol_names
from benchmark.publishing.measured.folder import TableChoices
from benchmark.publishing.tables import Entry, csv_text
from benchmark.tables.kinds import TABLES, TableSettings, make_table, why_not
from senti_ifusion.variants import ABLATION


def render(panels: Sequence[Panel], choices: TableChoices) -> dict[str, str]:
    """Every table that `sentibench report` makes of some panels, by file name."""
    settings = TableSettings(metric=choices.metric, variants=ABLATION, draws=choices.draws, level=choices.level)
    entries: list[Entry] = []
    for panel in panels:
        for protocol in protocol_names(panel):
            results = ProtocolResults.of(
                panel, protocol, draws=choices.draws, level=choices.level, add_models=_add_models
            )
            if not set(results.scenarios) & set(panel.cells["scenario"]):
                continue
            entries += [
                Entry(f"{panel.dataset}/{panel.split}", results.protocol, name, make_table(name, results, settings))
                for name in TABLES
                if not why_not(name, results, settings)
            ]
    texts = {}
    for name in TABLES:
        own = [entry for entry in entries if entry.name == name]
        if own:
            texts[f"{name}.md"] = "\n".join(entry.table.markdown() for entry in own)
            texts[f"{name}.csv"] = csv_text(own)
    return texts


def _add_models(models: Sequence[str], everyone: Sequence[str]) -> str:
    return f"`sentibench run study.yaml --models {','.join((*everyone, *models))}`"
