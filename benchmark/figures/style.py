"""Colours and markers: a model looks the same in every figure.

Colours are those of Okabe and Ito and of Paul Tol's muted scheme, which readers with colour-blindness tell apart,
darkened where their contrast to white is below 3:1 (WCAG 2.2, 1.4.11); the marker repeats the distinction, for print in
grey.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from benchmark.evaluation.panel import TOLD
from protocols.counter import hash_key

#: Colours for models without a fixed one, then markers.
PALETTE = ("#0072b2", "#c48700", "#009e73", "#cc79a7", "#4a9bc8", "#882255", "#999933", "#332288", "#41a393", "#aa4499")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")


@dataclass(frozen=True)
class Style:
    """Style of a model; `line` is a matplotlib line style, dashed for reference rows."""

    colour: str
    marker: str
    line: Literal["-", "--", ":"] = "-"


_FIXED = {
    "senti-ifusion": Style("#d55e00", "o"),
    "lnln": Style("#0072b2", "s"),
    "late-fusion-dropout": Style("#009e73", "^"),
    "text-only": Style("#cc79a7", "D"),
    "audio-only": Style("#c48700", "v"),
    "vision-only": Style("#4a9bc8", "P"),
    "constant": Style("#777777", "", "--"),
    "oracle": Style("#000000", "", ":"),
    "almt": Style("#882255", "X"),
    "mult": Style("#332288", "<"),
    "tfr-net": Style("#999933", ">"),
    "misa": Style("#41a393", "p"),
    "self-mm": Style("#aa4499", "h"),
    "mmim": Style("#117733", "*"),
    "p-rmf": Style("#661100", "d"),
}

#: Style of models that are shown but not emphasised.
OTHERS = Style("#939393", "")

#: Styles of modalities: those of the model that reads only that one.
MODALITY_STYLES = {name: _FIXED[f"{name}-only"] for name in ("text", "audio", "vision")}


def styles(models: Iterable[str]) -> dict[str, Style]:
    """Return the style of every model of a figure.

    Well-known models have a fixed style. Others get theirs by the hash of their name; where two of one figure would
    look alike, the one whose name sorts later takes the next free style, so that no two of a figure share one. A model
    that is told where its gaps are has the colour of the same model that is not, dashed and without markers.
    """
    given = list(dict.fromkeys(models))
    names = list(dict.fromkeys(name.removesuffix(TOLD) for name in given))
    chosen = {name: _FIXED[name] for name in names if name in _FIXED}
    free = [Style(colour, marker) for marker in MARKERS for colour in PALETTE]
    taken = set(chosen.values())
    for name in sorted(set(names) - set(chosen)):
        start = int(hash_key(name)) % len(free)
        candidates = [free[(start + step) % len(free)] for step in range(len(free))]
        colours = {style.colour for style in taken}
        fresh = [style for style in candidates if style not in taken]
        # distinct colours first, then distinct markers; beyond 120 models, styles repeat
        best = next((s for s in fresh if s.colour not in colours), (fresh or candidates)[0])
        chosen[name] = best
        taken.add(best)
    told = {name: Style(chosen[name.removesuffix(TOLD)].colour, "", "--") for name in given if name.endswith(TOLD)}
    return {name: told.get(name) or chosen[name] for name in given}
