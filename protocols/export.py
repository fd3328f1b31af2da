"""Masks as files, so that other code bases can use the same masks.

An npz archive without pickles:

sample_ids                        (n,) text
<modality>|offsets                (n + 1,): sample i owns positions offsets[i]:offsets[i + 1]
<scenario>|<modality>             (P,) bool: observed
<scenario>|<modality>|noise       (P,) amplitude and <scenario>|<modality>|noise_keys (P,), where there is noise; an
                                  amplitude is a multiple of the root mean square of the sample's observed positions
<scenario>|<modality>|substituted (P,) bool and <scenario>|<modality>|substitution_keys (P,), where words are replaced
<scenario>|<modality>|source      (P,) position whose content stands at each one, where streams are out of step
<scenario>|<modality>|own         (P,) position whose content is repeated here, where gaps are filled; -1 elsewhere
<scenario>|<modality>|donor       (P,) position of the training part whose content stands here; -1 elsewhere
donor_ids, donor|<modality>|offsets   the training part: sample i owns positions offsets[i]:offsets[i + 1]
about                             JSON: data set, part, replicate, protocols; sha256 and fingerprint by scenario
"""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from protocols.corruption import Filling, Noise, Shift, Substitution
from protocols.errors import InputError
from protocols.layout import MODALITIES, Layout
from protocols.masks import Masks
from protocols.scenario import Scenario, parse
from protocols.temporaries import temporary

FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class MaskFile:
    """Content of an exported file.

    Attributes:
        layout: The samples and their positions.
        masks: Masks by the scenario's text.
        about: Data set, part, replicate, protocols and hashes, as the file states them.
    """

    layout: Layout
    masks: Mapping[str, Masks]
    about: Mapping[str, Any] = field(default_factory=dict)


def export_masks(
    path: Path,
    layout: Layout,
    scenarios: Iterable[Scenario],
    *,
    dataset: str,
    part: str = "test",
    replicate: int = 0,
    protocols: Iterable[str] = (),
) -> dict[str, str]:
    """Write the masks of scenarios; the file is written completely or not at all.

    Args:
        path: File to write; its name ends in `.npz`.
        layout: The samples of one part of a data set.
        scenarios: Scenarios to draw.
        dataset, part, replicate, protocols: Stated in the file, for its reader.

    Returns:
        sha256 of the masks by scenario.

    Raises:
        InputError: If the path has another ending or cannot be written.
    """
    if path.suffix != ".npz":
        raise InputError(f"{path}: masks are written as .npz; give a file name that ends in .npz")
    arrays: dict[str, npt.NDArray[Any]] = {"sample_ids": np.array(layout.sample_ids, dtype=np.str_)}
    arrays |= {f"{m}|offsets": layout.offsets[m] for m in MODALITIES}
    hashes: dict[str, str] = {}
    prints: dict[str, str] = {}
    for scenario in scenarios:
        masks = scenario.masks(layout, part, replicate)
        text = str(scenario)
        hashes[text], prints[text] = masks.sha256(), scenario.fingerprint
        arrays |= {f"{text}|{m}": masks.observed[m] for m in MODALITIES}
        for m, noise in masks.noise.items():
            arrays |= {f"{text}|{m}|noise": noise.amplitude, f"{text}|{m}|noise_keys": noise.keys}
        for m, wrong in masks.substituted.items():
            arrays |= {f"{text}|{m}|substituted": wrong.where, f"{text}|{m}|substitution_keys": wrong.keys}
        arrays |= {f"{text}|{m}|source": moved.source for m, moved in masks.shifted.items()}
        for m, filling in masks.filled.items():
            arrays |= {f"{text}|{m}|own": filling.own, f"{text}|{m}|donor": filling.donor}
            arrays[f"{text}|{m}|donors"] = np.array(filling.donors)
            if filling.donors and layout.donors is not None:
                training = layout.donors()
                arrays |= {"donor_ids": np.array(training.sample_ids, dtype=np.str_)}
                arrays |= {f"donor|{each}|offsets": training.offsets[each] for each in MODALITIES}
    about = {
        "format": FORMAT_VERSION,
        "dataset": dataset,
        "data_sha256": layout.fingerprint,
        "part": part,
        "replicate": replicate,
        "protocols": list(protocols),
        "sha256": hashes,
        "fingerprint": prints,
    }
    arrays["about"] = np.array(json.dumps(about))
    beside = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = temporary(path)
        np.savez_compressed(beside, **arrays)  # type: ignore[arg-type]
        beside.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            if beside is not None:
                beside.unlink(missing_ok=True)
    return hashes


def read_masks(path: Path) -> MaskFile:
    """Read an exported file and check every mask against its sha256.

    Raises:
        InputError: If the file is missing, is not a file of exported masks, was changed, or holds masks of another
            version.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        about = json.loads(str(arrays["about"]))
        if about["format"] != FORMAT_VERSION:
            raise InputError(f"{path}: format {about['format']}, expected {FORMAT_VERSION}; export it again")
        offsets = {m: arrays[f"{m}|offsets"] for m in MODALITIES}
        everything = {m: np.ones(int(offsets[m][-1]), dtype=np.bool_) for m in MODALITIES}
        ids = tuple(str(i) for i in arrays["sample_ids"])
        layout = Layout(str(about["data_sha256"]), ids, offsets, everything)
        masks = {str(parse(text)): _masks(arrays, text, layout) for text in about["sha256"]}
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: not a file of exported masks ({reason}); export it again") from error
    for text, expected in about["sha256"].items():
        if masks[str(parse(text))].sha256() != expected:
            raise InputError(f"{path}: the masks of '{text}' were changed after they were written; export them again")
        if about.get("fingerprint", {}).get(text) != parse(text).fingerprint:
            raise InputError(
                f"{path}: the masks of '{text}' are of another version of its mechanisms; export them again"
            )
    return MaskFile(layout, masks, about)


def _masks(arrays: Mapping[str, npt.NDArray[Any]], text: str, layout: Layout) -> Masks:
    observed = {m: arrays[f"{text}|{m}"] for m in MODALITIES}
    for m in MODALITIES:
        if observed[m].shape != layout.observed[m].shape or observed[m].dtype != np.bool_:
            raise ValueError(f"{text}|{m} is not one truth value a position")
    noise = {
        m: Noise(arrays[f"{text}|{m}|noise"], arrays[f"{text}|{m}|noise_keys"])
        for m in MODALITIES
        if f"{text}|{m}|noise" in arrays
    }
    substituted = {
        m: Substitution(arrays[f"{text}|{m}|substituted"], arrays[f"{text}|{m}|substitution_keys"])
        for m in MODALITIES
        if f"{text}|{m}|substituted" in arrays
    }
    filled = {
        m: Filling(arrays[f"{text}|{m}|own"], arrays[f"{text}|{m}|donor"], str(arrays[f"{text}|{m}|donors"]))
        for m in MODALITIES
        if f"{text}|{m}|own" in arrays
    }
    shifted = {m: Shift(arrays[f"{text}|{m}|source"]) for m in MODALITIES if f"{text}|{m}|source" in arrays}
    return Masks(layout, observed, noise, substituted, shifted, filled)
