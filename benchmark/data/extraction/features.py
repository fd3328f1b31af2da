"""The features of one clip by the chosen extractors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.data.extraction.clip import Clip
from benchmark.data.extraction.pooling import pool, tokens_of_words
from benchmark.data.extraction.registry import Extractor, find_extractor
from benchmark.data.extraction.text import Spoken, identity_of, spoken
from protocols import Modality


@dataclass(frozen=True)
class Choice:
    """Extractors by name, the source of the text, and the steps.

    Attributes:
        audio, vision: Names of extractors, None for a modality that is left out.
        text: `column`, `none`, `subtitles` or `whisper:FOLDER`, see `benchmark.data.extraction.text`.
        align: True for one step for each token, with the means of the frames of its word.
    """

    audio: str | None = "prosody"
    vision: str | None = None
    text: str = "column"
    align: bool = False

    def extractors(self) -> dict[Modality, Extractor]:
        """Return the chosen extractors by modality; raises InputError for an unknown name."""
        given: dict[Modality, str | None] = {"audio": self.audio, "vision": self.vision}
        return {m: find_extractor(m, name) for m, name in given.items() if name is not None}

    def identity(self) -> dict[str, Any]:
        """Return the identity of each extractor and of the source of the text."""
        found = {"text": identity_of(self.text)} | {m: e.identity() for m, e in self.extractors().items()}
        return {m: {**entry, "aligned": True} if self.align else entry for m, entry in found.items()}


def features_of(clip: Clip, choice: Choice, said: Spoken | None = None) -> dict[str, Any]:
    """Return the features of one clip.

    Args:
        clip: The clip.
        choice: Extractors and source of the text.
        said: Its words; None to recognise them.

    Returns:
        `<modality>.times`, `.values` and `.observed`, `text`, and `notes` on what is missing; for aligned steps also
        `text.token_ids`, `.times` and `.observed`.

    Raises:
        InputError: For a clip that cannot be read.
    """
    said = said if said is not None else spoken(clip, choice.text, "")
    arrays: dict[str, Any] = {"text": np.array(said.text)}
    notes = []
    there = {"audio": clip.has_sound, "vision": clip.has_pictures}
    start, end = np.array([(word.start, word.end) for word in said.words]).reshape(-1, 2).T
    if choice.align:
        tokens, owner = tokens_of_words(str(clip.file), said.words)
        start, end = start[owner], end[owner]
        arrays |= {
            "text.token_ids": tokens,
            "text.times": (start + end) / 2,
            "text.observed": np.ones(len(tokens), bool),
        }
    for modality, extractor in choice.extractors().items():
        frames = extractor.frames(clip)
        if choice.align and len(frames[0]):
            frames = pool(frames, start, end)
        times, values, observed = frames
        arrays |= {f"{modality}.times": times, f"{modality}.values": values, f"{modality}.observed": observed}
        if not there[modality]:
            notes.append(f"no {modality} track: {modality} is missing")
        elif observed.mean() < 0.5:
            notes.append(f"{modality}: {int((~observed).sum())} of {len(observed)} frames are not observed")
    if choice.audio is not None and 0 < clip.sound_rate < 16_000:
        notes.append(f"sound of {clip.sound_rate} Hz holds nothing above {clip.sound_rate // 2} Hz")
    return arrays | {"notes": np.array(notes, dtype=np.str_)}
