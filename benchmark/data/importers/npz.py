"""npz archives: `id`, `label`, `split.<name>`; for each modality `<modality>.values` (n, T, D) and `.observed` (n, T).

Optional: `raw_text`, `video_id`. No pickles inside; all T steps are positions, and gaps are where `observed` is False.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.features import Cleaning
from benchmark.data.importers.assemble import numbers, strings, value_stream
from benchmark.data.samples import PARTS, ModalityStream, Provenance, Samples
from protocols import MODALITIES, InputError, unknown_name


def read_npz(path: Path, name: str, sha256: str, label_range: tuple[float, float] | None) -> Samples:
    """Samples of an npz archive; see `import_file`."""
    arrays = _arrays(path)
    for key in ("id", "label", *(f"{m}.{what}" for m in MODALITIES for what in ("values", "observed"))):
        if key not in arrays:
            raise InputError(f"{path}: has no array '{key}'; found {', '.join(arrays) or 'nothing'}")
    with np.errstate(over="ignore"):
        label = numbers(f"{path}: label", arrays["label"], 1).astype(np.float32)
    n = len(label)
    ids = strings(f"{path}: id", arrays["id"], n)
    cleaning = {m: Cleaning() for m in MODALITIES}
    streams = {m: _stream(path, m, arrays, n, cleaning[m]) for m in MODALITIES}
    splits = {
        key.removeprefix("split."): _split(path, key, arrays[key], n) for key in arrays if key.startswith("split.")
    }
    if not splits:
        raise InputError(f"{path}: has no array 'split.<name>' that assigns samples to train, valid and test")
    return Samples(
        name=name,
        ids=ids,
        video_ids=strings(f"{path}: video_id", arrays["video_id"], n) if "video_id" in arrays else ids,
        raw_text=strings(f"{path}: raw_text", arrays["raw_text"], n)
        if "raw_text" in arrays
        else np.array([""] * n, dtype=object),
        label=label,
        streams=streams,
        splits=splits,
        provenance=Provenance(
            source=path.name,
            source_sha256=sha256,
            layout="npz",
            label_range=label_range or (-3.0, 3.0),
            cleaning={m: c.counts() for m, c in cleaning.items()},
            notes=("text is word vectors: a word is erased as a zero vector, and no text encoder is used",),
        ),
    )


def _arrays(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError,
            TypeError, SyntaxError, MemoryError, OverflowError, IndexError, AttributeError) as error:  # fmt: skip
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(f"{path}: not a readable npz archive of plain arrays ({reason})") from error


def _stream(path: Path, modality: str, arrays: dict[str, Any], n: int, cleaning: Cleaning) -> ModalityStream:
    where = f"{path}: {modality}.values"
    values = numbers(where, arrays[f"{modality}.values"], 3)
    observed = numbers(f"{path}: {modality}.observed", arrays[f"{modality}.observed"], 2).astype(np.bool_)
    if len(values) != n or observed.shape != values.shape[:2]:
        raise InputError(
            f"{where}: expected ({n}, T, D), and {modality}.observed ({n}, T); found {values.shape}, {observed.shape}"
        )
    return value_stream(where, values, np.full(n, values.shape[1], dtype=np.int64), observed, cleaning)


def _split(path: Path, key: str, value: Any, n: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    words = strings(f"{path}: {key}", value, n)
    for word in words:
        if word not in PARTS:
            raise unknown_name(f"part in {path}: {key}:", str(word), PARTS)
    for part in ("train", "valid", "test"):
        if part not in words:
            raise InputError(f"{path}: {key}: has no {part} sample; train, valid and test each need some")
    return np.array([PARTS[word] for word in words], dtype=np.uint8)
