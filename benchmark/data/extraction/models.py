"""Extractors that need a model: openSMILE, MediaPipe, and Hugging Face encoders, each when it is installed.

Weights come from the user; nothing is downloaded.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.encoder_files import encoder_revision, load_pretrained, locate
from benchmark.data.extraction.clip import Clip, Picture
from benchmark.data.extraction.pooling import pool
from benchmark.data.extraction.registry import Frames, nothing, register_extractor
from benchmark.data.extraction.sound import sound_blocks
from benchmark.data.samples import FloatArray
from benchmark.files import sha256_of
from protocols import InputError, unknown_name

RATE = 16_000
_SOUND_STEPS, _PICTURE_STEPS = 10, 2
_SECONDS, _BATCH = 20, 16
#: Samples that are not recorded if all of them are exactly 0.
_WINDOW = 160


def _module(name: str, distribution: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(f"extractor '{name}' cannot be used ({error}); run: pip install {distribution}") from None


@register_extractor(
    "audio", "opensmile", version=1, argument="SET", libraries=("opensmile",),
    licence="openSMILE by audEERING: free for research and education, not for commercial products",
)  # fmt: skip
def opensmile(clip: Clip, feature_set: str) -> Frames:
    """Low-level descriptors of a feature set of openSMILE, such as eGeMAPSv02, at 10 Hz."""
    smile = _smile(feature_set)
    return _in_blocks(clip, smile.num_features, lambda sound: smile.process_signal(sound, RATE).to_numpy(np.float32))


@lru_cache(maxsize=2)
def _smile(feature_set: str) -> Any:
    library = _module("opensmile", "opensmile")
    if feature_set not in library.FeatureSet.__members__:
        raise unknown_name("feature set of openSMILE", feature_set, list(library.FeatureSet.__members__))
    return library.Smile(
        feature_set=library.FeatureSet[feature_set], feature_level=library.FeatureLevel.LowLevelDescriptors
    )


@lru_cache(maxsize=4)
def _revision(name: str) -> str:
    """Return the identity of weights on this machine: no name is looked up elsewhere."""
    if not locate(name)[1]:
        load_pretrained(importlib.import_module("transformers").AutoConfig, name, True, name)
    return encoder_revision(name)


@register_extractor(
    "audio", "hf", version=1, argument="NAME_OR_FOLDER", libraries=("torch", "transformers"),
    licence="that of the weights: see their model card", revision=_revision,
)  # fmt: skip
def audio_encoder(clip: Clip, name: str) -> Frames:
    """Last hidden states of a Hugging Face encoder of sound waves such as WavLM, read in blocks of 20 s, at 10 Hz."""
    import torch

    prepare, model = _encoder(name, "AutoFeatureExtractor")

    def states(sound: FloatArray) -> FloatArray:
        with torch.inference_mode():
            inputs = prepare(sound, sampling_rate=RATE, return_tensors="pt")
            if "input_values" not in inputs or inputs["input_values"].shape != (1, len(sound)):
                # a spectrogram of fixed length: its states are not spread over the seconds of the block
                raise InputError(
                    f"audio extractor 'hf:{name}': reads spectrograms; give an encoder of sound waves, such as WavLM, "
                    "HuBERT or wav2vec 2.0"
                )
            found: FloatArray = model(**inputs).last_hidden_state[0].numpy()
        return found

    return _in_blocks(clip, int(model.config.hidden_size), states)


@register_extractor(
    "vision", "hf", version=1, argument="NAME_OR_FOLDER", libraries=("torch", "transformers"),
    licence="that of the weights: see their model card", revision=_revision,
)  # fmt: skip
def image_encoder(clip: Clip, name: str) -> Frames:
    """Pooled output of a Hugging Face image encoder such as SigLIP for the whole picture, at 2 Hz. Not a face model."""
    import torch

    prepare, model = _encoder(name, "AutoImageProcessor")

    def outputs(pictures: list[Picture]) -> FloatArray:
        with torch.inference_mode():
            result = model(**prepare([picture.rgb() for picture in pictures], return_tensors="pt"))
            pooled = getattr(result, "pooler_output", None)
            found: FloatArray = (pooled if pooled is not None else result.last_hidden_state.mean(1)).numpy()
        return found

    if not clip.has_pictures:
        return nothing(int(model.config.hidden_size))
    rows: list[FloatArray | None] = []
    pictures = clip.pictures_at(_PICTURE_STEPS)
    while batch := list(islice(pictures, _BATCH)):
        shown = [picture for picture in batch if picture is not None]
        found = iter(outputs(shown) if shown else ())
        rows += [None if picture is None else next(found) for picture in batch]
    return _of_rows(clip, rows, int(model.config.hidden_size))


@lru_cache(maxsize=2)
def _encoder(name: str, loader: str) -> tuple[Any, Any]:
    transformers = importlib.import_module("transformers")
    source = locate(name)[0]
    prepare = load_pretrained(getattr(transformers, loader), source, True, name)
    model = load_pretrained(transformers.AutoModel, source, True, name).eval()
    model = getattr(model, "vision_model", model)  # of an encoder of pictures and texts
    if not hasattr(model.config, "hidden_size"):
        raise InputError(
            f"extractor 'hf:{name}': is a {type(model).__name__}; give a transformer, such as WavLM or SigLIP"
        )
    return prepare, model


def _file_revision(file: str) -> str:
    if not Path(file).is_file():
        raise InputError(f"extractor 'mediapipe': {file}: no such file; give the .task file of a face landmarker")
    return f"sha256:{sha256_of(Path(file))}"


@register_extractor(
    "vision", "mediapipe", version=1, argument="FILE.task", libraries=("mediapipe",),
    licence="Apache 2.0 (MediaPipe); the model: see its model card", revision=lru_cache(maxsize=2)(_file_revision),
)  # fmt: skip
def mediapipe(clip: Clip, file: str) -> Frames:
    """Blendshapes (52) of the first face by the face landmarker of MediaPipe, at 5 Hz; no face is not observed."""
    library, landmarker = _landmarker(file)
    if not clip.has_pictures:
        return nothing(52)
    rows: list[FloatArray | None] = []
    for picture in clip.pictures_at(5):
        faces: Any = ()
        if picture is not None:
            image = library.Image(image_format=library.ImageFormat.SRGB, data=picture.rgb())
            faces = landmarker.detect(image).face_blendshapes
        rows.append(np.array([shape.score for shape in faces[0]], np.float32) if faces else None)
    return _of_rows(clip, rows, 52, 5)


@lru_cache(maxsize=1)
def _landmarker(file: str) -> tuple[Any, Any]:
    library = _module("mediapipe", "mediapipe")
    tasks = library.tasks
    options = tasks.vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=file), output_face_blendshapes=True, num_faces=1
    )
    try:
        return library, tasks.vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"extractor 'mediapipe': {file}: is not a face landmarker ({error}); give its .task file"
        ) from None


def _of_rows(clip: Clip, rows: list[FloatArray | None], width: int, rate: float = _PICTURE_STEPS) -> Frames:
    observed = np.array([row is not None for row in rows], np.bool_)
    empty = np.zeros(width, np.float32)
    return clip.times(rate), np.stack([empty if row is None else row for row in rows]), observed


def _in_blocks(clip: Clip, width: int, features: Any) -> Frames:
    """Return the features of sound at 10 Hz, computed in blocks of 20 s; only recorded samples count."""
    if not clip.has_sound:
        return nothing(width)
    times, size = clip.times(_SOUND_STEPS), _SECONDS * _SOUND_STEPS
    values, observed = np.zeros((len(times), width), np.float32), np.zeros(len(times), np.bool_)
    for i, frames in _parts(clip, features):
        edges = np.arange(i * size, min((i + 1) * size, len(times)) + 1)
        if len(edges) > 1:
            at, seconds = edges[:-1], edges / _SOUND_STEPS
            _, values[at], observed[at] = pool(frames, seconds[:-1], seconds[1:])
    return times, values, observed


def _parts(clip: Clip, features: Any) -> Iterator[tuple[int, Frames]]:
    """Yield numbers and frames of blocks with sound; the frames of a block are spread evenly over it."""
    total, size = round(clip.seconds * RATE), _SECONDS * RATE
    for i, (sound, recorded) in enumerate(sound_blocks(clip, RATE, size, 0)):
        count = min(size, total - i * size)
        loud = np.maximum.reduceat(np.abs(sound[:count]), np.arange(0, count, _WINDOW)) > 0
        seen = recorded[:count] & loud.repeat(_WINDOW)[:count]
        if count < RATE // 10 or not seen.any():
            continue
        rows = np.asarray(features(sound[:count]), np.float32)
        middles = (np.arange(len(rows)) + 0.5) * count / max(len(rows), 1)
        seconds = ((i * size + middles) / RATE).astype(np.float32)
        yield i, (seconds, rows, seen[middles.astype(np.int64)])
