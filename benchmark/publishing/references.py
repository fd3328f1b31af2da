"""Printed names and citations of models and data sets, with their BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from baselines.facts import model_info, model_names
from benchmark.evaluation.protocol_results import ORACLE
from benchmark.papers.reported import published_as
from benchmark.results.study_results import StudyResults
from benchmark.tables.kinds import Citation

#: Published data sets, by the name that `published_as` gives them.
_DATASETS = {
    "mosi": Citation("CMU-MOSI", "mosi2016"),
    "mosei": Citation("CMU-MOSEI", "mosei2018"),
    "sims": Citation("CH-SIMS", "ch-sims2020"),
}

#: Beginnings of addresses of code; other addresses of models are those of papers.
_CODE_HOSTS = ("https://github.com/", "https://gitlab.com/")


@dataclass(frozen=True)
class References:
    """Citations of a study.

    Attributes:
        models: Printed name and citation key by row.
        datasets: The same by `DATASET/SPLIT`, of data sets with the test labels of a published one.
        entries: BibTeX by key.
    """

    models: Mapping[str, Citation]
    datasets: Mapping[str, Citation]
    entries: Mapping[str, str]

    def bibtex(self, keys: Iterable[str]) -> str:
        """Return the BibTeX of some keys, in alphabetical order."""
        return "\n".join(self.entries[key] for key in sorted(set(keys)))


def references(results: StudyResults) -> References:
    """Find names and citations of the models and data sets of a study.

    A row is named by the title of its model, unless it has a label. Models outside the suite are cited if they name a
    web address.
    """
    entries = dict(shipped())
    labels = {} if results.plan is None else {e.title: e.name for e in results.plan.study.models}
    found: dict[str, Citation] = {ORACLE: Citation("Oracle")}
    known = set(model_names())
    for row in results.models:
        name = labels.get(row, row)
        if name not in known:
            continue
        info = model_info(name)
        key = citation_key(name)
        if key not in entries and info.url:
            entries[key] = _entry(key, info.paper or info.title, info.year, info.url)
        title = {name: info.title, f"{name}-tuned": f"{info.title} (tuned)"}.get(row, row)
        taken = title in {citation.title for citation in found.values()}
        found[row] = Citation(row if taken else title, key if key in entries else "")
    data = zip(results.datasets, results.panels, strict=True)
    published = {title: published_as(panel.label, panel.label_range) for title, panel in data}
    return References(found, {t: _DATASETS[name] for t, name in published.items() if name in _DATASETS}, entries)


@cache
def shipped() -> Mapping[str, str]:
    """Return the BibTeX of the models and data sets of the suite by key: a model's is its name and year."""
    text = Path(__file__).with_name("references.bib").read_text(encoding="utf-8")
    parts = re.split(r"(?m)^(?=@)", text)
    return {part.partition("{")[2].partition(",")[0]: part.strip() + "\n" for part in parts if part.strip()}


def citation_key(model: str) -> str:
    """Return the key of a model's entry: its name and year, or those of the shipped model whose paper it shares."""
    base = model_info(model).variant_of or model
    info = model_info(base)
    keys = (f"{name}{info.year}" for name in (base, *model_names()) if model_info(name).paper == info.paper != "")
    return next((key for key in keys if key in shipped()), f"{base}{info.year}")


def links(model: str) -> dict[str, str]:
    """Return the addresses of a model's paper (`paper_url`) and of its authors' code (`code_url`), as far as known."""
    info = model_info(model)
    entry = shipped().get(citation_key(model), "")
    address = re.search(r"(?m)^  url = \{(.+)\}", entry)
    code = info.url if info.url.startswith(_CODE_HOSTS) else ""
    paper = address[1] if address else "" if code else info.url
    return {name: url for name, url in (("paper_url", paper), ("code_url", code)) if url}


def _entry(key: str, title: str, year: int, url: str) -> str:
    plain = re.sub(r"([&%$#_{}])", r"\\\1", title)
    return f"@misc{{{key},\n  title = {{{plain}}},\n  howpublished = {{{url}}},\n  year = {{{year}}}\n}}\n"
