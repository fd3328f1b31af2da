"""The sample store: one HDF5 file a data set, samples once, ragged, no padding.

/                 schema_version, name, content_sha256, splits, text, provenance (JSON)
/samples          id, video_id, raw_text, label, label_text, label_audio, label_vision (where known)
/text             offsets, observed, token_ids | values
/audio, /vision   offsets, observed, values
/splits/<name>    0 unused, 1 train, 2 valid, 3 test
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from benchmark.data.samples import ModalityStream, Provenance, Samples, StringArray
from protocols import MODALITIES, InputError, Modality

SCHEMA_VERSION = 1
SUFFIX = ".h5"

#: What h5py and its filters raise on a damaged file.
_DAMAGE = (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError, OverflowError,
           MemoryError, UnicodeError, struct.error, zlib.error)  # fmt: skip


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
    """Whether a store holds what was imported.

    Attributes:
        stored, found: sha256 of the samples as written down, and as computed from what is there.
    """

    info: StoreInfo
    stored: str
    found: str

    @property
    def ok(self) -> bool:
        """Whether they are equal."""
        return self.stored == self.found


def write_store(samples: Samples, path: Path) -> None:
    """Validate samples and write them; the file appears whole or not at all.

    Raises:
        InputError: when the samples break a rule, or the folder cannot be written.
    """
    samples.validate()
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(beside, "w") as file:
            _write(file, samples)
        beside.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        beside.unlink(missing_ok=True)


def _write(file: h5py.File, samples: Samples) -> None:
    file.attrs["schema_version"] = SCHEMA_VERSION
    file.attrs["name"] = samples.name
    file.attrs["content_sha256"] = samples.fingerprint()
    file.attrs["splits"] = json.dumps(list(samples.splits))
    file.attrs["text"] = "tokens" if samples.streams["text"].token_ids is not None else "values"
    file.attrs["provenance"] = json.dumps(asdict(samples.provenance))
    group = file.create_group("samples")
    for title, column in (("id", samples.ids), ("video_id", samples.video_ids), ("raw_text", samples.raw_text)):
        group.create_dataset(title, data=column.tolist(), dtype=h5py.string_dtype())
    group.create_dataset("label", data=samples.label)
    for modality, labels in samples.unimodal_labels.items():
        group.create_dataset(f"label_{modality}", data=labels)
    for modality in MODALITIES:
        stream, group = samples.streams[modality], file.create_group(modality)
        group.attrs["feature_names"] = json.dumps(list(stream.feature_names))
        group.create_dataset("offsets", data=stream.offsets)
        group.create_dataset("observed", data=stream.observed, compression="gzip", compression_opts=1)
        if stream.token_ids is not None:
            group.create_dataset("token_ids", data=stream.token_ids.astype(np.int32))
        if stream.values is not None:
            group.create_dataset("values", data=stream.values)
    for split, codes in samples.splits.items():
        file.create_dataset(f"splits/{split}", data=codes)


def read_store(path: Path) -> Samples:
    """Read and validate a store.

    Raises:
        InputError: when the file is missing, damaged, of another schema, or breaks a rule.
    """
    with _open(path) as file:
        info = _info(file, path)
        try:
            samples = _read(file, info)
        except _DAMAGE as error:
            raise _damaged(path, error) from error
    samples.validate()
    return samples


def store_info(path: Path) -> StoreInfo:
    """The header of a store; raises InputError as `read_store` does."""
    with _open(path) as file:
        return _info(file, path)


def verify_store(path: Path) -> VerifyReport:
    """Read a store whole and compare its content with the sha256 written at import."""
    info = store_info(path)
    return VerifyReport(info, info.fingerprint, read_store(path).fingerprint())


def _open(path: Path) -> h5py.File:
    if not path.is_file():
        raise InputError(f"{path}: no such data store")
    try:
        return h5py.File(path, "r")
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: BaseException) -> InputError:
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return InputError(f"{path}: not a readable data store ({reason}); import the data set again")


def _info(file: h5py.File, path: Path) -> StoreInfo:
    try:
        version = int(file.attrs.get("schema_version", 0))
        if version != SCHEMA_VERSION:
            found = f"schema version {version}" if version else "another kind of HDF5 file"
            raise InputError(f"{path}: {found}, expected schema version {SCHEMA_VERSION}; import the data set again")
        text = json.loads(file.attrs["provenance"])
        text["label_range"] = tuple(float(x) for x in text["label_range"])
        text["notes"] = tuple(str(note) for note in text["notes"])
        return StoreInfo(
            name=str(file.attrs["name"]),
            path=path,
            samples=int(file["samples/id"].shape[0]),
            fingerprint=str(file.attrs["content_sha256"]),
            splits=tuple(str(s) for s in json.loads(file.attrs["splits"])),
            text_is_tokens=str(file.attrs["text"]) == "tokens",
            provenance=Provenance(**text),
        )
    except InputError:
        raise
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _read(file: h5py.File, info: StoreInfo) -> Samples:
    group = file["samples"]
    unimodal: dict[Modality, Any] = {
        m: group[f"label_{m}"][:].astype(np.float32) for m in MODALITIES if f"label_{m}" in group
    }
    return Samples(
        name=info.name,
        ids=_strings(group["id"]),
        video_ids=_strings(group["video_id"]),
        raw_text=_strings(group["raw_text"]),
        label=group["label"][:].astype(np.float32),
        streams={m: _stream(file[m]) for m in MODALITIES},
        splits={s: file[f"splits/{s}"][:].astype(np.uint8) for s in info.splits},
        provenance=info.provenance,
        unimodal_labels=unimodal,
    )


def _stream(group: Mapping[str, Any]) -> ModalityStream:
    names = json.loads(group.attrs["feature_names"])  # type: ignore[attr-defined]
    return ModalityStream(
        offsets=group["offsets"][:].astype(np.int64),
        observed=group["observed"][:].astype(np.bool_),
        values=group["values"][:].astype(np.float32) if "values" in group else None,
        token_ids=group["token_ids"][:].astype(np.int64) if "token_ids" in group else None,
        feature_names=tuple(str(name) for name in names),
    )


def _strings(dataset: Any) -> StringArray:
    return np.asarray(dataset.asstr()[:], dtype=object)
