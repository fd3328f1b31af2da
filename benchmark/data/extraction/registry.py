"""Extractors of audio and vision features, by modality and name.

>>> @register_extractor("audio", "loudness", version=1)
... def loudness(clip: Clip) -> Frames:
...     \"\"\"Loudness at 20 Hz.\"\"\"
...     return clip.times(20), values, observed
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np

from benchmark.data.extraction.clip import Clip
from benchmark.data.samples import BoolArray, FloatArray
from protocols import InputError, Modality, Registry

#: Seconds from the clip's start `(T,)`, values `(T, D)`, and True where the values were measured `(T,)`.
Frames: TypeAlias = tuple[FloatArray, FloatArray, BoolArray]
F = TypeVar("F", bound=Callable[..., Frames])

_HERE = "benchmark.data.extraction"


@dataclass(frozen=True)
class ExtractorKind:
    """A registered function, and the facts about it.

    Attributes:
        function: Function of a clip; with `argument`, of a clip and that text.
        version: Number that is raised when the values change.
        argument: Name of the argument behind the colon, such as `FILE`; empty if there is none.
        libraries: Distributions whose versions are kept with the features.
        licence: Licence of code and weights.
        revision: Function of the argument that returns the identity of the weights, such as a checksum.
    """

    function: Callable[..., Frames]
    version: int
    argument: str = ""
    libraries: tuple[str, ...] = ()
    licence: str = ""
    revision: Callable[[str], str] | None = None


_KINDS: dict[str, Registry[ExtractorKind]] = {
    "audio": Registry(
        "audio extractor",
        "sentibench.extractors",
        {"prosody": f"{_HERE}.prosody", **dict.fromkeys(("opensmile", "hf"), f"{_HERE}.models")},
    ),
    "vision": Registry(
        "vision extractor",
        "sentibench.extractors",
        {"motion": f"{_HERE}.motion", **dict.fromkeys(("mediapipe", "hf"), f"{_HERE}.models")},
    ),
}


def register_extractor(
    modality: Modality,
    name: str,
    *,
    version: int,
    argument: str = "",
    libraries: tuple[str, ...] = (),
    licence: str = "",
    revision: Callable[[str], str] | None = None,
) -> Callable[[F], F]:
    """Register a function of a clip that returns `Frames`; a decorator. See `ExtractorKind` for the arguments.

    Raises:
        InputError: For a modality without extractors, or a name that is taken.
    """
    if modality not in _KINDS:
        raise InputError(f"extractor '{name}': expected audio or vision, found {modality!r}")
    return _KINDS[modality].decorator(
        name,
        lambda function: ExtractorKind(
            cast(Callable[..., Frames], function), version, argument, libraries, licence, revision
        ),
    )


@dataclass(frozen=True)
class Extractor:
    """An extractor as the user chose it, such as `prosody` or `hf:FOLDER`."""

    modality: Modality
    name: str
    kind: ExtractorKind

    def frames(self, clip: Clip) -> Frames:
        """Return the frames of a clip; raises InputError for a clip that cannot be read, or faulty frames."""
        given = self.name.partition(":")[2]
        times, values, observed = self.kind.function(clip, *((given,) if self.kind.argument else ()))
        times, values = np.asarray(times, np.float32), np.asarray(values, np.float32)
        observed = np.asarray(observed, np.bool_) & np.isfinite(values).all(axis=-1)
        if values.ndim != 2 or times.shape != (len(values),) or observed.shape != (len(values),) or not values.shape[1]:
            raise InputError(
                f"{self.modality} extractor '{self.name}': returned times {times.shape}, values {values.shape} and "
                f"observed {observed.shape}; expected (T,), (T, D) and (T,)"
            )
        return times, np.where(observed[:, None], values, np.float32(0)), observed

    def identity(self) -> dict[str, Any]:
        """Return name, version, revision, library versions and licence, as archives and stores keep them."""
        revision = self.kind.revision(self.name.partition(":")[2]) if self.kind.revision else ""
        try:
            libraries = {name: importlib.metadata.version(name) for name in ("numpy", "av", *self.kind.libraries)}
        except importlib.metadata.PackageNotFoundError as error:
            raise InputError(
                f"{self.modality} extractor '{self.name}': {error.name} is not installed; run: pip install {error.name}"
            ) from None
        return {
            "name": self.name,
            "version": self.kind.version,
            "revision": revision,
            "libraries": libraries,
            "licence": self.kind.licence,
        }


def find_extractor(modality: Modality, name: str) -> Extractor:
    """Return the extractor called `name`, as `prosody` or `hf:FOLDER`; raises InputError for an unknown one."""
    base, colon, given = name.partition(":")
    kind = _KINDS[modality].get(base)
    if kind.argument and not given:
        raise InputError(f"{modality} extractor '{base}': expected {base}:{kind.argument}")
    if colon and not kind.argument:
        raise InputError(f"{modality} extractor '{name}': '{base}' has no argument; leave out what follows it")
    return Extractor(modality, name, kind)


def nothing(width: int) -> Frames:
    """Return no frames: the modality was not recorded."""
    return np.zeros(0, np.float32), np.zeros((0, width), np.float32), np.zeros(0, np.bool_)
