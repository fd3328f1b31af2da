"""Remarks beside the numbers of a table: marks of models, missing cells and how to fill them, impossible values."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from benchmark.evaluation.metrics import class_counts, f1_is_possible, parts_of_splits
from benchmark.evaluation.panel import Gap, Panel
from benchmark.evaluation.protocol_results import CONSTANT, ORACLE, ProtocolResults, protocol_names, protocol_points
from benchmark.evaluation.statistics import FEW_VIDEOS, SEEDS_FOR_ORDER, Estimates
from benchmark.tables.cells import Cells
from benchmark.tables.table import Cell, Footnote, Notes
from benchmark.words import listed, plural
from protocols import InputError, Scenario, leaves_everything, parse

#: Reference rows of every table: a prediction without input, from one modality, and by the plainest fusion.
ALWAYS = ("constant", "text-only", "audio-only", "vision-only", "late-fusion-dropout")
#: Maximum standard deviation of the predictions of a collapsed training, nothing missing, as a share of the labels'.
#: Such predictions explain less than 4 % of the labels' variance (2 s - s^2 at correlation 1), however well they fit.
#: The lowest measured value of a weak model that did train is 4 % (text-only on MMMO).
COLLAPSED = 0.02
#: Minimum number of test samples whose variation says something about a training.
_FEWEST_SAMPLES = 5
_TRAININGS: WeakKeyDictionary[Panel, dict[str, list[str]]] = WeakKeyDictionary()
#: Maximum length of the reason of a gap (an error's message) in a table.
_REASON = 160


def identity(results: ProtocolResults, own: Estimates, notes: Notes) -> Cells:
    """Return the cells `model` and `seeds` of a row, marked with the remarks on the model."""
    panel, name = results.panel, own.model
    said = []
    if name in panel.external:
        share = panel.answered.get(name, 1.0)
        known = "" if share == 1 else f", which has {math.floor(1000 * share) / 10:g} % of its predictions"
        said.append(f"predictions made elsewhere and read from a file{known}")
    if name in panel.mask_informed:
        said.append("is told at test time how much of each modality is missing")
    if name in results.implausible:
        said.append(results.implausible[name])
    gaps = gap_texts(panel.missing, results.scenarios).get(name, "")
    holes = own.holes(results.scenarios)
    absent = _absent_seeds(results, own)
    if holes:
        seed, scenario = holes[0]
        cells = plural(len(own.seeds) * len(results.scenarios), "cell")
        missing = f"{len(holes)} of {cells} missing, such as {scenario} for seed {seed}"
        said.append(f"{name}: no aggregate; {gaps or f'{missing}; run what is missing'}")
    elif gaps:
        said.append(f"{name}: {gaps}")
    elif absent:
        said.append(f"without {_seeds(absent)}, which other models have")
    told_here = name in results.told
    said += [] if told_here else training_texts(panel, name)
    if told_here:
        said.append("told which positions were filled, in place of its own estimate: a bound, not ranked")
    elif name == ORACLE:
        knows = "; it knows where content was replaced" if any(map(_unmarked, results.scenarios)) else ""
        said.append(f"the best possible prediction, known from the generator: a bound, not ranked{knows}")
    elif len(own.seeds) < SEEDS_FOR_ORDER:
        said.append(f"fewer than {SEEDS_FOR_ORDER} seeds: no claim of order")
    told = [word for word, of in (("external", panel.external), ("mask-informed", panel.mask_informed)) if name in of]
    text = f"{name} ({', '.join(told)})" if told else name
    count, failed = len(own.seeds), len(failed_seeds(panel, name))
    return {
        "model": Cell(text, note=notes.mark(*said)),
        "seeds": Cell(f"{count} of {count + failed}" if failed else str(count), count),
    }


def training_texts(panel: Panel, model: str) -> list[str]:
    """Describe failures in the trainings of a model, as far as results show: `failure_text`, `collapse_text`."""
    known = _TRAININGS.setdefault(panel, {})
    if model not in known:  # every row of every table asks
        known[model] = [text for text in (failure_text(panel, model), collapse_text(panel, model)) if text]
    return known[model]


def failure_text(panel: Panel, model: str) -> str:
    """Describe failed seeds of a model, whose numbers come from the other seeds; empty if none failed."""
    failed, left = len(failed_seeds(panel, model)), panel.cells.loc[panel.cells["model"] == model, "seed"].nunique()
    judged = "judged and ranked" if left >= SEEDS_FOR_ORDER else "judged"
    return f"{failed} of {failed + left} seeds failed; {judged} by the other {left}" if failed else ""


def failed_seeds(panel: Panel, model: str) -> set[int]:
    """Return the seeds of a model that failed and have no numbers."""
    failed = {gap.seed for gap in panel.missing if gap.model == model and gap.reason.startswith("failed")}
    return failed and failed - {int(seed) for seed in panel.cells.loc[panel.cells["model"] == model, "seed"]}


def collapse_text(panel: Panel, model: str) -> str:
    """Describe trainings of a model that seem to have collapsed; empty if none did, or if every scenario has gaps.

    The test part of every split is examined: the standard deviation of the predictions is below `COLLAPSED` times that
    of the labels. The model `constant` does not train, and an oracle is a bound.
    """
    if model in (CONSTANT, ORACLE):
        return ""
    cells = panel.cells.reset_index(drop=True)
    own = cells[cells["model"] == model]
    whole = own[own["scenario"].map(lambda name: leaves_everything(str(name)))].drop_duplicates("seed")
    parts = [p for p in parts_of_splits(len(panel.label), panel.split_of) if len(p) >= _FEWEST_SAMPLES]
    collapsed = set()
    for part in parts:
        spread = panel.predictions[whole.index][:, part].std(axis=1)
        collapsed |= set(whole.loc[spread < COLLAPSED * panel.label[part].std(), "seed"])
    if not collapsed:
        return ""
    return (
        f"nearly constant predictions of {_seeds(sorted(int(s) for s in collapsed))}: with nothing missing, they vary "
        f"by less than {100 * COLLAPSED:g} % of what the labels do; training collapsed, or what the model reads is not "
        "in the data"
    )


def corr_text(panel: Panel, constant: bool) -> str:
    """Explain why a correlation is 0 by definition; empty if it is computed."""
    if np.ptp(panel.label) == 0:
        return "all labels are equal, where Corr is 0 by definition"
    within = "" if panel.split_of is None else " within each split"
    return f"some of the predictions are constant{within}, where Corr is 0 by definition" if constant else ""


def checked_corr(results: ProtocolResults, model: str, scenarios: Sequence[str], cell: Cell, notes: Notes) -> Cell:
    """Return the cell of a correlation over some scenarios, marked if it is 0 by definition in any of them."""
    constant = any((model, name) in results.constant_cells for name in scenarios)
    return notes.on(cell, corr_text(results.panel, constant))


def gap_texts(missing: Iterable[Gap], scenarios: Collection[str]) -> dict[str, str]:
    """Describe missing scenarios by model, all seeds and splits in one line, without the command."""
    reasons: dict[str, dict[str, list[Gap]]] = {}
    for gap in missing:
        if not gap.scenarios or set(gap.scenarios) & set(scenarios):
            reasons.setdefault(gap.model, {}).setdefault(gap.reason, []).append(gap)
    return {
        model: "; ".join(_gaps_text(reason, gaps, scenarios) for reason, gaps in by_reason.items())
        for model, by_reason in reasons.items()
    }


def general_footnotes(results: ProtocolResults, *, every_model: bool = True) -> list[Footnote]:
    """Return remarks on the whole table: flags of intervals, missing models and rows and how to add them, notes.

    Args:
        results: Results of a protocol.
        every_model: True for a table of all models, which then names its missing reference rows.
    """
    panel = results.panel
    flags = {own.flag for model, own in results.contest.items()} - {""}
    lines = [f"Intervals: {flag} for models with one seed." for flag in sorted(flags) if flag != "seeds only"]
    gaps = gap_texts(panel.missing, results.scenarios)
    lines += [f"Missing: {model}: {text}." for model, text in gaps.items() if model not in results.estimates]
    unmeasured = [name for name in protocol_names(panel) if not _measured(panel, name)]
    lines += [f"Missing: no model has a result under {listed(unmeasured)}."] if unmeasured else []
    found = [Footnote(line) for line in lines]
    commands = dict.fromkeys(f"`{gap.command}`" for gap in panel.missing if gap.model in gaps or unmeasured)
    if commands:
        filled = f"what is missing is filled by {' and '.join(commands)}"
        found.append(Footnote("The study is unfinished.", remedy=filled))
    found += _absent_rows(results, gaps) if every_model else []
    return found + [Footnote(line) for line in (*caution_lines(panel), *settings_lines(panel), *panel.notes)]


def _measured(panel: Panel, protocol: str) -> bool:
    return bool(panel.cells["scenario"].isin(protocol_points(panel, protocol)["scenario"]).any())


def caution_lines(panel: Panel) -> list[str]:
    """Describe limits of intervals and p of every model on these samples: few videos, pooled folds."""
    videos = len(set(panel.video_ids.tolist()))
    said = []
    if videos < 2:
        said.append(
            "One video: its utterances are not independent, so no difference between models can be tested: no rank, no "
            "bold, no p; intervals are over seeds only."
        )
    elif videos < FEW_VIDEOS:
        said.append(
            f"Few videos ({videos}, fewer than {FEW_VIDEOS}): intervals are wide; only large differences are detected."
        )
    if panel.pooled:
        said.append(
            "Folds are pooled: the effect of a fold's training set, which all its seeds share, counts as variation "
            "between its videos. If models depend on it, intervals are too narrow and p is too small."
        )
    return said


def settings_lines(panel: Panel) -> list[str]:
    """Name the origin of settings that models are not registered with: a sentence per origin."""
    own = [m for m in panel.models if m != ORACLE and m not in panel.external]
    sharing: dict[str, list[str]] = {}
    for model in own:
        if model in panel.settings:
            sharing.setdefault(panel.settings[model], []).append(model)
    said = {text: "all models" if len(names) == len(own) > 1 else listed(names) for text, names in sharing.items()}
    return [f"Settings of {who}: {text}." for text, who in said.items()]


def checked_f1(results: ProtocolResults, metric: str, accuracy: Cell, f1: Cell, notes: Notes) -> Cell:
    """Mark the cell of an F1 if no confusion matrix with its accuracy can have it."""
    a, f = accuracy.value, f1.value
    if not isinstance(a, float) or not isinstance(f, float) or np.isnan(a) or np.isnan(f):
        return f1
    if f1_is_possible(a, f, class_counts(results.panel.label, metric, results.panel.label_range), 0.0):
        return f1
    return notes.on(f1, "impossible: no confusion matrix of these class counts has this accuracy and this F1")


def _absent_seeds(results: ProtocolResults, own: Estimates) -> list[int]:
    """Return the seeds that other models of the study have and this one has not."""
    external = results.panel.external
    if own.model == ORACLE or own.model in external:
        return []
    everyone = {seed for model, other in results.contest.items() if model not in external for seed in other.seeds}
    return sorted(everyone - set(own.seeds))


def _absent_rows(results: ProtocolResults, gaps: Collection[str]) -> list[Footnote]:
    """Name the missing reference rows, with the command to add them."""
    there = {*results.estimates, *gaps}
    models = list(results.panel.models)
    own = [m for m in (*models, *gaps) if m != ORACLE and m not in results.panel.external]
    absent = [name for name in ALWAYS if name not in there]
    rows = list(absent)
    notes: list[Footnote] = []
    if results.panel.generated and ORACLE not in there:
        if not any(_ignorable(scenario) for scenario in results.scenarios):
            notes.append(
                Footnote(
                    "No oracle: the best possible prediction is not known where values are wrong or where what goes "
                    "depends on them."
                )
            )
        else:
            rows.append(ORACLE)
    if rows:
        noun = "the reference row" if len(rows) == 1 else "the reference rows"
        remedy = f"added by {results.add_models(absent, own)}"
        notes.append(Footnote(f"Without {noun} {', '.join(rows)}.", remedy=remedy))
    return notes


def _ignorable(scenario: str) -> bool:
    known = _read(scenario)
    return known is None or known.ignorable


def _unmarked(scenario: str) -> bool:
    known = _read(scenario)
    return known is not None and known.unmarked


def _read(scenario: str) -> Scenario | None:
    try:
        return parse(scenario)
    except InputError:  # a mechanism of a plugin that is not loaded here
        return None


def _gaps_text(reason: str, gaps: Sequence[Gap], scenarios: Collection[str]) -> str:
    where = _seeds(sorted({gap.seed for gap in gaps}))
    splits = sorted({gap.split for gap in gaps} - {""})
    if splits:
        where += f", split{'s' if len(splits) > 1 else ''} {', '.join(splits)}"
    short = reason if len(reason) <= _REASON else f"{reason[:_REASON]}..."
    missing = [s for s in dict.fromkeys(s for gap in gaps for s in gap.scenarios) if s in scenarios]
    if reason != "not evaluated" or not missing:
        return f"{where} {short}"
    others = f" and {len(missing) - 1} more" if missing[1:] else ""
    return f"{where} {short} under {missing[0]}{others}"


def _seeds(seeds: Sequence[int]) -> str:
    """Format seeds: `seed 3`, `seeds 0, 2`, `seeds 0 to 4`."""
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
