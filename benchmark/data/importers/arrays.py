"""Named arrays as samples: the layout of npz archives, and of arrays in memory.

Required: `id`, `label`, and of any modality `<modality>.values` (n, T, D).
Optional: `<modality>.observed` (n, T), False at gaps; `<modality>.length` (n,): how many of the T steps are positions,
0 if the sample has no such modality (without it, all are); `split.<name>` (without one, videos are split by a hash);
`label_range` (2,), the lowest and the highest label; `raw_text`, `video_id`; `<modality>.times` (n, T), seconds from
the start of the clip; `extraction`, the record of `sentibench data extract`. Instead of `text.values` there may be
`text.token_ids` (n, T): content tokens, without `[CLS]` and `[SEP]`, of the vocabulary that `text.vocabulary` names
(see `meaning.choose_vocabulary`); zeros at the end of a text, which are `[PAD]`, do not count. Where neither is there,
`raw_text` is tokenised. New samples need `id` only. Other names are refused, since an
unread array may be a misspelt one.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.features import Cleaning
from benchmark.data.importers.assemble import (
    StreamWriter,
    absent_stream,
    identifiers,
    number_source,
    numbers,
    strings,
    whole_numbers,
)
from benchmark.data.importers.blocks import Source
from benchmark.data.importers.meaning import UNDECLARED, choose_vocabulary
from benchmark.data.importers.splits import check_parts, choose_split
from benchmark.data.importers.token_check import CLS, PAD, SEP, UNK, check_lengths
from benchmark.data.importers.videos import GIVEN, recognise_videos
from benchmark.data.importers.words import token_stream
from benchmark.data.samples import (
    PARTS,
    VOCABULARIES,
    BoolArray,
    FloatArray,
    IntArray,
    ModalityStream,
    PartArray,
    Provenance,
    Samples,
    StringArray,
)
from protocols import MODALITIES, InputError, Modality, unknown_name

#: Names of arrays, in addition to `split.<name>`.
_NAMES = (
    *("id", "label", "label_range", "raw_text", "video_id", "text.token_ids", "text.vocabulary", "extraction"),
    *(f"{modality}.{what}" for modality in MODALITIES for what in ("values", "observed", "length", "times")),
)
#: Arrays that describe others, with the arrays of which one must exist.
_BESIDE: dict[str, tuple[str, ...]] = {
    **{f"{m}.{what}": (f"{m}.values",) for m in MODALITIES[1:] for what in ("observed", "length", "times")},
    **{f"text.{what}": ("text.values", "text.token_ids") for what in ("observed", "length", "times")},
    "text.vocabulary": ("text.token_ids",),
}


def samples_of(
    where: str,
    arrays: Mapping[str, Source],
    name: str,
    *,
    source: str,
    layout: str,
    sha256: str = "",
    vocabulary: str | None = None,
    labelled: bool = True,
    split: Path | None = None,
    described: Sequence[str] = (),
) -> Samples:
    """Make samples of named arrays, whose label range is still to be settled; see `import_file`.

    Args:
        where: Name of the source, for errors.
        arrays: The arrays.
        name: Name of the data set.
        source: Name of the source in the provenance.
        layout: Layout in the provenance.
        sha256: Hash of the source file, if there is one.
        vocabulary: Vocabulary of the token ids; None: as stated or recognised.
        labelled: False for new samples.
        split: File with the part of each video.
        described: Notes on the source, for readers.

    Raises:
        InputError: With the array, what was found and what was expected.
    """
    _check_names(where, arrays, labelled)
    n = np.size(np.asarray(arrays["id"]))
    label, splits = np.full(n, np.nan, np.float32), {}
    if labelled:
        with np.errstate(over="ignore"):
            label = numbers(f"{where}: label", arrays["label"], 1).astype(np.float32)
        n = len(label)
        splits = {
            key.removeprefix("split."): _split(where, key, arrays[key], n) for key in arrays if key.startswith("split.")
        }
    if n == 0:
        raise InputError(f"{where}: has no samples; expected at least one")
    ids = identifiers(f"{where}: id", arrays["id"], n)
    if "video_id" in arrays:
        videos = identifiers(f"{where}: video_id", arrays["video_id"], n)
    else:
        recognised = recognise_videos(ids.tolist())
        videos = ids if recognised is None else recognised
    raw_text = np.array([""] * n, dtype=object)
    if "raw_text" in arrays:
        raw_text = strings(f"{where}: raw_text", arrays["raw_text"], n)
    cleaning = {m: Cleaning() for m in MODALITIES}
    text, notes = _text(where, arrays, raw_text, cleaning["text"], sha256, vocabulary)
    streams = {"text": text, **{m: _stream(where, m, arrays, n, cleaning[m], notes) for m in MODALITIES[1:]}}
    if labelled and (split is not None or not splits):
        splits, split_notes = choose_split(where, ids, videos, split)
        notes += split_notes
    if labelled:
        notes += [f"{m}: no array, missing in every sample" for m in MODALITIES if not _is_there(m, arrays)]
    return Samples(
        name=name,
        ids=ids,
        video_ids=videos,
        raw_text=raw_text,
        label=label,
        streams=streams,
        splits=splits,
        provenance=Provenance(
            source=source,
            source_sha256=sha256,
            layout=layout,
            label_range=_label_range(where, arrays),
            cleaning={m: c.counts() for m, c in cleaning.items()},
            notes=(*described, *notes),
            videos=GIVEN if "video_id" in arrays else "",
            extraction=_extraction(where, arrays),
        ),
    )


def _check_names(where: str, arrays: Collection[str], labelled: bool) -> None:
    """Raise InputError with every array that is unknown or missing."""
    faults = [f"has no array '{key}'" for key in (("id", "label") if labelled else ("id",)) if key not in arrays]
    if labelled and not any(_is_there(modality, arrays) for modality in MODALITIES):
        faults.append("has no modality (text.values, text.token_ids or raw_text; audio.values; vision.values)")
    for key, needed in _BESIDE.items():
        if key in arrays and not any(other in arrays for other in needed):
            faults.append(f"has '{key}' without {' or '.join(map(repr, needed))}, which it belongs to")
    if "text.values" in arrays and "text.token_ids" in arrays:
        faults.append("has 'text.values' and 'text.token_ids'; keep one")
    unknown = [key for key in arrays if key not in _NAMES and not key.startswith("split.")]
    if unknown:
        faults.append(f"unknown: {', '.join(map(_near, unknown))}; rename or remove what is unknown")
    if faults:
        raise InputError(f"{where}: {'; '.join(faults)} (found {', '.join(arrays)[:400] or 'nothing'})")


def _near(key: str) -> str:
    close = difflib.get_close_matches(key[:100], [*_NAMES, "split.official"], n=1, cutoff=0.5)
    return f"{key!r:.80} (did you mean {close[0]}?)" if close else f"{key!r:.80}"


def _is_there(modality: Modality, arrays: Collection[str]) -> bool:
    forms = ("text.values", "text.token_ids", "raw_text") if modality == "text" else (f"{modality}.values",)
    return any(form in arrays for form in forms)


def _stream(
    where: str, modality: Modality, arrays: Mapping[str, Source], n: int, cleaning: Cleaning, notes: list[str]
) -> ModalityStream:
    """Return the stream of a modality, and add notes on it; without values, the modality was never recorded."""
    if f"{modality}.values" not in arrays:
        return absent_stream(n)
    title = f"{where}: {modality}.values"
    values = number_source(title, arrays[f"{modality}.values"], 3)
    observed = _observed(where, modality, arrays)
    if values.shape[0] != n or (observed is not None and observed.shape != values.shape[:2]):
        flags = "" if observed is None else f", {observed.shape}"
        raise InputError(
            f"{title}: expected ({n}, T, D), and {modality}.observed ({n}, T); found {values.shape}{flags}"
        )
    given = _lengths(where, modality, arrays, n, values.shape[1])
    lengths = np.full(n, values.shape[1], dtype=np.int64) if given is None else given
    writer = StreamWriter(cleaning)
    writer.add(title, values, lengths, observed=observed, check_padding=given is not None)
    if writer.left_padded:
        raise InputError(
            f"{title}: {writer.left_padded} of {n} samples are padded on the left: move their steps to the front, or "
            f"leave out {modality}.length and mark the padding in {modality}.observed"
        )
    if writer.beyond:
        notes.append(f"{modality}: {writer.beyond} samples have frames outside their length, which were left out")
    stream = writer.stream()
    if given is None and observed is None:
        _note_empty_ends(modality, stream, notes)
    return replace(stream, times=_times(where, modality, arrays, (n, values.shape[1]), lengths))


def _note_empty_ends(modality: Modality, stream: ModalityStream, notes: list[str]) -> None:
    """Note samples whose last frame holds nothing although others do: padding without lengths looks like that."""
    if stream.values is None:
        return
    filled = np.any(stream.values, axis=1)
    some = np.add.reduceat(filled, stream.offsets[:-1], dtype=np.int64) > 0
    if count := int((some & ~filled[stream.offsets[1:] - 1]).sum()):
        read = "measured zeros" if stream.values.shape[1] == 1 else "gaps"
        notes.append(
            f"{modality}: {count} of {len(some)} samples end in frames without values, read as {read}; if these are "
            f"padding, give the lengths as {modality}.length"
        )


def _times(
    where: str, modality: Modality, arrays: Mapping[str, Source], shape: tuple[int, int], lengths: IntArray
) -> FloatArray | None:
    """Return the seconds of all positions, back to back as in the stream; None if there are none."""
    key = f"{modality}.times"
    if key not in arrays:
        return None
    times = numbers(f"{where}: {key}", arrays[key], 2).astype(np.float32)
    if times.shape != shape or not np.isfinite(times).all():
        raise InputError(f"{where}: {key}: expected {shape} finite seconds, found shape {times.shape}")
    times = times if shape[1] else np.zeros((shape[0], 1), np.float32)
    return times[np.arange(times.shape[1])[None, :] < np.maximum(lengths, 1)[:, None]]


def _observed(where: str, modality: Modality, arrays: Mapping[str, Source]) -> BoolArray | None:
    key = f"{modality}.observed"
    return numbers(f"{where}: {key}", arrays[key], 2).astype(np.bool_) if key in arrays else None


def _lengths(where: str, modality: Modality, arrays: Mapping[str, Source], n: int, steps: int) -> IntArray | None:
    key = f"{modality}.length"
    if key not in arrays:
        return None
    lengths = whole_numbers(f"{where}: {key}", arrays[key], 1, 0, steps)
    if len(lengths) != n:
        raise InputError(f"{where}: {key}: expected {n} lengths, one for each sample, found {len(lengths)}")
    return lengths


def _text(
    where: str,
    arrays: Mapping[str, Source],
    raw_text: StringArray,
    cleaning: Cleaning,
    sha256: str,
    vocabulary: str | None,
) -> tuple[ModalityStream, list[str]]:
    """Return the text in the first available form (vectors, token ids, raw text), and notes on it."""
    if vocabulary is not None and ("text.values" in arrays or "text.token_ids" not in arrays):
        raise InputError(f"{where}: its text is not token ids, which --vocabulary is about; leave it out")
    if "text.values" in arrays:
        note = "text is word vectors: a word is erased as a zero vector, and no text encoder is used"
        notes = [note]
        return _stream(where, "text", arrays, len(raw_text), cleaning, notes), notes
    if "text.token_ids" in arrays:
        file = None
        if "text.vocabulary" in arrays:
            file = " ".join(map(str, np.asarray(arrays["text.vocabulary"]).reshape(-1)[:2]))
        known, note = choose_vocabulary(where, vocabulary, file, sha256, raw_text.tolist())
        return _tokens(where, arrays, len(raw_text), known), [note]
    if any(raw_text):
        return token_stream(where, raw_text.tolist())
    return absent_stream(len(raw_text)), []


def _tokens(where: str, arrays: Mapping[str, Source], n: int, vocabulary: str) -> ModalityStream:
    title = f"{where}: text.token_ids"
    ids = whole_numbers(title, arrays["text.token_ids"], 2, 0, VOCABULARIES[vocabulary] - 1)
    observed = _observed(where, "text", arrays)
    if len(ids) != n or (observed is not None and observed.shape != ids.shape):
        flags = "" if observed is None else f", {observed.shape}"
        raise InputError(f"{title}: expected ({n}, T), and text.observed ({n}, T); found {ids.shape}{flags}")
    lengths = _lengths(where, "text", arrays, n, ids.shape[1])
    if lengths is None:  # [PAD] is not a word: a text ends with its last other token
        lengths = np.where(ids > 0, np.arange(1, ids.shape[1] + 1), 0).max(axis=1, initial=0)
    inside = np.arange(ids.shape[1])[None, :] < lengths[:, None]
    bad = np.argwhere(inside & np.isin(ids, (PAD, CLS, SEP)))
    samples = strings(f"{where}: id", arrays["id"], n)
    if len(bad):
        raise InputError(
            f"{title}: expected content tokens, without [PAD], [CLS] and [SEP] (0, 101, 102); found "
            f"{ids[tuple(bad[0])]} in sample '{samples[bad[0][0]]}'"
        )
    check_lengths(title, lengths, samples)
    if observed is not None:
        inside &= observed
    kept = np.maximum(lengths, 1)
    if ids.shape[1] == 0:  # a text without tokens is one [UNK] that is not observed
        ids, inside = np.full((n, 1), UNK, np.int64), np.zeros((n, 1), np.bool_)
    shown = np.arange(ids.shape[1])[None, :] < kept[:, None]
    seen = inside[shown]
    offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    times = _times(where, "text", arrays, (n, ids.shape[1]), lengths)
    return ModalityStream(offsets, seen, token_ids=np.where(seen, ids[shown], UNK), vocabulary=vocabulary, times=times)


def _extraction(where: str, arrays: Mapping[str, Source]) -> dict[str, Any]:
    if "extraction" not in arrays:
        return {}
    try:
        found = json.loads(str(np.asarray(arrays["extraction"]).reshape(-1)[0]))
    except (ValueError, IndexError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(entry, dict) for entry in found.values()):
        raise InputError(f"{where}: extraction: expected the record of 'sentibench data extract'; extract it again")
    return found


def _label_range(where: str, arrays: Mapping[str, Source]) -> tuple[float, float]:
    if "label_range" not in arrays:
        return UNDECLARED
    bounds = numbers(f"{where}: label_range", arrays["label_range"], 1)
    if len(bounds) != 2:
        raise InputError(
            f"{where}: label_range: expected 2 numbers, the lowest and the highest label; found {len(bounds)}"
        )
    return float(bounds[0]), float(bounds[1])


def _split(where: str, key: str, value: Any, n: int) -> PartArray:
    words = strings(f"{where}: {key}", value, n)
    for word in words:
        if word not in PARTS:
            raise unknown_name(f"part in {where}: {key}:", str(word), PARTS)
    codes = np.array([PARTS[word] for word in words], dtype=np.uint8)
    check_parts(f"{where}: {key}", codes)
    return codes
