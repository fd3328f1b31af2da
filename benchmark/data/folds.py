"""Folds of the training and validation videos of a split, for choosing settings where its validation part is small.

Fold 2 of 5 of `official` is the split `official~2of5`: a fifth of the videos validates, the others train, and the test
part is that of `official`. Such splits are made when they are asked for; they are part of no file and no fingerprint.
"""

from __future__ import annotations

import hashlib
import re

import numpy as np
import numpy.typing as npt

from benchmark.data.samples import PARTS, PartArray, Samples
from protocols import InputError, unknown_name

#: Before the fold; no stored split has it in its name.
MARK = "~"


def fold_names(split: str, folds: int) -> tuple[str, ...]:
    """The splits that the folds of a split are."""
    return tuple(f"{split}{MARK}{fold}of{folds}" for fold in range(1, folds + 1))


def whole_split(name: str) -> str:
    """The split that a fold is of; any other split is its own."""
    return name.partition(MARK)[0]


def fold_suffix(name: str) -> str:
    """`~2of5` of such a split; empty for any other."""
    return name[len(whole_split(name)) :]


def split_codes(samples: Samples, name: str) -> PartArray:
    """`(n,)` codes of `PARTS` of a split, or of a fold of one.

    Videos are put into folds by size, the largest first, each into the fold with the fewest samples so far; a hash of
    the video decides between equals. All folds together validate every sample of both parts once.

    Raises:
        InputError: for an unknown split, a fold that cannot be, or more folds than videos.
    """
    split, mark, fold = name.partition(MARK)
    if split not in samples.splits:
        raise unknown_name(f"split of {samples.name}", split, samples.splits)
    codes = samples.splits[split]
    if not mark:
        return codes
    found = re.fullmatch(r"([1-9][0-9]*)of([1-9][0-9]*)", fold)
    if not found or int(found[1]) > int(found[2]):
        raise InputError(f"split '{name}': expected a fold such as {split}{MARK}1of5")
    return _fold(samples, split, int(found[1]), int(found[2]))


def check_folds(samples: Samples, split: str, folds: int) -> None:
    """Raises InputError where a split has fewer videos to train and validate with than folds."""
    if folds < 2:
        raise InputError(f"folds: expected at least 2, found {folds}")
    videos = len(np.unique(samples.video_ids[_own(samples, split)].astype(str)))
    if videos < folds:
        raise InputError(
            f"{samples.name}/{split}: {videos} videos to train and validate with, too few for {folds} folds; use fewer"
        )


def _own(samples: Samples, split: str) -> npt.NDArray[np.int64]:
    """Rows of the training and the validation part."""
    return np.flatnonzero(np.isin(samples.splits[split], (PARTS["train"], PARTS["valid"])))


def _fold(samples: Samples, split: str, number: int, folds: int) -> PartArray:
    check_folds(samples, split, folds)
    own = _own(samples, split)
    videos, of, sizes = np.unique(samples.video_ids[own].astype(str), return_inverse=True, return_counts=True)
    digests = [hashlib.sha256(video.encode()).hexdigest() for video in videos]
    filled, fold_of = np.zeros(folds, dtype=np.int64), np.zeros(len(videos), dtype=np.int64)
    for video in sorted(range(len(videos)), key=lambda v: (-sizes[v], digests[v])):
        fold_of[video] = filled.argmin()
        filled[fold_of[video]] += sizes[video]
    codes = samples.splits[split].copy()
    codes[own] = np.where(fold_of[of] == number - 1, PARTS["valid"], PARTS["train"]).astype(np.uint8)
    return codes
