"""A clip as a new sample: the features that a run was trained on, extracted from a media file."""

from __future__ import annotations

import mimetypes
import tempfile
from pathlib import Path

from benchmark.data.extraction.clip import Clip
from benchmark.data.extraction.extract import extract
from benchmark.data.extraction.features import Choice
from benchmark.data.extraction.table import ClipTable
from benchmark.data.samples import Samples
from benchmark.prediction.new_samples import check_extraction, read_new_samples
from benchmark.runs.trained_run import TrainedRun
from protocols import InputError

#: Suffixes that tables of media types may miss.
_MORE = (".flac", ".m4a", ".mkv", ".mts", ".oga", ".ogg", ".opus", ".ts", ".webm")


def is_clip(path: Path) -> bool:
    """Return True for the name of a film or a recording."""
    kind = mimetypes.guess_type(path.name)[0] or ""
    return kind.startswith(("audio/", "video/")) or path.suffix.lower() in _MORE


def read_clip(path: Path, run: TrainedRun, text: str = "") -> Samples:
    """Extract from a clip the features that a run was trained on.

    Args:
        path: The media file.
        run: The run, whose data set must come from `sentibench data extract`.
        text: Spoken words; empty if unknown, which makes the text missing.

    Raises:
        InputError: For a clip that cannot be read, or features that cannot be made here.
    """
    known, of_run = run.samples.provenance.extraction, f"data set '{run.spec.dataset}' that the run was trained on"
    if not known:
        raise InputError(
            f"{path}: the features of {of_run} are not from 'sentibench data extract' and cannot be made from a clip; "
            "extract them as they were made for it, and give an npz archive"
        )
    named = {m: known[m]["name"] if m in known else None for m in ("audio", "vision")}
    aligned = known["text"].get("aligned", False)
    if aligned and text:
        raise InputError(
            f"{path}: the features of {of_run} are aligned to words, and a text has no times; leave --text out: its "
            f"words then come from {known['text']['name']}, as in the data set"
        )
    choice = Choice(named["audio"], named["vision"], known["text"]["name"] if aligned else "column", aligned)
    check_extraction(str(path), choice.identity(), run)
    table = ClipTable([path.name], [Clip(path)], [" ".join(text.split())], {})
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "clip.npz"
        (outcome,) = extract(table, archive, choice)
        if outcome.error:
            raise InputError(outcome.error)
        return read_new_samples(archive)
