"""Scenarios: mechanisms with their parameters, in sequence, written and parsed as text.

>>> scenario = parse("drop(rate=0.5) + random_positions(rate=0.2)")
>>> str(scenario)
'drop(rate=0.5) + random_positions(rate=0.2)'
>>> parse("complete").mechanisms
()
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from protocols.corruption import Filling, Noise, Shift, Substitution
from protocols.counter import Stream
from protocols.errors import InputError, unknown_name
from protocols.layout import MODALITIES, HasLayout, Layout, Modality, segment_any
from protocols.masks import Masks
from protocols.mechanisms import Mechanism, mechanism_class
from protocols.numbers import read_number
from protocols.registry import plugin_sha256

COMPLETE = "complete"


@dataclass(frozen=True)
class Scenario:
    """A sequence of mechanisms, each applied to the result of the one before; an empty sequence is `complete`.

    A mechanism that fills gaps (`unmarked`) is the last. Noise is added to the values that the whole scenario leaves
    and scaled by their power, wherever in the sequence it is named: its strength carries no information about the
    erased values.

    Masks are nested in the rates where mechanisms that spare a modality (`drop`, `missing_ratio`) come first.
    """

    mechanisms: tuple[Mechanism, ...] = ()

    def __post_init__(self) -> None:
        for mechanism in self.mechanisms[:-1]:
            if type(mechanism).fillings is not Mechanism.fillings:
                raise InputError(f"{mechanism.name} fills what the others erase; name it last, and once")

    def __str__(self) -> str:
        return " + ".join(str(m) for m in self.mechanisms) or COMPLETE

    def __add__(self, other: Scenario) -> Scenario:
        return Scenario(self.mechanisms + other.mechanisms)

    @property
    def corrupts(self) -> bool:
        """True if remaining values may be corrupted."""
        return any(type(m).corrupt is not Mechanism.corrupt for m in self.mechanisms)

    @property
    def unmarked(self) -> bool:
        """True if gaps are filled with content, so that they do not show."""
        return any(type(m).fillings is not Mechanism.fillings for m in self.mechanisms)

    @property
    def erases(self) -> bool:
        """True if any mechanism may erase positions."""
        return any(type(m).erase is not Mechanism.erase for m in self.mechanisms)

    @property
    def ignorable(self) -> bool:
        """True if gaps are ignorable: remaining values are correct, and gaps do not depend on values."""
        return not self.corrupts and all(m.at_random for m in self.mechanisms)

    @property
    def fingerprint(self) -> str:
        """Hash of the text and of the mechanisms' versions (for plugins: their content); it identifies results."""
        marks = (f"{m}@{self._version(m)}" + plugin_sha256(type(m))[:16] for m in self.mechanisms)
        text = " + ".join(marks)
        return hashlib.sha256(f"scenario:1:{text}".encode()).hexdigest()[:16]

    def masks(self, data: Layout | HasLayout, split: str = "test", replicate: int | str = 0) -> Masks:
        """The masks of one part of a data set: a pure function of its arguments, sample by sample.

        Args:
            data: A layout, or a data set that has one for every part.
            split: The part to mask: train, valid or test. Ignored when `data` is a layout.
            replicate: Repetition of the draw, 0 for the first.
        """
        layout = data if isinstance(data, Layout) else data.layout(split)
        observed = {m: layout.observed[m] for m in MODALITIES}
        present = layout.present if self.mechanisms else None
        noise: dict[Modality, Noise] = {}
        substituted: dict[Modality, Substitution] = {}
        shifted: dict[Modality, Shift] = {}
        filled: Mapping[Modality, Filling] = {}
        seen: dict[str, int] = {}
        for mechanism in self.mechanisms:
            turn = seen.get(mechanism.name, 0)
            seen[mechanism.name] = turn + 1
            stream = Stream(layout, f"{mechanism.name}@{self._version(mechanism)}#{turn}", replicate)
            if present is None:
                present = np.stack([segment_any(observed[m], layout.offsets[m]) for m in MODALITIES], axis=1)
            erased = mechanism.erase(layout, present, stream)
            if erased:
                observed = {m: observed[m] & ~erased[m] if m in erased else observed[m] for m in MODALITIES}
                present = None  # computed again for the next mechanism, if any
            for m, corruption in mechanism.corrupt(layout, stream).items():
                kinds: dict[type, dict[Modality, Any]] = {Noise: noise, Substitution: substituted, Shift: shifted}
                kind = kinds[type(corruption)]
                if m in kind:
                    raise InputError(f"scenario '{self}' corrupts {m} in the same way twice; name one of the two")
                kind[m] = corruption
            if mechanism is self.mechanisms[-1]:
                filled = mechanism.fillings(layout, observed, stream)
        return Masks(layout, observed, noise, substituted, shifted, filled)

    def _version(self, mechanism: Mechanism) -> int:
        """Version of a mechanism in this scenario: one more for noise in a scenario that erases.

        Such noise was scaled by the power of erased positions as well in version 1; noise alone has not changed since.
        """
        noisy = type(mechanism).corrupt is not Mechanism.corrupt and mechanism.adds_noise
        return mechanism.version + int(noisy and self.erases)


def parse(text: str | Scenario) -> Scenario:
    """Read a scenario: `complete`, or mechanisms joined by `+`. `parse(str(scenario)) == scenario`.

    Raises:
        InputError: naming the part that could not be read.
    """
    if isinstance(text, Scenario):
        return text
    if len(text) > 10_000:
        raise InputError(f"scenario of {len(text)} characters; at most 10000 are read")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        return Scenario(tuple(_mechanisms(tree, text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"cannot read scenario {_short(text)}; write it as 'drop(rate=0.5) + random_positions(rate=0.2)'"
        ) from None


def _mechanisms(node: ast.expr, text: str) -> list[Mechanism]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _mechanisms(node.left, text) + _mechanisms(node.right, text)
    if isinstance(node, ast.Name) and node.id == COMPLETE:
        return []
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        cls = mechanism_class(node.func.id)
        if node.args or any(k.arg is None for k in node.keywords):
            raise InputError(f"scenario {_short(text)}: write the parameters of {node.func.id} by name, as in rate=0.5")
        arguments = {str(k.arg): _value(k.value, text) for k in node.keywords}
        _check_names(cls, arguments, text)
        try:
            return [cls(**arguments)]
        except TypeError as error:  # raised by a plugin's checks
            raise InputError(f"scenario {_short(text)}: {node.func.id}: {error}") from None
    if isinstance(node, ast.Name):
        mechanism_class(node.id)
        raise InputError(f"scenario {_short(text)}: {node.id} needs its parameters in brackets")
    raise InputError(f"cannot read {_short(ast.unparse(node))} in scenario {_short(text)}; join mechanisms with +")


def _check_names(cls: type[Mechanism], given: Collection[str], text: str) -> None:
    taken = inspect.signature(cls).parameters
    for name in given:
        if name not in taken:
            raise unknown_name(f"parameter of {cls.name}", name, taken, hint=f"(in scenario {_short(text)})")
    absent = [name for name, p in taken.items() if p.default is p.empty and name not in given]
    if absent:
        raise InputError(
            f"scenario {_short(text)}: {cls.name} needs {', '.join(absent)}, as in {cls.name}({absent[0]}=...)"
        )


def _value(node: ast.expr, text: str) -> object:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str)):
        if not isinstance(node.value, (bool, str)) and read_number(source := _source(node, text)) is None:
            raise InputError(
                f"scenario {_short(text)}: {source[:40]!r} is not a plain number; write it as 0.5, 10 or 1e-3"
            )
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = _value(node.operand, text)
        if isinstance(value, (int, float)):
            return -value
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return tuple(_value(item, text) for item in node.elts)
    if isinstance(node, ast.Dict) and all(k is not None for k in node.keys):
        with suppress(TypeError):  # a mapping cannot be a key
            return {_value(k, text): _value(v, text) for k, v in zip(node.keys, node.values, strict=True) if k}
    raise InputError(f"cannot read the value {_short(ast.unparse(node))} in scenario {_short(text)}")


def _source(node: ast.expr, text: str) -> str:
    return ast.get_source_segment(text.strip(), node) or ""


def _short(text: str) -> str:
    """A text in quotes, on one line, shortened if it is long."""
    shown = repr(text)
    return shown if len(shown) <= 160 else shown[:157] + "...'"
