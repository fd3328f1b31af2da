"""Tables and figures that can be reproduced, with their parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from protocols import unknown_name

_REFERENCES = ("constant", "text-only", "audio-only", "vision-only", "late-fusion-dropout")
_LNLN = ("misa", "self-mm", "mmim", "cenet", "tetfn", "tfr-net", "almt", "lnln")
_MAIN = (*_REFERENCES, *_LNLN, "mult", "emt-dlfr", "p-rmf", "mplmm", "senti-ifusion")
_EMT = ("tfn", "lmf", "mult", "misa", "self-mm", "mmim", "tfr-net", "emt-dlfr")
_RATES = tuple(f"{i / 10:.1f}" for i in range(10))
_PAIRS = ("text+audio", "text+vision", "audio+vision")
_SINGLES = ("text", "audio", "vision")
_BOTH = ("mosi", "mosei")
_ALL = ("mosi", "mosei", "sims")


@dataclass(frozen=True)
class Item:
    """Table or figure of a paper.

    Attributes:
        name: Name on the command line.
        shows: Content, one line.
        paper: Place where it is printed.
        datasets: Names of the stores it needs; only existing ones are measured.
        kind: `study` trains models; `statistics` and `distributions` only count.
        layout: `metrics`: a table per point with a column per metric; `points`: a table per metric with a column per
            point.
        points: Pairs (protocol, point), as in `benchmark.papers.reported`.
        sources: Papers whose numbers are shown; empty for all about these points.
        tables: Printed tables of these papers; empty for all.
        models: Models of the study.
        figure: Figure beside the tables: `curves` or `heat map`.
    """

    name: str
    shows: str
    paper: str
    datasets: tuple[str, ...]
    kind: Literal["study", "statistics", "distributions"] = "study"
    layout: Literal["metrics", "points"] = "metrics"
    points: tuple[tuple[str, str], ...] = ()
    sources: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    figure: Literal["", "curves", "heat map"] = ""

    def points_of(self, dataset: str) -> tuple[tuple[str, str], ...]:
        """Return the points on one data set: CH-SIMS has an area over half the axis, others over all of it."""
        left_out = "auilc 0..1" if dataset == "sims" else "auilc 0..0.5"
        return tuple(p for p in self.points if p[1] != left_out)

    @property
    def protocols(self) -> tuple[str, ...]:
        """Protocols of the study; rates of papers that a protocol does not have become further protocols."""
        names = list(dict.fromkeys(protocol for protocol, _ in self.points))
        beyond = ["random_positions(rate=1)"] if ("intra-random", "auilc 0..1") in self.points else []
        return (*names, *beyond)


def _subsets(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple(("inter-subsets", f"available={name}") for name in names)


def _main(dataset: str) -> Item:
    points = (("complete", "complete"), ("uncertain", "mean"))
    title = f"main comparison on {dataset.upper()}, nothing missing and uncertain missingness"
    return Item(f"main-{dataset}", title, "Senti-iFusion, main table", (dataset,), points=points, models=_MAIN)


def _curves(dataset: str) -> Item:
    points = tuple(("inter-drop", f"drop={rate}") for rate in _RATES)
    paper = "Senti-iFusion, Figure 5 (a) to (c)" if dataset == "mosi" else "the MOSEI twin of Senti-iFusion's Figure 5"
    shows = f"MAE, Acc-5 and F1 Non0 against the drop rate on {dataset.upper()}"
    return Item(
        f"drop-curves-{dataset}", shows, paper, (dataset,), layout="points", points=points,
        sources=("senti-ifusion",), models=_MAIN, figure="curves",
    )  # fmt: skip


_ITEMS: tuple[Item, ...] = (
    Item("statistics", "samples and labels of every part", "Senti-iFusion, data set statistics", _ALL, "statistics"),
    Item("distributions", "labels over the splits", "Senti-iFusion, Figures 3 and 4", _BOTH, "distributions"),
    _main("mosi"),
    _main("mosei"),
    _curves("mosi"),
    _curves("mosei"),
    Item(
        "ablation", "Senti-iFusion with each part left out", "Senti-iFusion, ablation", ("mosi",),
        points=(("uncertain", "mean"), ("complete", "complete")), sources=("senti-ifusion",), models=("ablation",),
    ),
    Item(
        "lnln-mean", "mean over missing rates 0 to 0.9", "LNLN, Tables 2 and 3; TCMR", _ALL,
        points=(("intra-random", "mean 0..0.9"),), sources=("lnln", "lnln-corrigendum", "tcmr"),
        models=(*_REFERENCES, *_LNLN, "p-rmf", "senti-ifusion"),
    ),
    Item(
        "lnln-rates", "every missing rate, 0 to 0.9", "LNLN, Tables 9 and 10; SemMSA", _ALL, layout="points",
        points=tuple(("intra-random", f"rate={rate}") for rate in _RATES),
        sources=("lnln", "lnln-corrigendum", "semmsa"), models=(*_REFERENCES, *_LNLN, "p-rmf", "senti-ifusion"),
        figure="curves",
    ),
    Item(
        "lnln-missing", "one or two whole modalities missing", "LNLN, Tables 13 and 14", _ALL, layout="points",
        points=_subsets((*_SINGLES, *_PAIRS)), sources=("lnln",), tables=("Table 13", "Table 14"),
        models=(*_REFERENCES, *_LNLN, "senti-ifusion"), figure="heat map",
    ),
    Item(
        "subsets", "only some modalities available", "HRLF and PriMD, comparison tables", _BOTH, layout="points",
        points=(*_subsets((*_SINGLES, *_PAIRS, "text+audio+vision")), ("inter-subsets", "mean incomplete")),
        sources=("hrlf", "primd"), models=(*_REFERENCES, "self-mm", "mmin", "lnln", "mplmm", "senti-ifusion"),
        figure="heat map",
    ),
    Item(
        "auilc", "area under the curve over missing rates", "EMT-DLFR, Table 6", _ALL,
        points=(("intra-random", "auilc 0..1"), ("intra-random", "auilc 0..0.5")), sources=("emt-dlfr",),
        models=(*_REFERENCES, *_EMT, "senti-ifusion"),
    ),
    Item(
        "ratio", "a share of all modalities missing, 0.1 to 0.7", "ComP, comparison table (GCNet's protocol)", _BOTH,
        layout="points", points=tuple(("inter-ratio", f"ratio=0.{i}") for i in range(1, 8)), sources=("comp",),
        models=(*_REFERENCES, "mmin", "lnln", "mplmm", "senti-ifusion"), figure="curves",
    ),
)  # fmt: skip

#: Items by name, in the order of a list.
ITEMS: dict[str, Item] = {item.name: item for item in _ITEMS}


def get_item(name: str) -> Item:
    """Return the table or figure called `name`; raises InputError with the nearest names."""
    if name not in ITEMS:
        raise unknown_name("table or figure", name, ITEMS, hint="(see 'sentibench reproduce list')")
    return ITEMS[name]


def item_models(item: Item, variants: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    """Models of an item; `ablation` stands for the registered variants, which are imported only then."""
    return tuple(name for model in item.models for name in (variants() if model == "ablation" else (model,)))
