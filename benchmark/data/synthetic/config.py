"""Options of the synthetic data, and their form as text.

>>> parse_synthetic("synthetic:size=tiny,seed=3")
SyntheticConfig(seed=3, size='tiny', samples=None, max_length=45, version=1)
>>> str(parse_synthetic("synthetic:size=tiny,seed=3"))
'synthetic:seed=3,size=tiny'
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from protocols import InputError, read_whole, unknown_name

#: Versions: 1; in 2, voice and face stress the same words and belong to one person. A change that gives other
#: samples for equal options is a new version.
VERSIONS = (1, 2)

#: Samples of train / valid / test by size; `mosi` has those of CMU-MOSI.
SIZES: dict[str, tuple[int, int, int]] = {
    "tiny": (240, 60, 120),
    "demo": (240, 60, 1416),
    "small": (640, 120, 340),
    "mosi": (1284, 229, 686),
}

_EXAMPLE = "write it as 'synthetic' or 'synthetic:size=tiny,seed=3'"


@dataclass(frozen=True)
class SyntheticConfig:
    """Options of the generator. The samples are a pure function of them.

    Attributes:
        seed: Seed of the samples, from 0; all seeds have one distribution.
        size: `tiny` (tests), `demo` (60 test videos), `small` or `mosi` (1284 / 229 / 686).
        samples: Numbers of samples of train / valid / test, in place of those of `size`.
        max_length: Longest sentence in words, from 12 to 120; longer ones are drawn again.
        version: Version of the generator. 1; or 2, where voice and face stress the same words and share a part of the
            speaker's identity, so that each shows whether the other belongs to the sample.
    """

    NAME: ClassVar[str] = "synthetic"

    seed: int = 0
    size: str = "mosi"
    samples: tuple[int, int, int] | None = None
    max_length: int = 45
    version: int = 1

    def __post_init__(self) -> None:
        _whole("version", self.version, VERSIONS[0], VERSIONS[-1])
        _whole("seed", self.seed, 0, 2**63 - 1)
        _whole("max_length", self.max_length, 12, 120)
        if self.size not in SIZES:
            raise unknown_name("size of the synthetic data", str(self.size), SIZES)
        if self.samples is not None:
            object.__setattr__(self, "samples", tuple(self.samples))
            if len(self.samples) != 3:
                raise InputError(f"synthetic: samples has {len(self.samples)} parts, expected train/valid/test")
            for count in self.samples:
                _whole("samples", count, 1, 1_000_000)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Samples of train, valid and test."""
        return SIZES[self.size] if self.samples is None else self.samples

    def __str__(self) -> str:
        default = SyntheticConfig()
        chosen = [
            f"{f.name}={_show(getattr(self, f.name))}"
            for f in dataclasses.fields(self)
            if getattr(self, f.name) != getattr(default, f.name)
        ]
        return self.NAME + (":" + ",".join(chosen) if chosen else "")


def parse_synthetic(text: str) -> SyntheticConfig:
    """Read `synthetic` or `synthetic:size=tiny,seed=3`; `parse_synthetic(str(config)) == config`.

    `samples` is written as train-valid-test, such as `samples=100-20-50`.

    Raises:
        InputError: For an option that is unknown, given twice, or out of range.
    """
    name, colon, rest = text.strip().partition(":")
    if name.strip() != SyntheticConfig.NAME or (colon and not rest.strip()):
        raise InputError(f"cannot read synthetic data '{text}'; {_EXAMPLE}")
    known = [f.name for f in dataclasses.fields(SyntheticConfig)]
    options: dict[str, str] = {}
    for part in rest.split(",") if rest else []:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise InputError(f"cannot read option '{part}' of '{text}'; {_EXAMPLE}")
        if key not in known:
            raise unknown_name("option of the synthetic data", key, known)
        if key in options:
            raise InputError(f"synthetic: option {key} is given twice in '{text}'; keep one")
        options[key] = value
    default = SyntheticConfig()
    parts = options.get("samples")
    return SyntheticConfig(
        seed=_integer("seed", options["seed"]) if "seed" in options else default.seed,
        size=options.get("size", default.size),
        samples=_triple(parts) if parts is not None else None,
        max_length=_integer("max_length", options["max_length"]) if "max_length" in options else default.max_length,
        version=_integer("version", options["version"]) if "version" in options else default.version,
    )


def _triple(text: str) -> tuple[int, int, int]:
    parts = [_integer("samples", part) for part in text.split("-")]
    if len(parts) != 3:
        raise InputError(f"synthetic: samples '{text}' must be train-valid-test, such as samples=100-20-50")
    return parts[0], parts[1], parts[2]


def _integer(field: str, text: str) -> int:
    value = read_whole(text)
    if value is None:
        raise InputError(f"synthetic: {field} must be a whole number, found '{text}'")
    return value


def _whole(field: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"synthetic: {field} must be a whole number from {low} to {high}, found {value!r}")


def _show(value: object) -> str:
    return "-".join(str(part) for part in value) if isinstance(value, tuple) else str(value)
