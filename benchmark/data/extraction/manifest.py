"""A manifest: how the features of a data set were made, to be shared instead of clips and features."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.data.extraction.extract import Outcome
from benchmark.data.extraction.features import Choice
from benchmark.data.samples import Samples
from protocols import InputError

_FORMAT = 1
_MODALITIES = ("text", "audio", "vision")


def manifest_of(samples: Samples) -> dict[str, Any]:
    """Return extractors, checksums and licences of a data set; raises InputError for features from elsewhere."""
    extraction = samples.provenance.extraction
    if not extraction:
        raise InputError(f"data set '{samples.name}': its features are not from 'sentibench data extract'")
    licences = {m: entry["licence"] for m, entry in extraction.items() if entry.get("licence")}
    licences["clips"] = samples.provenance.licence or "not stated: ask the owner of the clips"
    return {"sentibench_manifest": _FORMAT, "data set": samples.name, "licences": licences, **extraction}


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest; raises InputError for any other file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or found.get("sentibench_manifest") != _FORMAT:
        raise InputError(f"{path}: is not a manifest of 'sentibench data manifest' (format {_FORMAT})")
    entries = [found.get(key, {}) for key in (*_MODALITIES, "clips")]
    if not all(isinstance(entry, dict) for entry in (*entries, *entries[-1].values())) or "name" not in entries[0]:
        raise InputError(f"{path}: is damaged: expected an object for each of {', '.join(_MODALITIES)} and clips")
    return found


def choice_of(manifest: Mapping[str, Any]) -> Choice:
    """Return the choice of extractors that a manifest states."""
    audio, vision = (manifest[m]["name"] if m in manifest else None for m in ("audio", "vision"))
    return Choice(audio, vision, manifest["text"]["name"], bool(manifest["text"].get("aligned")))


def differences(manifest: Mapping[str, Any], choice: Choice, outcomes: Sequence[Outcome]) -> list[str]:
    """Return one line for each difference between a manifest and an extraction that repeats it."""
    found_here = choice.identity()
    lines = [f"{m}: is in the manifest only" for m in _MODALITIES if m in manifest and m not in found_here]
    for modality, here in found_here.items():
        there = manifest.get(modality, {})
        if here.get("revision") and here["revision"] == there.get("revision"):
            there = {**there, "name": _moved(str(there.get("name")), here["name"])}
        for key in ("name", "version", "revision"):
            if here.get(key) != there.get(key):
                lines.append(f"{modality}: {key} {here.get(key)}, in the manifest {there.get(key)}")
        for library, version in here.get("libraries", {}).items():
            other = there.get("libraries", {}).get(library)
            if version != other:
                lines.append(f"{modality}: {library} {version}, in the manifest {other}")
    known, found = manifest["clips"], {outcome.id: outcome for outcome in outcomes}
    lines += [f"{sample}: is not in the manifest" for sample in found if sample not in known]
    lines += [f"{sample}: is in the manifest only" for sample in known if sample not in found]
    for sample, outcome in found.items():
        if sample in known and outcome.part is not None:
            lines += _clip_differences(sample, known[sample], outcome.facts)
    return lines


def _moved(there: str, here: str) -> str:
    """Return the name here for the same extractor with the same weights, in whatever folder these are."""
    return here if there.partition(":")[0] == here.partition(":")[0] else there


def _clip_differences(sample: str, known: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    if facts["sha256"] != known.get("sha256"):
        return [f"{sample}: another file (sha256 {facts['sha256'][:12]}, in the manifest {known.get('sha256')!s:.12})"]
    if (facts.get("start"), facts.get("end")) != (known.get("start"), known.get("end")):
        return [f"{sample}: another part of the file"]
    streams = [m for m in _MODALITIES if m in facts and facts[m] != known.get(m)]
    return [f"{sample}: other {m} features from the same file" for m in streams]
