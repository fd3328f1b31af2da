"""The sample store: one HDF5 file for each data set, samples stored once, ragged, without padding.

/                 attributes schema_version, name, samples, content_sha256, splits (JSON), text; provenance (JSON)
/samples          id, video_id, raw_text (text), label, label_text, label_audio, label_vision (where known)
/text             offsets, observed, feature_names (text), token_ids (attribute vocabulary) | values; times (if known)
/audio, /vision   offsets, observed, feature_names (text), values; times (if known)
/splits/<name>    0 unused, 1 train, 2 valid, 3 test

Text columns are groups of `utf8`, all entries back to back, and their `offsets`: HDF5's own strings of variable length
are kept in a heap without checksums, where one damaged byte can hang the library. Values are not compressed: on float32
features gzip saves about a fifth, and takes 20 to 80 times as long. They are contiguous and thus mapped, not read: a
data set larger than the memory can be opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from benchmark.data.guarded_file import GuardedFile
from benchmark.data.samples import Provenance, Samples
from benchmark.data.store_columns import ColumnReader, read_attribute, write_stream, write_strings
from protocols import MODALITIES, InputError, Modality
from protocols.temporaries import temporary

SCHEMA_VERSION = 1
SUFFIX = ".h5"
_ALIGNED = 64


@dataclass(frozen=True)
class StoreInfo:
    """The header of a store, read without its values."""

    name: str
    path: Path
    samples: int
    fingerprint: str
    splits: tuple[str, ...]
    text_is_tokens: bool
    provenance: Provenance


@dataclass(frozen=True)
class VerifyReport:
    """Result of comparing the content of a store with its import.

    Attributes:
        stored, found: sha256 of the samples as recorded at import, and as computed from the present content.
    """

    info: StoreInfo
    stored: str
    found: str

    @property
    def ok(self) -> bool:
        """True if both are equal."""
        return self.stored == self.found


def write_store(samples: Samples, path: Path) -> None:
    """Validate samples and write them; the file is written completely or not at all.

    Raises:
        InputError: If the samples break a rule, the folder cannot be written, or the disk is full.
    """
    samples.validate()
    _check_text(samples)
    beside = temporary(path.with_name(f"{path.name}.part"))  # no store by its name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            beside.open("w+b", buffering=0) as raw,
            GuardedFile(raw) as guarded,
            # the oldest format, the default, has no checksums of metadata; aligned values can be mapped
            h5py.File(
                guarded, "w", libver=("v110", "v110"), alignment_threshold=_ALIGNED, alignment_interval=_ALIGNED
            ) as file,
        ):
            _write(file, samples)
        beside.replace(path)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(f"{path}: cannot be written ({reason}); make room, or use another folder") from error
    finally:
        beside.unlink(missing_ok=True)


def _check_text(samples: Samples) -> None:
    for split in samples.splits:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", split):
            raise InputError(f"{samples.name}: split '{split}': use letters, digits, _ . and - in its name")
    for what, column in (("id", samples.ids), ("video id", samples.video_ids), ("raw text", samples.raw_text)):
        for text in column.tolist():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise InputError(
                    f"{samples.name}: {what} {text!r} is not Unicode text; replace what is broken"
                ) from error


def _write(file: h5py.File, samples: Samples) -> None:
    file.attrs["schema_version"] = SCHEMA_VERSION
    file.attrs["name"] = np.bytes_(samples.name.encode())
    file.attrs["samples"] = len(samples)
    file.attrs["content_sha256"] = np.bytes_(samples.fingerprint().encode())
    file.attrs["splits"] = np.bytes_(json.dumps(list(samples.splits)).encode())
    file.attrs["text"] = np.bytes_(b"tokens" if samples.streams["text"].token_ids is not None else b"values")
    write_strings(file, "provenance", [json.dumps(asdict(samples.provenance))])
    group = file.create_group("samples")
    for title, column in (("id", samples.ids), ("video_id", samples.video_ids), ("raw_text", samples.raw_text)):
        write_strings(group, title, column.tolist())
    group.create_dataset("label", data=samples.label.astype("<f4"))
    for modality, labels in samples.unimodal_labels.items():
        group.create_dataset(f"label_{modality}", data=labels.astype("<f4"))
    for modality in MODALITIES:
        write_stream(file.create_group(modality), samples.streams[modality])
    for split, codes in samples.splits.items():
        file.create_dataset(f"splits/{split}", data=codes.astype("u1"))


def read_store(path: Path) -> Samples:
    """Read and validate a store; values are mapped from the file, read-only.

    Raises:
        InputError: If the file is missing, damaged, of another schema, or breaks a rule.
    """
    with _open(path) as file:
        samples = _read(file, path)
    samples.validate()
    return samples


def store_info(path: Path) -> StoreInfo:
    """Read the header of a store; raises InputError as `read_store` does."""
    with _open(path) as file:
        return _info(file, path)


def verify_store(path: Path) -> VerifyReport:
    """Read a store completely and compare its content with the sha256 written at import."""
    info = store_info(path)
    return VerifyReport(info, info.fingerprint, read_store(path).fingerprint())


@contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    """Open a store for reading; all errors of h5py on damaged bytes become an InputError."""
    if not path.is_file():
        raise InputError(f"{path}: no such data store")
    try:
        # stores are replaced completely and never changed, so that no lock is needed; network folders may have none
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(f"{path}: not a readable data store ({reason}); import the data set again") from error


def _info(file: h5py.File, path: Path) -> StoreInfo:
    version = int(file.attrs.get("schema_version", 0))
    if version != SCHEMA_VERSION:
        schema = f"schema version {version}" if version else "another kind of HDF5 file"
        raise InputError(f"{path}: {schema}, expected schema version {SCHEMA_VERSION}; import the data set again")
    text = json.loads(ColumnReader(path, path.stat().st_size).strings(file, "provenance", 1)[0])
    text["label_range"] = tuple(float(x) for x in text["label_range"])
    text["notes"] = tuple(str(note) for note in text["notes"])
    text["cleaning"] = {m: {k: int(v) for k, v in counts.items()} for m, counts in text["cleaning"].items()}
    text["steps"] = {m: int(text.get("steps", {})[m]) for m in MODALITIES if m in text.get("steps", {})}
    for title in ("samples", "splits", *MODALITIES):
        # searching an array for a name would scan all of its rows, of which a damaged file may claim any number
        if not isinstance(file[title], h5py.Group):
            raise ValueError(f"{title} is an array, expected a group")
    splits = json.loads(read_attribute(file, "splits"))
    if set(splits) != set(file["splits"]):
        raise ValueError("the splits in its header are not those in the file")
    return StoreInfo(
        name=read_attribute(file, "name"),
        path=path,
        samples=int(file.attrs["samples"]),
        fingerprint=read_attribute(file, "content_sha256"),
        splits=tuple(str(s) for s in splits),
        text_is_tokens=read_attribute(file, "text") == "tokens",
        provenance=Provenance(**text),
    )


def _read(file: h5py.File, path: Path) -> Samples:
    info, group = _info(file, path), file["samples"]
    reader, n = ColumnReader(path, path.stat().st_size), info.samples
    unimodal: dict[Modality, Any] = {
        m: reader.array(group, f"label_{m}", "f4", (n,)) for m in MODALITIES if f"label_{m}" in group
    }
    samples = Samples(
        name=info.name,
        ids=reader.strings(group, "id", n),
        video_ids=reader.strings(group, "video_id", n),
        raw_text=reader.strings(group, "raw_text", n),
        label=reader.array(group, "label", "f4", (n,)),
        streams={m: reader.stream(file[m], n) for m in MODALITIES},
        splits={s: reader.array(file["splits"], s, "u1", (n,)) for s in info.splits},
        provenance=info.provenance,
        unimodal_labels=unimodal,
    )
    if (samples.streams["text"].token_ids is not None) != info.text_is_tokens:
        raise ValueError("its header and its text do not agree on what text is")
    return samples
