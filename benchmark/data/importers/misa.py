"""Lists of utterances, the layout of the caches of CMU-MOSI and CMU-MOSEI by MISA, MAG-BERT, BBFN and MMIM.

A part is a list of `(features, label, id)`, and features are one of

* `(word ids, vision, audio, words)`: MISA. Pauses were removed, and each utterance may have been standardised
  separately; one row of audio and vision for each word.
* `(words, vision, audio)`: MAG-BERT, the words as text.
* `(word ids or nothing, vision, audio, words, vision length, audio length)`: BBFN and MMIM. Audio and vision have
  separate rates.

A label is one number, or MOSEI's seven (sentiment first, then emotions). The text is tokenised
from the words, as for a CSV; models that need audio and vision by words align them as for any other data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.data.features import Cleaning, unusable
from benchmark.data.importers.assemble import StreamWriter, identifiers, numbers, strings
from benchmark.data.importers.mmsa_part import join_parts, note_gaps, unique_ids
from benchmark.data.importers.videos import numbered
from benchmark.data.importers.words import token_stream
from benchmark.data.samples import FloatArray, ModalityStream, Samples, StringArray
from protocols import InputError, Modality

#: Mark of a pause by the aligner of the CMU-MultimodalSDK.
_PAUSE = "sp"
#: Number of utterances padded to one array at a time.
_AT_ONCE = 64
#: Columns of MOSEI's labels: sentiment and six emotions.
_MOSEI = 7
_FRAMES: tuple[Modality, ...] = ("vision", "audio")


@dataclass(eq=False)
class _Utterances:
    """One part.

    Attributes:
        where: File and part, for errors.
        ids, raw_text: `(n,)`.
        label: `(n,)`.
        frames: By modality, n arrays `(T, D)`.
        words: Number of words of each.
        emotions: True if labels have further columns.
    """

    where: str
    ids: StringArray
    raw_text: StringArray
    label: FloatArray
    frames: Mapping[Modality, Sequence[npt.NDArray[Any]]]
    words: Sequence[int]
    emotions: bool

    def labels(self, name: str) -> FloatArray:
        """Return the labels."""
        return self.label


def read_misa(path: Path, content: Mapping[str, Any], name: str, sha256: str) -> Samples:
    """Read lists of utterances; see `import_file`.

    Raises:
        InputError: With the part and the entry, for an entry of another form or without words.
    """
    notes: list[str] = []
    parts: dict[str, _Utterances] = {}
    for part in ("train", "valid", "test"):
        if part not in content:
            raise InputError(f"{path}: has no part '{part}'; found {', '.join(content)}")
        parts[part] = _part(path, part, content[part], notes)
    if any(p.emotions for p in parts.values()):
        notes.append(f"labels have {_MOSEI} columns, as MOSEI's: the first is sentiment, the others were left out")
    ids = unique_ids(path, parts, notes)
    text, text_notes = token_stream(str(path), [text for p in parts.values() for text in p.raw_text.tolist()])
    cleaning: dict[Modality, Cleaning] = {"audio": Cleaning(), "vision": Cleaning()}
    streams: dict[Modality, ModalityStream] = {"text": text}
    for modality in _FRAMES:
        writer = StreamWriter(cleaning[modality])
        arrays = [array for p in parts.values() for array in p.frames[modality]]
        _write(f"{path}: {modality}", writer, arrays, ids[0])
        streams[modality] = writer.stream()
        note_gaps(modality, streams[modality], notes)
        if _standardised(arrays):
            notes.append(
                f"{modality}: each utterance was standardised separately, as in MISA's code: the level is lost, and an "
                "utterance of one frame is all zeros"
            )
    apart = sum(
        words != len(frames)
        for p in parts.values()
        for m in _FRAMES
        for words, frames in zip(p.words, p.frames[m], strict=True)
    )
    notes.append("audio and vision have one row for each word" if not apart else "audio and vision have separate rates")
    notes += text_notes
    return join_parts(path, parts, ids, streams, cleaning, notes, name=name, sha256=sha256, layout="misa")


def _part(path: Path, part: str, entries: Any, notes: list[str]) -> _Utterances:
    where = f"{path}: {part}"
    if not isinstance(entries, list | tuple):
        raise InputError(f"{where}: expected a list of ((words, vision, audio), label, id), found {_kind(entries)}")
    if not len(entries):
        raise InputError(f"{where}: has no samples; train, valid and test each need some")
    ids, labels, texts, counts = [], [], [], []
    frames: dict[Modality, list[npt.NDArray[Any]]] = {m: [] for m in _FRAMES}
    emotions, pauses = False, 0
    for i, entry in enumerate(entries):
        at = f"{where}: entry {i}"
        if not isinstance(entry, list | tuple) or len(entry) != 3 or not isinstance(entry[0], list | tuple):
            raise InputError(f"{at}: expected ((words, vision, audio), label, id), found {_kind(entry)}")
        features, label, sample = entry
        if len(features) not in (3, 4, 6):
            raise InputError(
                f"{at}: expected words, vision, audio, and at most words as text and two lengths; found "
                f"{len(features)} fields"
            )
        words = _words(at, features)
        values = numbers(f"{at}: label", label, np.ndim(_array(at, label))).reshape(-1)
        if len(values) not in (1, _MOSEI):
            raise InputError(
                f"{at}: label: expected one number, or MOSEI's {_MOSEI}, of which the first is sentiment; found "
                f"{len(values)}"
            )
        emotions |= len(values) == _MOSEI
        ids.append(sample)
        labels.append(values[0])
        spoken = [word for word in words if word != _PAUSE]
        pauses += len(words) - len(spoken)
        texts.append(" ".join(spoken))
        counts.append(len(words))
        for k, modality in enumerate(_FRAMES, 1):
            length = features[k + 3] if len(features) == 6 else None
            frames[modality].append(_matrix(f"{at}: {modality}", features[k], length))
    if pauses:
        notes.append(f"{part}: {pauses} pauses ('{_PAUSE}') were taken out of the text")
    with np.errstate(over="ignore"):
        label_column = np.array(labels, dtype=np.float64).astype(np.float32)
    return _Utterances(
        where,
        _numbered(where, identifiers(f"{where}: id", np.array([*map(_plain, ids)], dtype=object), len(ids)), notes),
        strings(f"{where}: words", np.array(texts, dtype=object), len(texts)),
        label_column,
        frames,
        counts,
        emotions,
    )


def _words(at: str, features: Sequence[Any]) -> list[str]:
    """Return the words as text: the fourth field, or the first if it is text."""
    words = features[3] if len(features) > 3 else features[0]
    if isinstance(words, np.ndarray):
        words = words.reshape(-1).tolist()
    if not isinstance(words, list | tuple):
        raise InputError(f"{at}: words: expected a list, found {_kind(words)}")
    plain = [word.decode("utf-8", "replace") if isinstance(word, bytes) else word for word in words]
    for word in plain:
        if not isinstance(word, str):
            raise InputError(
                f"{at}: has word ids and no words: the ids number a vocabulary that is not in the file (MISA keeps it "
                "as word2id in embedding_and_mapping.pt), so the text cannot be known; look the words up there, and "
                "write them as the fourth field: (word ids, vision, audio, words)"
            )
    return [" ".join(word.split()) for word in plain if word.strip()]


def _matrix(at: str, value: Any, length: Any) -> npt.NDArray[Any]:
    """Return frames `(T, D)`, cut at the length if one is given."""
    array = _array(at, value)
    if not array.size and array.ndim < 2:
        return np.zeros((0, 0))
    array = numbers(at, array, 2)
    if length is None:
        return array
    known = _array(at, length)
    if known.size != 1 or known.dtype.kind not in "iuf" or not 0 <= known.reshape(-1)[0] <= len(array):
        raise InputError(f"{at}: expected a length from 0 to {len(array)}, its frames; found {str(length)[:40]}")
    return array[: int(known.reshape(-1)[0])]


def _array(at: str, value: Any) -> npt.NDArray[Any]:
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise InputError(f"{at}: is not an array ({' '.join(str(error).split())[:120]})") from error


def _write(where: str, writer: StreamWriter, arrays: Sequence[npt.NDArray[Any]], ids: StringArray) -> None:
    """Append ragged frames, some utterances at a time."""
    width = next((array.shape[1] for array in arrays if array.size), 1)
    for sample, array in zip(ids, arrays, strict=True):
        if len(array) and array.shape[1] != width:
            raise InputError(
                f"{where}: sample '{sample}' has {array.shape[1]} columns, others have {width}; feature widths differ"
            )
    for first in range(0, len(arrays), _AT_ONCE):
        group = arrays[first : first + _AT_ONCE]
        lengths = np.array([len(array) for array in group], dtype=np.int64)
        padded = np.zeros((len(group), max(int(lengths.max()), 1), width), np.result_type(*group))
        for row, array in zip(padded, group, strict=True):
            if len(array):
                row[: len(array)] = array
        writer.add(where, padded, lengths)


def _standardised(arrays: Sequence[npt.NDArray[Any]]) -> bool:
    """Return True if the columns of most utterances have mean 0 and deviation 1, or are constant."""
    judged = [a.astype(np.float64) for a in arrays[:200] if len(a) > 2 and not unusable(a).any()]
    if not judged:
        return False
    yes = 0
    for array in judged:
        deviation = array.std(axis=0)
        steady = np.abs(array.mean(axis=0)) < 0.01
        yes += bool(steady.all() and ((np.abs(deviation - 1) < 0.05) | (deviation < 0.01)).all() and deviation.any())
    return 2 * yes > len(judged)


def _numbered(where: str, ids: StringArray, notes: list[str]) -> StringArray:
    """Return ids; if ids repeat, as in MMIM's files of MOSEI, they are of videos, and utterances are numbered."""
    distinct = len(set(ids.tolist()))
    if distinct == len(ids):
        return ids
    notes.append(
        f"{where.rpartition(': ')[2]}: {len(ids)} utterances have {distinct} ids, which seem to be videos; "
        "utterances were numbered"
    )
    return numbered(ids)


def _plain(value: Any) -> Any:
    """Convert an id to text; objects other than text, numbers and bytes are unchanged."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    return value if isinstance(value, str | bytes) else str(value)


def _kind(value: Any) -> str:
    size = f" of {len(value)}" if isinstance(value, list | tuple | dict) else ""
    return f"{type(value).__name__}{size}"
