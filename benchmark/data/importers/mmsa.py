"""Feature pickles of the MMSA layout, in which CMU-MOSI, CMU-MOSEI, CH-SIMS and CH-SIMS v2 are published.

A dict of `train`, `valid`, `test`, each a dict of `raw_text`, `text_bert` (n, 3, L: token ids, attention mask, segment
ids), `audio` and `vision` (n, T, D), `audio_lengths`, `vision_lengths`, `id`, and `regression_labels`, for CH-SIMS also
`regression_labels_T`, `_A` and `_V`.

| file | n | text | audio | vision |
|---|---|---|---|---|
| MOSI `unaligned_50.pkl` | 1284 / 229 / 686 | 50 | 375 x 5 | 500 x 20 |
| MOSEI `unaligned_50.pkl` | 16326 / 1871 / 4659 | 50 | 500 x 74 | 500 x 35 |
| MOSI, MOSEI `aligned_50.pkl` | as above | 50 | 50 | 50 |
| SIMS `unaligned_39.pkl` | 1368 / 456 / 457 | 39 | 400 x 33 | 55 x 709 |
| SIMSv2 supervised (`ch-simsv2s`) | 2722 / 647 / 1034 | 50 | 925 x 25 | 232 x 177 |

Aligned files have no lengths, and one time axis, that of `text_bert`. Frames that are zero in both audio and vision,
before the first and after the last frame of either (padding, and the places of `[CLS]` and `[SEP]`), are dropped from
both; a zero frame of one of them in between is a gap. In files without lengths whose audio and vision differ in length,
each modality is trimmed separately.

CH-SIMS v2 has two files: a supervised one, which is read here, and an unsupervised one without labels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.features import Cleaning
from benchmark.data.importers.assemble import StreamWriter, filled_frames, filled_span
from benchmark.data.importers.meaning import OFFICIAL, choose_vocabulary
from benchmark.data.importers.mmsa_part import Part, join_parts, join_tokens, note_gaps, unique_ids
from benchmark.data.samples import BoolArray, IntArray, ModalityStream, Samples
from protocols import InputError, Modality

_UNIMODAL: dict[str, Modality] = {"T": "text", "A": "audio", "V": "vision"}


def read_mmsa(path: Path, content: Any, name: str, sha256: str, vocabulary: str | None) -> Samples:
    """Read the content of an MMSA feature pickle; see `import_file`.

    Large values are mapped from a nameless file in the data folder.
    """
    official = OFFICIAL.get(sha256)
    notes = [f"official file: {official.title}" if official else "not one of the published feature files"]
    parts = _parts(path, content, notes)
    unimodal = {
        m: np.concatenate([p.labels(f"regression_labels_{key}") for p in parts.values()])
        for key, m in _UNIMODAL.items()
        if all(f"regression_labels_{key}" in p.content for p in parts.values())
    }
    texts = [text for p in parts.values() for text in p.raw_text.tolist()]
    known, note = choose_vocabulary(str(path), vocabulary, None, sha256, texts)
    notes.append(note)
    text = join_tokens([p.tokens(known) for p in parts.values()], known)
    notes += [f"text, {part}: {said}" for part, p in parts.items() for said in p.notes]
    cleaning: dict[Modality, Cleaning] = {"audio": Cleaning(), "vision": Cleaning()}
    steps = [p.steps() for p in parts.values()]
    frames = _frames(parts, cleaning, notes)
    ids = unique_ids(path, parts, notes)
    return join_parts(
        path,
        parts,
        ids,
        {"text": text, **frames},
        cleaning,
        notes,
        name=name,
        sha256=sha256,
        layout="mmsa",
        steps={m: n for m, n in steps[0].items() if all(other.get(m) == n for other in steps)},
        unimodal=unimodal,
    )


def _parts(path: Path, content: Any, notes: list[str]) -> dict[str, Part]:
    names = ("train", "valid", "test")
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a dict of train, valid and test, found {type(content).__name__}")
    fields = ", ".join(map(str, content)) or "nothing"
    absent = [part for part in names if not isinstance(content.get(part), dict)]
    if absent and any("mix" in str(key) or "unsup" in str(key) for key in content):
        raise InputError(
            f"{path}: has no part '{absent[0]}', but {fields}: the unsupervised file of CH-SIMS v2, or a mixture with "
            "it; import the supervised file (2722 / 647 / 1034 samples in train, valid and test)"
        )
    if absent:
        raise InputError(f"{path}: has no part '{absent[0]}' (a dict of arrays); found {fields}")
    others = [str(key) for key in content if key not in names]
    if others:
        notes.append(f"left out, as it is neither train, valid nor test: {', '.join(others)}")
    return {part: Part(f"{path}: {part}", content[part]) for part in names}


def _frames(
    parts: dict[str, Part], cleaning: dict[Modality, Cleaning], notes: list[str]
) -> dict[Modality, ModalityStream]:
    """Return audio and vision of all parts, without padding."""
    writers = {m: StreamWriter(c) for m, c in cleaning.items()}
    trimmed = 0
    for part in parts.values():
        spans, in_front = _spans(part)
        trimmed += in_front
        for modality, writer in writers.items():
            starts, lengths = spans[modality]
            writer.add(
                f"{part.where}: {modality}", part.frames(modality), lengths, starts=starts, check_padding=starts is None
            )
            part.release(modality)
    if any(not part.has_lengths(m) for part in parts.values() for m in writers):
        notes.append(
            "no lengths in the file (aligned layout): all-zero frames in front of the first and behind the last frame "
            f"are padding; {trimmed} samples had such frames in front, where [CLS] stands"
        )
    streams = {}
    for modality, writer in writers.items():
        stream = streams[modality] = writer.stream()
        if writer.left_padded:
            notes.append(
                f"{modality}: {writer.left_padded} samples are padded on the left; their last frames were taken"
            )
        if writer.beyond:
            notes.append(f"{modality}: {writer.beyond} samples have frames outside their length, which were left out")
        note_gaps(modality, stream, notes)
    return streams


_Span = tuple[IntArray | None, IntArray]


def _spans(part: Part) -> tuple[dict[Modality, _Span], int]:
    """Return first frame (None: given by lengths) and number of frames `(n,)`, and the number of padded fronts."""
    spans: dict[Modality, _Span] = {}
    filled: dict[Modality, BoolArray] = {}
    for modality in ("audio", "vision"):
        if part.has_lengths(modality):
            spans[modality] = None, part.lengths(modality)
        else:
            filled[modality] = filled_frames(part.frames(modality))
    if len(filled) == 2 and filled["audio"].shape == filled["vision"].shape:
        start, stop = filled_span(filled["audio"] | filled["vision"])
        # a modality without frames becomes one position that is not observed
        for modality, flags in filled.items():
            spans[modality] = start, np.where(flags.any(axis=1), stop - start, 0)
        return spans, int((start > 0).sum())
    in_front = np.zeros(part.n, np.bool_)
    for modality, flags in filled.items():
        start, stop = filled_span(flags)
        spans[modality] = start, stop - start
        in_front |= start > 0
    return spans, int(in_front.sum())
