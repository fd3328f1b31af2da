"""Folds of the training and validation videos of a split, for choosing settings where its validation part is small.

Fold 2 of 5 of `official` is the split `official~2of5`: a fifth of the videos validates, the others train, and the test
part is that of `official`. Such splits are computed on request; they are not part of any file or fingerprint.
"""

from __future__ import annotations

import hashlib
import re

import numpy as np
import numpy.typing as npt

from benchmark.data.samples import PARTS, PartArray, Samples
from protocols import InputError, unknown_name

#: Separator of split and fold; it does not occur in the names of stored splits.
MARK = "~"


def fold_names(split: str, folds: int) -> tuple[str, ...]:
    """Names of the folds of a split, as splits."""
    return tuple(f"{split}{MARK}{fold}of{folds}" for fold in range(1, folds + 1))


def whole_split(name: str) -> str:
    """Return the split of a fold, or the name itself if it is not a fold."""
    return name.partition(MARK)[0]


def fold_suffix(name: str) -> str:
    """Return the suffix of a fold, such as `~2of5`; empty for other splits."""
    return name[len(whole_split(name)) :]


def split_codes(samples: Samples, name: str) -> PartArray:
    """Return the codes of `PARTS`, `(n,)`, of a split or of a fold of one.

    Videos are assigned to folds by size, the largest first, each to the fold with the fewest samples so far; a hash of
    the video breaks ties. Over all folds, every sample of both parts is validated once.

    Raises:
        InputError: For an unknown split, an invalid fold, or more folds than videos.
    """
    split, mark, fold = name.partition(MARK)
    if split not in samples.splits:
        raise unknown_name(f"split of {samples.name}", split, samples.splits)
    codes = samples.splits[split]
    if not mark:
        return codes
    match = re.fullmatch(r"([1-9][0-9]*)of([1-9][0-9]*)", fold)
    if not match or int(match[1]) > int(match[2]):
        raise InputError(f"split '{name}': expected a fold such as {split}{MARK}1of5")
    return _fold(samples, split, int(match[1]), int(match[2]))


def check_folds(samples: Samples, split: str, folds: int) -> None:
    """Raise InputError if a split has fewer training and validation videos than folds."""
    if folds < 2:
        raise InputError(f"folds: expected at least 2, found {folds}")
    videos = len(np.unique(samples.video_ids[_trained_or_validated(samples, split)].astype(str)))
    if videos < folds:
        raise InputError(
            f"{samples.name}/{split}: {videos} videos to train and validate with, too few for {folds} folds; use fewer"
        )


def _trained_or_validated(samples: Samples, split: str) -> npt.NDArray[np.int64]:
    """Rows of the training and validation parts."""
    return np.flatnonzero(np.isin(samples.splits[split], (PARTS["train"], PARTS["valid"])))


def _fold(samples: Samples, split: str, number: int, folds: int) -> PartArray:
    check_folds(samples, split, folds)
    rows = _trained_or_validated(samples, split)
    videos, of, sizes = np.unique(samples.video_ids[rows].astype(str), return_inverse=True, return_counts=True)
    digests = [hashlib.sha256(video.encode()).hexdigest() for video in videos]
    filled, fold_of = np.zeros(folds, dtype=np.int64), np.zeros(len(videos), dtype=np.int64)
    for video in sorted(range(len(videos)), key=lambda v: (-sizes[v], digests[v])):
        fold_of[video] = filled.argmin()
        filled[fold_of[video]] += sizes[video]
    codes = samples.splits[split].copy()
    codes[rows] = np.where(fold_of[of] == number - 1, PARTS["valid"], PARTS["train"]).astype(np.uint8)
    return codes
