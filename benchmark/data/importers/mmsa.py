"""Feature pickles of the MMSA layout, the way CMU-MOSI, CMU-MOSEI, CH-SIMS and CH-SIMS v2 are published.

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

Aligned files have no lengths: one time axis, that of `text_bert`. What is all zero in audio and in vision before the
first and after the last frame of either (padding, and the places of `[CLS]` and `[SEP]`) is dropped from both; what is
zero in one of them in between is a gap. Files without lengths whose audio and vision differ in length are trimmed a
modality at a time.

CH-SIMS v2 comes as two files: the supervised one, which is read here, and an unsupervised one, which has no labels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.features import Cleaning
from benchmark.data.importers.assemble import StreamWriter, filled_frames, filled_span
from benchmark.data.importers.mmsa_part import Part, join_tokens, unique_ids
from benchmark.data.samples import (
    PARTS,
    BoolArray,
    FloatArray,
    IntArray,
    ModalityStream,
    Provenance,
    Samples,
    StringArray,
)
from protocols import InputError, Modality

_UNIMODAL: dict[str, Modality] = {"T": "text", "A": "audio", "V": "vision"}

#: sha256 of the published files.
OFFICIAL = {
    "78e0f8b5ef8ff71558e7307848fc1fa929ecb078203f565ab22b9daab2e02524": "MOSI unaligned_50",
    "d3994fd25681f9c7ad6e9c6596a6fe9b4beb85ff7d478ba978b124139002e5f9": "MOSI aligned_50",
    "ad8b23d50557045e7d47959ce6c5b955d8d983f2979c7d9b7b9226f6dd6fec1f": "MOSEI unaligned_50",
    "45eccfb748a87c80ecab9bfac29582e7b1466bf6605ff29d3b338a75120bf791": "MOSEI aligned_50",
    "c9e20c13ec0454d98bb9c1e520e490c75146bfa2dfeeea78d84de047dbdd442f": "SIMS unaligned_39",
    "f8fd9a1dd070588a714ff357b00f31d5bb93277b4e502cf2dc4ff718a95fc49b": "SIMSv2 ch-simsv2s (AZYoung/SIMSV2_processed)",
}


def read_mmsa(path: Path, content: Any, name: str, sha256: str, label_range: tuple[float, float] | None) -> Samples:
    """Samples of the content of an MMSA feature pickle; see `import_file`.

    Values that do not fit a small share of the memory are mapped from a nameless file in the data folder.
    """
    official = OFFICIAL.get(sha256)
    notes = [f"official file: {official}" if official else "not one of the published feature files"]
    parts = _parts(path, content, notes)
    unimodal = {
        m: np.concatenate([p.labels(f"regression_labels_{key}") for p in parts.values()])
        for key, m in _UNIMODAL.items()
        if all(f"regression_labels_{key}" in p.content for p in parts.values())
    }
    sims = (official or "").startswith("SIMS")
    bounds = label_range or ((-1.0, 1.0) if sims or unimodal or name.startswith("sims") else (-3.0, 3.0))
    for modality, labels in unimodal.items():
        _check_range(f"{path}: {modality} label", labels, bounds)
    raw_text = np.concatenate([p.raw_text for p in parts.values()])
    vocabulary = _vocabulary(sims, name, bool(unimodal), raw_text)
    text = join_tokens([p.tokens(vocabulary) for p in parts.values()], vocabulary)
    notes += [f"text, {part}: {note}" for part, p in parts.items() for note in p.notes]
    if vocabulary == "bert-base-chinese":
        notes.append("text: token ids of bert-base-chinese")
    cleaning: dict[Modality, Cleaning] = {"audio": Cleaning(), "vision": Cleaning()}
    steps = [p.steps() for p in parts.values()]
    frames = _frames(parts, cleaning, notes)
    ids, video_ids = unique_ids(path, parts, notes)
    return Samples(
        name=name,
        ids=ids,
        video_ids=video_ids,
        raw_text=raw_text,
        label=np.concatenate([p.labels("regression_labels") for p in parts.values()]),
        streams={"text": text, **frames},
        splits={"official": np.concatenate([np.full(p.n, PARTS[part], np.uint8) for part, p in parts.items()])},
        provenance=Provenance(
            source=path.name,
            source_sha256=sha256,
            layout="mmsa",
            label_range=bounds,
            cleaning={m: c.counts() for m, c in cleaning.items()},
            notes=tuple(notes),
            steps={m: n for m, n in steps[0].items() if all(other.get(m) == n for other in steps)},
        ),
        unimodal_labels=unimodal,
    )


def _parts(path: Path, content: Any, notes: list[str]) -> dict[str, Part]:
    names = ("train", "valid", "test")
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a dict of train, valid and test, found {type(content).__name__}")
    found = ", ".join(map(str, content)) or "nothing"
    absent = [part for part in names if not isinstance(content.get(part), dict)]
    if absent and any("mix" in str(key) or "unsup" in str(key) for key in content):
        raise InputError(
            f"{path}: has no part '{absent[0]}', but {found}: the unsupervised file of CH-SIMS v2, or a mixture with "
            "it; import the supervised file (2722 / 647 / 1034 samples in train, valid and test)"
        )
    if absent:
        raise InputError(f"{path}: has no part '{absent[0]}' (a dict of arrays); found {found}")
    others = [str(key) for key in content if key not in names]
    if others:
        notes.append(f"left out, as it is neither train, valid nor test: {', '.join(others)}")
    return {part: Part(f"{path}: {part}", content[part]) for part in names}


def _frames(
    parts: dict[str, Part], cleaning: dict[Modality, Cleaning], notes: list[str]
) -> dict[Modality, ModalityStream]:
    """Audio and vision of all parts, without padding."""
    writers = {m: StreamWriter(c) for m, c in cleaning.items()}
    trimmed = 0
    for part in parts.values():
        spans, in_front = _spans(part)
        trimmed += in_front
        for modality, writer in writers.items():
            starts, lengths = spans[modality]
            writer.add(
                f"{part.where}: {modality}",
                part.frames(modality),
                lengths,
                starts=starts,
                check_padding=starts is None,
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
        gaps = int((~stream.observed).sum())
        if gaps:
            notes.append(f"{modality}: {gaps} positions are gaps (all-zero frames, or never recorded)")
    return streams


_Span = tuple[IntArray | None, IntArray]


def _spans(part: Part) -> tuple[dict[Modality, _Span], int]:
    """First frame (None: as the lengths say) and number of frames `(n,)`; how many samples have zeros in front."""
    spans: dict[Modality, _Span] = {}
    filled: dict[Modality, BoolArray] = {}
    for modality in ("audio", "vision"):
        if part.has_lengths(modality):
            spans[modality] = None, part.lengths(modality)
        else:
            filled[modality] = filled_frames(part.frames(modality))
    if len(filled) == 2 and filled["audio"].shape == filled["vision"].shape:
        start, stop = filled_span(filled["audio"] | filled["vision"])
        # a modality without any frame is one position that is not observed, as everywhere
        for modality, own in filled.items():
            spans[modality] = start, np.where(own.any(axis=1), stop - start, 0)
        return spans, int((start > 0).sum())
    in_front = np.zeros(part.n, np.bool_)
    for modality, own in filled.items():
        start, stop = filled_span(own)
        spans[modality] = start, stop - start
        in_front |= start > 0
    return spans, int(in_front.sum())


def _vocabulary(sims: bool, name: str, unimodal: bool, raw_text: StringArray) -> str:
    """The vocabulary of the token ids: of Chinese text where the file is known, named or written as CH-SIMS is."""
    texts = [text for text in raw_text.tolist() if text]
    chinese = sum(any("\u4e00" <= c <= "\u9fff" for c in text) for text in texts)
    written = 2 * chinese > len(texts)
    # a translation keeps the name and the labels, yet not the language
    likely = sims or (name.startswith("sims") and (written or not texts)) or (unimodal and written)
    return "bert-base-chinese" if likely else "bert-base-uncased"


def _check_range(where: str, labels: FloatArray, bounds: tuple[float, float]) -> None:
    bad = np.flatnonzero(~((labels >= bounds[0]) & (labels <= bounds[1])))
    if len(bad):
        raise InputError(
            f"{where} {bad[0]} is {labels[bad[0]]:g}, outside the label range [{bounds[0]:g}, {bounds[1]:g}]; correct "
            "it, or state the range of these labels"
        )
