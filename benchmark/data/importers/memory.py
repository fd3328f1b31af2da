"""Samples from objects in memory: data frames, named arrays, and data sets of Hugging Face's `datasets`.

They go through the same conversion and the same checks as files, see `arrays` and `detect.settled`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.data.importers.arrays import samples_of
from benchmark.data.importers.blocks import RaggedArray, Source
from benchmark.data.importers.detect import settled
from benchmark.data.importers.meaning import WARNING
from benchmark.data.importers.splits import part_code
from benchmark.data.samples import PARTS, Samples
from benchmark.words import one_line
from protocols import InputError, unknown_name

Range: TypeAlias = tuple[float, float]

#: Short names of arrays, and the name in `arrays`; `text` is words or vectors.
_SHORT = {"video": "video_id", "split": "split.given", "audio": "audio.values", "vision": "vision.values"}
_PART_NAMES: dict[int | None, str] = {code: name for name, code in PARTS.items()}
#: Options in messages of the importers, and the same as arguments.
_ARGUMENTS = {
    "--label-range LOW HIGH": "label_range=(low, high)",
    "--map-labels -3 3": "map_labels=(-3, 3)",
    "--label-range": "label_range",
    "--map-labels": "map_labels",
    "--split FILE": "split",
}
#: Arguments of `from_frame`, which name a column each.
ROLES = ("text", "label", "audio", "vision", "split", "video", "id")


def from_frame(
    df: pd.DataFrame,
    *,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
    audio: str | Sequence[str] | None = None,
    vision: str | Sequence[str] | None = None,
    split: str | None = None,
    video: str | None = None,
    id: str | None = None,
    label_range: Range | None = None,
    map_labels: Range | None = None,
) -> Samples:
    """Make samples of a data frame with one row a sample.

    Args:
        df: The data frame.
        text: Column of the words, or of word vectors; missing texts are None, NaN or empty.
        label: Column of the sentiment, a number. Leave it out for new samples, to be predicted.
        audio: Column of arrays `(steps, features)`, any number of steps, None where a sample has none; or of one vector
            a sample; or a list of columns with one number each, which together are one vector a sample.
        vision: As `audio`.
        split: Column of the parts: train, valid (or dev, validation), test, None for unused samples; else videos are
            split by a hash.
        video: Column of the videos: samples of one video are not independent. Else they are read from the ids.
        id: Column of the ids; else samples are called by their rows.
        label_range: Lowest and highest label; else the smaller of -1 to 1 and -3 to 3 that holds all labels.
        map_labels: Map the label range linearly to this one.

    Returns:
        Samples: name them in a study, or save them under a name with `Samples.save`.

    Raises:
        InputError: for an unknown column, or content that breaks a rule, as for files.
    """
    if not isinstance(df, pd.DataFrame):
        raise InputError(f"from_frame: expected a pandas.DataFrame, found {type(df).__name__}; use from_arrays")
    asked = dict(zip(ROLES, (text, label, audio, vision, split, video, id), strict=True))
    columns = {role: column for role, column in asked.items() if column is not None}
    for column in columns.values():
        for name in [column] if isinstance(column, str) else column:
            if list(df.columns).count(name) != 1:
                raise unknown_name("column of the data frame", str(name), map(str, df.columns))
    twice = next((r for r, c in columns.items() if r != "label" and label in ([c] if isinstance(c, str) else c)), None)
    if twice is not None:
        raise InputError(f"from_frame: column {label!r} is given as label and as {twice}: models would read the labels")
    arrays = {role: df[column if isinstance(column, str) else list(column)] for role, column in columns.items()}
    return _samples("data frame", "frame", arrays, label_range, map_labels)


def from_arrays(
    arrays: Mapping[str, Any], *, label_range: Range | None = None, map_labels: Range | None = None
) -> Samples:
    """Make samples of named arrays (numpy, torch or lists) with one entry a sample.

    Args:
        arrays: By name, any of: `text` (words, or vectors like audio), `label`, `audio` and `vision` (padded
            `(n, T, D)` with `audio.length` `(n,)`, a list of `(T, D)` arrays of differing T with None for missing ones,
            or one vector a sample), `split`, `video`, `id`; and every array of an npz archive, such as
            `audio.observed`, `text.token_ids`, `split.official` or `label_range`. Without `label`: new samples.
        label_range: Lowest and highest label, see `from_frame`.
        map_labels: Map the label range linearly to this one.

    Raises:
        InputError: for an unknown name, or content that breaks a rule, as for files.
    """
    if not isinstance(arrays, Mapping):
        raise InputError(f"from_arrays: expected arrays by name, found {type(arrays).__name__}; give a dictionary")
    return _samples("arrays", "arrays", arrays, label_range, map_labels)


def from_hf(
    dataset: Any, columns: Mapping[str, str], *, label_range: Range | None = None, map_labels: Range | None = None
) -> Samples:
    """Make samples of a `Dataset`, or of a `DatasetDict` whose names are the parts (train, validation, test).

    Args:
        dataset: Data set of Hugging Face's `datasets`, loaded completely.
        columns: Column by role: `{"text": "sentence", "label": "score"}`; the roles are the arguments of `from_frame`.
        label_range: Lowest and highest label, see `from_frame`.
        map_labels: Map the label range linearly to this one.

    Raises:
        InputError: for an unknown role, part or column, or content that breaks a rule, as for files.
    """
    parts = dict(dataset) if isinstance(dataset, Mapping) else {"": dataset}
    for role in columns:
        if role not in ROLES:
            raise unknown_name("role of a column:", role, ROLES)
    for part, rows in parts.items():
        if not hasattr(rows, "column_names") or not hasattr(rows, "__len__"):
            raise InputError(
                f"from_hf: expected a Dataset or DatasetDict of Hugging Face's datasets, found {type(rows).__name__}; "
                "load it without streaming"
            )
        if part and "split" not in columns and part_code(part) is None:
            raise InputError(f"from_hf: part '{part}': expected train, validation or test; rename or remove it")
        for column in columns.values():
            if column not in rows.column_names:
                raise unknown_name("column of the data set", column, rows.column_names)
        names = getattr(getattr(rows, "features", {}).get(columns.get("label", "")), "names", None)
        if names and label_range is None:
            raise InputError(
                f"from_hf: column '{columns['label']}' numbers classes from 0 ({', '.join(names)[:80]}); if they rise "
                f"from negative to positive, add label_range=(0, {len(names) - 1}), map_labels=(-1, 1); else map them "
                "to numbers"
            )
    arrays: dict[str, list[Any]] = {
        role: [item for rows in parts.values() for item in rows[column]] for role, column in columns.items()
    }
    if isinstance(dataset, Mapping) and "split" not in columns:
        arrays["split"] = [part for part, rows in parts.items() for _ in range(len(rows))]
    return _samples("data set", "hf", arrays, label_range, map_labels)


def _samples(
    where: str, layout: str, given: Mapping[str, Any], label_range: Range | None, map_labels: Range | None
) -> Samples:
    try:
        arrays, notes = _named(where, given)
        labelled = "label" in arrays
        samples = samples_of(where, arrays, layout, source=where, layout=layout, labelled=labelled, described=notes)
        samples = settled(where, samples, label_range, map_labels, labelled=labelled)
    except InputError as error:
        raise InputError(_in_python(one_line(str(error)))) from None
    origin = samples.provenance
    said = tuple(map(_in_python, origin.notes))
    for note in said:
        if note.startswith(WARNING):  # nobody sees the notes of samples unless asked for
            warnings.warn(f"{where}: {note.removeprefix(WARNING)}", stacklevel=3)
    return replace(samples, provenance=replace(origin, notes=said))


def _in_python(text: str) -> str:
    """Return a message of the importers with arguments of these functions in place of options."""
    text = text.replace("import them with", "give")
    for option, argument in _ARGUMENTS.items():
        text = text.replace(option, argument)
    return text


def _named(where: str, given: Mapping[str, Any]) -> tuple[dict[str, Source], list[str]]:
    """Return arrays by their names in npz archives, and notes on them."""
    arrays: dict[str, Any] = {}
    notes = []
    _check_order(where, given)
    for key, value in given.items():
        name, plain = _SHORT.get(key, key), _plain(value)
        title = f"{where}: {key}"
        if key == "text":
            name = "raw_text" if all(isinstance(item, (str, bytes)) or _gone(item) for item in plain) else "text.values"
        if name in ("raw_text", "id", "video_id"):
            arrays[name] = ["" if _gone(item) else item for item in plain]
        elif name.startswith("split."):
            words = ["unused" if _gone(item) else str(item) for item in plain]
            arrays[name] = [_PART_NAMES.get(part_code(word), word) for word in words]
        elif name.endswith(".values"):
            steps, lengths = _steps(title, plain)
            if steps is None:
                continue
            arrays[name] = steps
            if lengths is not None:
                arrays[name.replace(".values", ".length")] = lengths
        else:
            arrays[name] = _labels(title, plain) if name == "label" else plain
    if "id" not in arrays and arrays:
        columns = (value for key, value in given.items() if key not in ("label_range", "text.vocabulary"))
        arrays["id"] = [f"row{i + 1}" for i in range(len(next(columns, ())))]
        notes.append("no column of ids: samples are called by their rows")
    return arrays, notes


def _check_order(where: str, given: Mapping[str, Any]) -> None:
    """Refuse what has no order of samples, and columns of which one was sorted or shuffled."""
    columns = {key: value.index for key, value in given.items() if isinstance(value, (pd.Series, pd.DataFrame))}
    first = next(iter(columns), "")
    for key, value in given.items():
        word = isinstance(value, (str, bytes)) and key not in ("text.vocabulary", "extraction")
        if word or isinstance(value, (Mapping, set, frozenset)):
            raise InputError(
                f"{where}: {key}: expected an array or list with one entry a sample, found {type(value).__name__}"
            )
    for key, index in columns.items():
        other = columns[first]
        if len(other) == len(index) and not other.equals(index) and other.difference(index, sort=False).empty:
            raise InputError(
                f"{where}: {first} and {key} have the same index in different orders, so that their rows do not belong "
                f"together; put them into one data frame for from_frame, or give {key}.to_numpy() if the order is right"
            )


def _plain(value: Any) -> Any:
    """Return tensors and columns as arrays, masked numbers as NaN; other values as they are."""
    if isinstance(value, np.ma.MaskedArray) and value.dtype.kind in "fiub":
        return np.ma.filled(value.astype(np.result_type(value.dtype, np.float16)), np.nan)
    if getattr(value, "is_nested", False):
        return list(value.unbind())
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        return (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    return value.to_numpy() if hasattr(value, "to_numpy") else value


def _gone(item: Any) -> bool:
    return item is None or (not hasattr(item, "__len__") and bool(pd.isna(item)))


def _labels(where: str, value: Iterable[Any]) -> npt.NDArray[Any]:
    labels = [np.nan if _gone(item) else item for item in value]
    word = next((item for item in labels if isinstance(item, str)), None)
    if word is not None:
        raise InputError(
            f"{where}: expected numbers, found {word!r:.60}; map classes to numbers first, such as negative to -1, "
            "neutral to 0 and positive to 1"
        )
    array = np.asarray(labels)
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise InputError(
            f"{where}: entry {int(np.isnan(array).argmax())} has no label ({int(np.isnan(array).sum())} such entries); "
            "remove them, or leave the labels out for new samples, to be predicted"
        )
    return array


def _steps(where: str, value: Any) -> tuple[Source | None, npt.NDArray[np.int64] | None]:
    """Return values `(n, T, D)`, and lengths where the rows differ; no values if no sample has any."""
    if isinstance(value, np.ndarray) and value.dtype != np.object_:
        return (value[:, None] if value.ndim == 2 else value), None
    rows = [_row(f"{where}: entry {i}", item) for i, item in enumerate(value)]
    given = [row for row in rows if row is not None]
    if not given:
        return None, None
    shapes = {(row.ndim, row.shape[-1]): i for i, row in enumerate(rows) if row is not None}
    if len(shapes) > 1:
        i, k = list(shapes.values())[:2]
        shape_of = [row.shape if row is not None else () for row in rows]
        raise InputError(
            f"{where}: entry {i} has shape {shape_of[i]} and entry {k} {shape_of[k]}; expected "
            "(steps, features) with equal features in all, or one vector of equal length for each"
        )
    none = np.zeros((0, given[0].shape[-1]), given[0].dtype)
    streams = [none if row is None else np.atleast_2d(row) for row in rows]
    return RaggedArray(where, streams), np.array([len(row) for row in streams], dtype=np.int64)


def _row(where: str, item: Any) -> npt.NDArray[Any] | None:
    """Return the steps of one sample `(T, D)`, or its only vector `(D,)`; None for one without any."""
    if _gone(item):
        return None
    try:
        array = np.asarray(_plain(item))
        if array.dtype == np.object_ and array.ndim == 1:
            array = np.stack([np.asarray(step) for step in array]) if len(array) else np.zeros((0, 1))
    except (ValueError, TypeError):
        raise InputError(f"{where}: its steps have differing widths; expected (steps, features)") from None
    if array.size == 0:
        return None
    if array.dtype.kind not in "fiub" or array.ndim not in (1, 2):
        found = f"{array.dtype} of shape {array.shape}" if array.ndim else type(item).__name__
        raise InputError(f"{where}: expected numbers (steps, features), found {found}; extract features first")
    return array
