"""The spoken words of a clip: from the table, from subtitles beside the file, or from a speech recogniser."""

from __future__ import annotations

import html
import importlib.metadata
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.extraction.clip import Clip
from benchmark.data.extraction.sound import sound_blocks
from benchmark.files import sha256_of
from protocols import InputError, unknown_name

_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{3})"
_CUE = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}")
_STAMP = re.compile(rf"<{_TIME}>")
_RATE = 16_000


@dataclass(frozen=True)
class Word:
    """Spoken words and the seconds of the clip from and to which they are spoken."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Spoken:
    """The text of a clip, empty if unknown, and its words where their times are known."""

    text: str = ""
    words: tuple[Word, ...] = ()


def check_source(source: str) -> None:
    """Raise InputError for a source of text that is unknown or cannot be used here."""
    name, _, folder = source.partition(":")
    if name == "whisper" and folder:
        if importlib.util.find_spec("faster_whisper") is None:
            raise InputError("--text whisper: faster-whisper is not installed; run: pip install faster-whisper")
        if not (Path(folder) / "model.bin").is_file():
            raise InputError(f"--text {source}: {folder} has no model.bin; give a folder of faster-whisper weights")
    elif source not in ("column", "none", "subtitles"):
        raise unknown_name("source of text", source, ("column", "none", "subtitles", "whisper:FOLDER"))


def identity_of(source: str) -> dict[str, Any]:
    """Return the identity of a source, as archives keep it."""
    folder = source.partition(":")[2]
    if not folder:
        return {"name": source}
    revision = _checksum(Path(folder) / "model.bin")
    return {
        "name": source, "revision": revision,
        "libraries": {"faster-whisper": importlib.metadata.version("faster-whisper")},
        "licence": "that of the weights, which you provide",
    }  # fmt: skip


def spoken(clip: Clip, source: str, given: str) -> Spoken:
    """Return the words of a clip; `given` is its text in the table.

    Raises:
        InputError: If there are no subtitles, or they cannot be read.
    """
    if source == "subtitles":
        return read_subtitles(clip)
    if source.startswith("whisper:"):
        return _recognised(clip, source.partition(":")[2])
    return Spoken(given if source == "column" else "")


def read_subtitles(clip: Clip) -> Spoken:
    """Read the srt or vtt file of the same name beside a clip: cues whose middle is in the clip.

    Words have times where the file marks them, as `Very <00:00:01.200>good` in WebVTT.
    """
    found = [path for path in map(clip.file.with_suffix, (".srt", ".vtt")) if path.is_file()]
    if not found:
        raise InputError(f"{clip.file}: has no subtitles; expected {clip.file.with_suffix('.srt').name} or .vtt beside")
    try:
        lines = found[0].read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{found[0]}: is not UTF-8 text; save it as UTF-8") from None
    cues: list[tuple[float, float, list[str]]] = []
    inside = False
    for line in lines:
        times = _CUE.match(line)
        if times:
            cues.append((_seconds(times.groups()[:4]), _seconds(times.groups()[4:]), []))
        elif inside and line.strip():
            cues[-1][2].append(line)
        inside = bool(times) or (inside and bool(line.strip()))
    if not cues:
        raise InputError(f"{found[0]}: has no line of times such as 00:00:01,000 --> 00:00:02,500")
    texts, words = [], []
    for start, end, content in cues:
        if not 0 <= (start + end) / 2 - clip.start < clip.seconds:
            continue
        text = " ".join(content)
        texts.append(_plain(text))
        if _STAMP.search(text):
            words += _timed(text, start - clip.start, end - clip.start, clip.start)
    whole = " ".join(filter(None, texts))
    return Spoken(whole, tuple(words) if " ".join(word.text for word in words) == whole else ())


def _timed(text: str, start: float, end: float, zero: float) -> list[Word]:
    stamps = [start, *(_seconds(stamp.groups()) - zero for stamp in _STAMP.finditer(text)), end]
    pieces = [_plain(piece) for piece in _STAMP.sub("\0", text).split("\0")]
    return [Word(piece, *stamps[i : i + 2]) for i, piece in enumerate(pieces) if piece]


def _plain(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>|\{\\[^}]*\}", "", text)).split())


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, thousandths = (int(part or 0) for part in parts)
    return hours * 3600 + minutes * 60 + seconds + thousandths / 1000


def _recognised(clip: Clip, folder: str) -> Spoken:
    if not clip.has_sound:
        return Spoken()
    sound = np.concatenate([block for block, _ in sound_blocks(clip, _RATE, 30 * _RATE, 0)])
    sound = sound[: round(clip.seconds * _RATE)]
    # above temperature 0 words are drawn at random, and no extraction could be repeated
    segments, _ = _recogniser(folder).transcribe(sound, word_timestamps=True, temperature=0)
    words = tuple(
        Word(word.word.strip(), float(word.start), float(word.end))
        for segment in segments
        for word in segment.words or ()
        if word.word.strip()
    )
    return Spoken(" ".join(word.text for word in words), words)


@lru_cache(maxsize=1)
def _recogniser(folder: str) -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(folder, device="cpu", compute_type="int8", local_files_only=True)


@lru_cache(maxsize=4)
def _checksum(file: Path) -> str:
    return f"sha256:{sha256_of(file)}"
