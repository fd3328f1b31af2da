"""Splits for sources without one: from a file, or by hash.

A split file is a CSV of two columns (a video or sample id, and its part; a header is optional) or a JSON object, either
`{"train": [ids], "valid": [ids], "test": [ids]}` or `{"id": "part"}`. Keys such as `standard_train_fold`, as the
CMU-MultimodalSDK calls its standard folds, are understood.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path

import numpy as np

from benchmark.data.importers.assemble import clean_id
from benchmark.data.importers.csv_records import read_records
from benchmark.data.samples import PARTS, PartArray, StringArray
from protocols import InputError

_PARTS = {
    "train": ("train", "training", "tr"),
    "valid": ("valid", "val", "validation", "dev", "devel", "development"),
    "test": ("test", "testing", "te"),
    "unused": ("unused",),
}
_CODES = {word: PARTS[part] for part, words in _PARTS.items() for word in words}
_SHARES = {"train": 0.7, "valid": 0.1}


def part_code(word: str) -> int | None:
    """Return the code of a part by any of its usual names (`dev`, `val`, ...); None for any other word."""
    return _CODES.get(word.strip().lower())


def hashed_split(video_ids: StringArray) -> PartArray:
    """Split videos 70 / 10 / 20 % into train, valid and test, `(n,)`; their order does not matter.

    No video is in two parts. Every part gets at least one.

    Raises:
        InputError: If there are fewer than three videos.
    """
    videos = sorted(set(video_ids.tolist()))
    if len(videos) < 3:
        raise InputError(
            f"has {len(videos)} video{'s' * (len(videos) != 1)} and no split; three or more can be split by video, "
            "else state with --split FILE which samples are train, valid and test"
        )
    ranked = sorted(videos, key=lambda video: hashlib.sha256(f"sentibench split 1\n{video}".encode()).digest())
    valid = max(1, round(len(videos) * _SHARES["valid"]))
    train = min(max(1, round(len(videos) * _SHARES["train"])), len(videos) - valid - 1)
    code = {
        video: PARTS["train"] if rank < train else PARTS["valid"] if rank < train + valid else PARTS["test"]
        for rank, video in enumerate(ranked)
    }
    return np.array([code[video] for video in video_ids.tolist()], dtype=np.uint8)


def choose_split(
    where: str, ids: StringArray, video_ids: StringArray, file: Path | None
) -> tuple[dict[str, PartArray], list[str]]:
    """Return the split of a source without one, and notes on it: that of `file`, else `hashed`."""
    if file is None:
        try:
            codes = hashed_split(video_ids)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        note = (
            "split 'hashed': 70 / 10 / 20 % of the videos by the hash of their ids; no published result uses this split"
        )
        return {"hashed": codes}, [note]
    assigned = read_split_file(file)
    found = [assigned.get(sample, assigned.get(video)) for sample, video in zip(ids, video_ids, strict=True)]
    codes = np.array([PARTS["unused"] if code is None else code for code in found], dtype=np.uint8)
    check_parts(f"{where}: {file}", codes)
    stem = file.stem
    title = stem if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", stem) else "given"
    notes = [f"split '{title}': as {file.name} assigns videos or samples"]
    unnamed, spare = found.count(None), len(assigned.keys() - set(ids.tolist()) - set(video_ids.tolist()))
    if unnamed:
        notes.append(f"{unnamed} samples are in no part of {file.name} and are not used")
    if spare:
        notes.append(f"{spare} ids of {file.name} are not in the data")
    return {title: codes}, notes


def check_parts(where: str, codes: PartArray) -> None:
    """Raise InputError unless train, valid and test have a sample each."""
    for part in ("train", "valid", "test"):
        if not (codes == PARTS[part]).any():
            raise InputError(f"{where}: has no {part} sample; train, valid and test each need some")


def read_split_file(path: Path) -> dict[str, int]:
    """Read part codes by video or sample id.

    Raises:
        InputError: If the file cannot be read, a part is unknown, or an id is in two parts.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the split file cannot be read ({error})") from None
    pairs = _json_pairs(path, text) if text.lstrip()[:1] in ("{", "[") else _csv_pairs(path, text)
    result: dict[str, int] = {}
    for where, sample, word in pairs:
        code = part_code(word)
        if code is None:
            raise InputError(f"{path}: {where}: unknown part {word!r:.60}; expected train, valid or test")
        if result.setdefault(clean_id(sample), code) != code:
            raise InputError(f"{path}: {where}: id {sample!r:.80} is in two parts; it must be in one")
    if not result:
        raise InputError(f"{path}: assigns no id; expected lines 'id,part' or a JSON object of lists of ids")
    return result


def _csv_pairs(path: Path, text: str) -> list[tuple[str, str, str]]:
    lines = list(io.StringIO(text, newline=""))
    rows = list(read_records(path, lines, 0, ",", 2, None, "an id and its part"))
    if rows and part_code(rows[0][1][1]) is None and rows[0][1][0].strip().lower() in _ID_HEADS:
        rows = rows[1:]
    return [(f"line {line}", sample, part) for line, (sample, part) in rows]


_ID_HEADS = ("id", "video", "video id", "video_id", "videoid", "sample", "sample_id", "name")


def _json_pairs(path: Path, text: str) -> list[tuple[str, str, str]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable JSON ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a JSON object of parts or of ids, found a list")
    pairs: list[tuple[str, str, str]] = []
    for key, value in content.items():
        if isinstance(value, str):
            pairs.append((f"id {key!r:.80}", key, value))
            continue
        if not isinstance(value, list) or not all(isinstance(sample, str) for sample in value):
            raise InputError(f"{path}: {key!r:.80}: expected a list of ids or the name of a part")
        word = re.sub(r"^standard_|_folds?$", "", key)
        pairs += [(f"part {key!r:.60}", sample, word) for sample in value]
    return pairs
