"""Scenarios as text: questions for a language model, which sees of each sample what a scenario leaves.

One JSON record a line, without labels: the answers, under `prediction`, are read back by `sentibench score`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.config import EncoderConfig
from benchmark.data.encoding import TextEncoder
from benchmark.data.samples import BoolArray
from benchmark.data.sources import load
from benchmark.files import replace_text
from protocols import MODALITIES, InputError, Scenario

MARK = "[UNK]"


def write_prompts(
    path: Path,
    dataset: str,
    scenarios: Iterable[Scenario],
    *,
    part: str = "test",
    replicate: int = 0,
    mark: str = MARK,
    encoder: EncoderConfig | None = None,
) -> int:
    """Write a record for each scenario and sample as JSONL; the file is written completely or not at all.

    Args:
        path: File to write; its name ends in `.jsonl`.
        dataset: Data set, with or without split.
        scenarios: The scenarios.
        part: Part of the data set.
        replicate: Number of the replicate of the draw.
        mark: Text in place of every word, or part of a word, that is gone.
        encoder: Text encoder whose tokens the masks are drawn on; default: `minilm`.

    Returns:
        Number of records.

    Raises:
        InputError: If the path has another ending or cannot be written, the mark is empty, the text is word vectors, or
            a scenario changes the content of audio or vision, as noise does.
    """
    if path.suffix != ".jsonl":
        raise InputError(f"{path}: prompts are written as JSONL; give a file name that ends in .jsonl")
    if not mark.strip():
        raise InputError("mark: expected a text in place of missing words, such as [UNK] or ___")
    lines = [
        json.dumps(record, ensure_ascii=False)
        for record in prompts(dataset, scenarios, part=part, replicate=replicate, mark=mark, encoder=encoder)
    ]
    try:
        replace_text(path, "\n".join(lines) + "\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
    return len(lines)


def prompts(
    dataset: str,
    scenarios: Iterable[Scenario],
    *,
    part: str = "test",
    replicate: int = 0,
    mark: str = MARK,
    encoder: EncoderConfig | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the records of `write_prompts`, scenario by scenario.

    A record has `sample_id`, `scenario`, `seed` (0), `transcript`, `audio` and `vision` (`positions`, `observed`, and
    `spans` of observed positions, each from a first one to one before a last; a span is at the same share of the clip),
    `scale` (lowest and highest answer), `question`, and `prompt`: all of this as one text.
    """
    text = TextEncoder(encoder or EncoderConfig())
    data = load(dataset, text)
    samples = data.part(part)
    if samples.token_ids is None:
        raise InputError(f"{dataset}: its text is word vectors, which have no transcript; use a data set with words")
    low, high = data.label_range
    question = (
        f"How positive is the speaker's sentiment? Answer with one number from {low:g} (most negative) to {high:g} "
        f"(most positive); {(low + high) / 2:g} is neutral."
    )
    layout = samples.layout
    for scenario in scenarios:
        masks = scenario.masks(layout, replicate=replicate)
        changed = [
            m for m in MODALITIES[1:] for corrupted in (masks.noise, masks.shifted, masks.filled) if m in corrupted
        ]
        if changed:
            raise InputError(
                f"scenario '{scenario}' changes the content of {changed[0]}, which prompts do not hold; choose "
                "scenarios that erase, or change words"
            )
        ids, shown = samples.token_ids, masks.observed["text"]
        if "text" in masks.substituted:
            ids = samples.substitutes.wrong_tokens(ids, masks.substituted["text"])
        if "text" in masks.filled:
            ids = samples.substitutes.fill_tokens(ids, masks.filled["text"])
            shown = shown | (masks.filled["text"].donor >= 0)
        words = text.words(ids)
        for i, sample in enumerate(layout.sample_ids):
            start, stop = layout.offsets["text"][i : i + 2]
            transcript = _transcript(words[start:stop], shown[start:stop], mark)
            audio, vision = _left(masks.of_sample("audio", i)), _left(masks.of_sample("vision", i))
            prompt = [f"A speaker in a video says: {transcript}", f"({mark} stands for a word that is missing.)"]
            prompt += [_sentence("audio", audio), _sentence("video", vision), question]
            yield {
                "sample_id": str(sample),
                "scenario": str(scenario),
                "seed": 0,
                "transcript": transcript,
                "audio": audio,
                "vision": vision,
                "scale": [low, high],
                "question": question,
                "prompt": "\n".join(prompt),
            }


def _transcript(tokens: Sequence[str], observed: BoolArray, mark: str) -> str:
    """Return tokens as words; a later part of a word is joined to the part before it only if that is there."""
    text, before = "", False
    for token, seen in zip(tokens, observed.tolist(), strict=True):
        joined = seen and before and token.startswith("##")
        text += token[2:] if joined else f" {token if seen else mark}"
        before = seen
    return text.strip()


def _left(observed: BoolArray) -> dict[str, Any]:
    """Describe which positions of a modality are observed."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], observed.astype(np.int8), [0]])))
    return {"positions": len(observed), "observed": int(observed.sum()), "spans": edges.reshape(-1, 2).tolist()}


def _sentence(name: str, left: dict[str, Any]) -> str:
    if not left["observed"]:
        return f"The {name} is missing."
    share = f"{100 * left['observed'] / left['positions']:.0f} %"
    complete = left["observed"] == left["positions"]
    return f"The {name} is complete." if complete else f"{share} of the {name} is available."
