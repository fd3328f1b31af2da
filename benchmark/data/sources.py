"""Data sets by name: stores on disk, the generator `synthetic`, registered code, or two of these (`cross`).

>>> dataset = load("synthetic:size=tiny")        # or "mosi", "mosi/official", "mmmo/fold3", "mosi->mmmo"
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.data.bounds import mae_bound
from benchmark.data.catalog import find_store, store_path
from benchmark.data.config import EncoderConfig, Scaling
from benchmark.data.reference import Reference
from benchmark.data.registered import is_registered, make_samples
from benchmark.data.samples import Samples
from benchmark.data.store import read_store, store_info, verify_store
from benchmark.data.synthetic import SyntheticConfig, generate, is_synthetic, parse_synthetic
from benchmark.words import ACROSS, listed, trained_and_tested
from protocols import InputError

if TYPE_CHECKING:
    from benchmark.data.dataset import Dataset
    from benchmark.data.encoding import TextEncoder
    from benchmark.evaluation.panel import Bound


@dataclass(frozen=True)
class DatasetHeader:
    """Header of a data set: the information that a study needs before it is read.

    Attributes:
        name: Name in run identities: the store's name, or the generator with its options.
        fingerprint: sha256 of the samples.
        splits: Named splits, the default first.
        text_is_tokens: True if the text must be encoded.
        label_range: Lowest and highest possible label.
        bound: Lowest plausible MAE, if the source file is known.
        videos: Origin of the video ids, see `Provenance`.
        notes: Remarks for every table.
    """

    name: str
    fingerprint: str
    splits: tuple[str, ...]
    text_is_tokens: bool
    label_range: tuple[float, float] = (-3.0, 3.0)
    bound: Bound | None = None
    videos: str = ""
    notes: tuple[str, ...] = ()


def filed_name(reference: str) -> str:
    """Return the reference to a data set as in run identities: options of the generator in a fixed order."""
    given = Reference.parse(reference)
    if ACROSS in given.name:
        train, test = trained_and_tested(given.name)
        return str(replace(given, name=f"{filed_name(train)}{ACROSS}{filed_name(test)}"))
    return str(replace(given, name=str(parse_synthetic(given.name)))) if is_synthetic(given.name) else str(given)


def load_samples(name: str) -> Samples:
    """Return the samples called `name`; they are cached in this process while the store is unchanged."""
    if ACROSS in name:
        if name.count(ACROSS) > 1:
            raise InputError(f"data set '{name}': name one data set to train on and one to test on, as in mosi->mmmo")
        train, test = (Reference.parse(part) for part in trained_and_tested(name))
        return _joined(name, load_samples(train.name), train.split, load_samples(test.name))
    if is_synthetic(name):
        return _generated(parse_synthetic(name))
    if _from_code(name):
        return _made(name)
    path = find_store(name)
    state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_size)


def forget_samples() -> None:
    """Clear the cache of samples, before training, which must not hold test labels."""
    for kept in (_generated, _made, _read, _joined):
        kept.cache_clear()


@lru_cache(maxsize=4)
def _generated(config: SyntheticConfig) -> Samples:
    return generate(config)


@lru_cache(maxsize=4)
def _made(name: str) -> Samples:
    return make_samples(name)


@lru_cache(maxsize=2)
def _joined(name: str, train: Samples, split: str, test: Samples) -> Samples:
    from benchmark.data.cross import join

    return join(name, train, split, test)


def _from_code(name: str) -> bool:
    """Return True for the name of registered code; raises InputError if a store has the same name."""
    if not is_registered(name):
        return False
    if store_path(name).is_file():
        raise InputError(f"data set '{name}' is both a store ({store_path(name)}) and registered code; rename one")
    return True


def store_fault(name: str) -> str:
    """Return a message if a data store was changed since its import; empty if it was not, or for data made by code.

    A store is read once in this process while its file is unchanged.
    """
    if ACROSS in name:
        parts = (Reference.parse(part).name for part in trained_and_tested(name))
        return listed([fault for fault in map(store_fault, parts) if fault])
    if is_synthetic(name) or _from_code(name):
        return ""
    path = find_store(name)
    state = path.stat()
    return _fault(name, path, state.st_mtime_ns, state.st_size)


def store_faults(names: Iterable[str]) -> list[str]:
    """Return the messages of `store_fault` about those of these data sets that are on this machine."""
    found = []
    for name in sorted(set(names)):
        with suppress(InputError):  # it is not here
            found.append(store_fault(name))
    return [line for line in found if line]


@lru_cache(maxsize=64)
def _fault(name: str, path: Path, changed: int, size: int) -> str:
    if verify_store(path).ok:
        return ""
    return f"{name}: its store was changed or is damaged since its import; import the data set again"


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, size: int) -> Samples:
    return read_store(path)


def dataset_header(name: str) -> DatasetHeader:
    """Return the header of a data set without reading its values; raises InputError for an unknown name.

    Values of two data sets are read: `name` is then `mosi->mmmo`.
    """
    if ACROSS in name:
        samples, tested = load_samples(name), dataset_header(trained_and_tested(name)[1])
        notes = samples.provenance.notes
        return replace(tested, name=filed_name(name), fingerprint=samples.fingerprint(), notes=notes)
    if is_synthetic(name):
        return _generated_header(parse_synthetic(name))
    if _from_code(name):
        samples = load_samples(name)
        tokens = samples.streams["text"].token_ids is not None
        origin = samples.provenance
        return DatasetHeader(
            name, samples.fingerprint(), tuple(samples.splits), tokens, origin.label_range, videos=origin.videos
        )
    info = store_info(find_store(name))
    bound, origin = mae_bound(info.provenance.source_sha256), info.provenance
    return DatasetHeader(
        info.name, info.fingerprint, info.splits, info.text_is_tokens, origin.label_range, bound, origin.videos
    )


def load(reference: str, encoder: TextEncoder | EncoderConfig | None = None, scaling: Scaling = "log") -> Dataset:
    """Load a data set, ready for masks and batches.

    Args:
        reference: `name` (its first split) or `name/split`.
        encoder: Text encoder, whose tokenizer gives the tokens; by default `minilm` if one is needed.
        scaling: Scaling of values.
    """
    from benchmark.data.dataset import build_dataset  # imports torch, which headers do not need
    from benchmark.data.encoding import TextEncoder

    given = Reference.parse(reference)
    samples = load_samples(given.name)
    split = given.split or next(iter(samples.splits))
    if samples.streams["text"].values is not None:
        return build_dataset(samples, split, None, scaling)
    text = encoder if isinstance(encoder, TextEncoder) else TextEncoder(encoder or EncoderConfig())
    return build_dataset(samples, split, text, scaling)


@lru_cache(maxsize=4)
def _generated_header(config: SyntheticConfig) -> DatasetHeader:
    samples = _generated(config)
    videos = samples.provenance.videos
    return DatasetHeader(str(config), samples.fingerprint(), tuple(samples.splits), True, videos=videos)
