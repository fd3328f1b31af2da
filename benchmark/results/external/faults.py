"""Faults in the rows of a file of predictions.

Each fault is one line with the file, the row and what to do.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.data.importers.assemble import clean_id
from benchmark.results.external.answers import NO_ANSWER, WORDS, AnswerRules, word_value
from benchmark.results.external.columns import numbers
from benchmark.results.external.samples import EvaluationSet
from benchmark.runs.spec import ORACLE
from benchmark.words import LONGEST_NAME
from protocols import InputError, Protocol, get_protocol, parse
from protocols import protocols as registered

BoolArray = npt.NDArray[np.bool_]
_T = TypeVar("_T")

#: Rows of the suite's tables, whose names are reserved.
RESERVED = ("constant", ORACLE)
#: Minimum number of digits for a hash to be compared; `protocols export` prints as many.
_DIGITS = 16


class Faults:
    """Collects faults of one file.

    Args:
        path: File, as named in messages.
        rows: `(rows,)`: number of every row as readers count.
    """

    def __init__(self, path: Path, rows: pd.Index) -> None:
        self.lines: list[str] = []
        self._path, self._rows = path, rows.to_numpy()
        self._unit = "line" if path.suffix.lower() == ".csv" else "row"

    def add(self, wrong: BoolArray, say: Callable[[int], str]) -> BoolArray:
        """File one fault for all rows that are `wrong`, described for the first; returns the rows that are right."""
        if wrong.any():
            first = int(np.argmax(wrong))
            more = int(wrong.sum()) - 1
            others = f" (and {more} more row{'s' if more > 1 else ''})" if more else ""
            self.lines.append(f"{self._path}, {self._unit} {self._rows[first]}{others}: {say(first)}")
        return ~wrong

    def number(self, position: int) -> int:
        """Return the number of a row as readers count."""
        return int(self._rows[position])


def check_models(column: pd.Series, faults: Faults) -> BoolArray:
    """Check that names fit a table and are not reserved."""
    texts = column.to_numpy(dtype=object)
    known = {t: t.isprintable() and 0 < len(t) <= LONGEST_NAME for t in set(texts.tolist())}
    fine = faults.add(
        np.array([not known[t] for t in texts], dtype=np.bool_),
        lambda i: f"model {texts[i][:80]!r} is not a name; write 1 to {LONGEST_NAME} printable letters",
    )
    taken = np.isin(texts.astype(np.str_), RESERVED)
    return fine & faults.add(taken, lambda i: f"model '{texts[i]}' is a row of the suite's own; give another name")


def check_scenarios(column: pd.Series, protocols: Sequence[Protocol], faults: Faults) -> tuple[pd.Series, BoolArray]:
    """Read texts or fingerprints of scenarios as canonical texts, and find the rows that belong to the protocols."""
    wanted = {str(s): s for p in protocols for s in p.scenarios}
    prints = {s.fingerprint: text for text, s in wanted.items()}
    codes, given = pd.factorize(column)
    canonical: list[str] = []
    problems: dict[str, tuple[str, list[int]]] = {}  # by kind: message, texts
    for number, text in enumerate(map(str, given)):
        name, kind, line = prints.get(text, ""), "", ""
        if not name:
            name, kind, line = _parsed(text, wanted, protocols)
        canonical.append(name)
        if kind:
            problems.setdefault(kind, (line, []))[1].append(number)
    fine = np.ones(len(column), dtype=np.bool_)
    for line, numbered in problems.values():
        others = len(numbered) - 1
        more = f" (likewise {others} more scenario{'s' if others > 1 else ''})" if others else ""
        fine &= faults.add(np.isin(codes, numbered), partial(_always, line + more))
    return pd.Series(np.array(canonical, dtype=object)[codes], index=column.index, dtype=object), fine


def _always(line: str, _: int) -> str:
    return line


def _parsed(text: str, wanted: Mapping[str, object], protocols: Sequence[Protocol]) -> tuple[str, str, str]:
    """Return the canonical text of a scenario, or a kind of problem and its message."""
    if not text:
        return "", "empty", "scenario is empty; write its text, such as drop(rate=0.5), or its fingerprint"
    asked = ", ".join(p.name for p in protocols)
    if len(text) == 16 and all(c in "0123456789abcdef" for c in text):
        hint = "see the fingerprints with sentibench protocols show NAME --json"
        return (
            "",
            "fingerprint",
            f"scenario fingerprint {text} is not that of any scenario of {asked} in this version; {hint}",
        )
    try:
        name = str(parse(text))
    except InputError as error:
        return "", text, str(error)
    if name in wanted:
        return name, "", ""
    owners = [p.name for p in registered().values() if name in map(str, p.scenarios)]
    hint = f"add {owners[0]} to the protocols" if owners else "add it with --scenario"
    kind = f"of {owners[0]}" if owners else "of no protocol"
    return "", kind, f"scenario '{name}' is not of {asked}; {hint}, or remove its rows"


def check_samples(column: pd.Series, samples: EvaluationSet, faults: Faults) -> tuple[npt.NDArray[np.int64], BoolArray]:
    """Return the position of every row's sample in the evaluation set (-1: unknown), and the known ones."""
    places = _without_blanks({str(s): i for i, s in enumerate(samples.sample_ids)})
    elsewhere = _without_blanks(samples.elsewhere)
    codes, given = pd.factorize(column)
    position = np.array([places.get(str(s), -1) for s in given], dtype=np.int64)[codes]
    other = np.array([str(s) in elsewhere for s in given], dtype=np.bool_)[codes]
    texts = column.to_numpy(dtype=object)
    fine = faults.add(
        (position < 0) & other,
        lambda i: (
            f"sample '{texts[i]}' is a {elsewhere[texts[i]]} sample of {samples.title}; only test samples are "
            "evaluated, remove it"
        ),
    )

    def unknown(i: int) -> str:
        near = difflib.get_close_matches(texts[i][:200], list(places), n=1, cutoff=0.6)
        example = f"did you mean '{near[0]}'?" if near else f"ids there look like '{samples.sample_ids[0]}'"
        return f"sample '{texts[i][:80]}' is not in {samples.title}; {example}"

    return position, fine & faults.add((position < 0) & ~other, unknown)


def _without_blanks(by_id: Mapping[str, _T]) -> dict[str, _T]:
    """Map samples by cleaned id, as in the rows: stores of version 0.1 may keep blanks around ids."""
    count = Counter(map(clean_id, by_id))
    return {clean_id(i): value for i, value in by_id.items() if count[clean_id(i)] == 1} | dict(by_id)


def check_seeds(column: pd.Series, faults: Faults) -> tuple[npt.NDArray[np.int64], BoolArray]:
    """Read seeds as integers, and find the valid ones."""
    values = numbers(column)
    with np.errstate(invalid="ignore"):
        wrong = ~(np.isfinite(values) & (values >= 0) & (values < 2**53) & (values == np.floor(values)))
    shown = column.to_numpy(dtype=object)
    fine = faults.add(wrong, lambda i: f"seed is {_shown(shown[i])}, expected an integer from 0; number your trainings")
    return np.where(fine, values, 0).astype(np.int64), fine


def check_values(
    column: pd.Series, faults: Faults, rules: AnswerRules, label_range: tuple[float, float]
) -> tuple[npt.NDArray[np.float64], BoolArray]:
    """Read predictions as numbers in the labels' range, and find the finite ones."""
    shown = column.to_numpy(dtype=object)
    words = rules.scale == "words"
    if words:
        found = (word_value(str(text), label_range) for text in shown)
        values = np.array([np.nan if value is None else value for value in found], dtype=np.float64)
    else:
        values = numbers(column)
    gone = np.array([str(v).lower() in NO_ANSWER for v in shown], dtype=np.bool_)
    if rules.absent == "refuse":
        gone &= (column.isna() | (column == "")).to_numpy(dtype=np.bool_)
        way = "fill it in, remove the row, or choose with --absent how absent answers count"
        fine = faults.add(gone, lambda _: f"prediction is empty; {way}")
    else:
        fine = ~gone

    def expected(i: int) -> str:
        if words:
            return f"expected one of {', '.join(WORDS)}; predict it again"
        if word_value(str(shown[i]), label_range) is not None:
            middle = ", ".join(
                f"{word} {word_value(word, label_range):g}" for word in ("negative", "neutral", "positive")
            )
            return f"expected a finite number; with --scale words, {middle}"
        return "expected a finite number such as -0.75; predict it again"

    fine &= faults.add(~np.isfinite(values) & ~gone, lambda i: f"prediction is {_shown(shown[i])}, {expected(i)}")
    if isinstance(rules.scale, tuple):
        low, high = rules.scale
        off = np.isfinite(values) & ((values < low) | (values > high)) & (rules.scale != label_range)
        fine &= faults.add(
            off, lambda i: f"prediction is {_shown(shown[i])}, outside --scale {low:g},{high:g}; correct one"
        )
    return rules.mapped(values, label_range), fine


def check_duplicates(
    codes: npt.NDArray[np.int64], faults: Faults, describe: Callable[[int], str], among: BoolArray
) -> BoolArray:
    """Find the rows that are the first of their (model, seed, scenario, sample)."""
    twice = np.zeros(len(codes), dtype=np.bool_)
    twice[among] = pd.Series(codes[among]).duplicated().to_numpy()
    return faults.add(
        twice,
        lambda i: (
            f"{describe(i)} already occurs in {faults._unit} {faults.number(_first(codes, i, among))}; keep one of "
            "the two"
        ),
    )


def _first(codes: npt.NDArray[np.int64], i: int, among: BoolArray) -> int:
    return int(np.flatnonzero((codes == codes[i]) & among)[0])


def check_masks(
    column: pd.Series,
    scenario: pd.Series,
    split: npt.NDArray[np.object_],
    expected: Mapping[tuple[str, str], str],
    faults: Faults,
    among: BoolArray,
) -> BoolArray:
    """Find the rows that were predicted under the masks of this data set and version."""
    given, names = column.to_numpy(dtype=object), scenario.to_numpy(dtype=object)
    verdicts: dict[tuple[str, str, str], bool] = {}
    wrong = np.zeros(len(column), dtype=np.bool_)
    for i in np.flatnonzero(among):
        key = (str(split[i]), str(names[i]), str(given[i]))
        if key not in verdicts:
            verdicts[key] = len(key[2]) < _DIGITS or not expected[key[:2]].startswith(key[2].lower())
        wrong[i] = verdicts[key]

    def say(i: int) -> str:
        found = f"is {given[i][:_DIGITS]}" if given[i] else "is empty"
        right = expected[str(split[i]), str(names[i])][:_DIGITS]
        return (
            f"masks_sha256 {found}, the masks of '{names[i]}' have {right}; predict under the masks that sentibench "
            "protocols export writes for this data set"
        )

    return faults.add(wrong, say)


def protocols_named(names: Sequence[str]) -> list[Protocol]:
    """Return protocols by name, or by texts of scenarios; raises InputError for an unknown or repeated one."""
    found = [get_protocol(name) for name in names]
    for i, protocol in enumerate(found):
        if protocol.name in {p.name for p in found[:i]}:
            raise InputError(f"protocol '{protocol.name}' is named twice; name each once")
    return found


def _shown(value: object) -> str:
    text = str(value)
    return f"'{text[:40]}'" if text else "empty"
