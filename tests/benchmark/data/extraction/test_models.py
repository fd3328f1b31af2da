"""Extractors with a model: small random Hugging Face encoders, stand-ins for libraries, and these where installed."""

from __future__ import annotations

import importlib.metadata
import sys
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark.data.extraction import models
from benchmark.data.extraction.clip import Clip
from benchmark.data.extraction.registry import find_extractor
from protocols import InputError
from tests.clips import tone, write_clip

pytest.importorskip("av", reason="the extra 'features' is not installed")


@pytest.fixture(autouse=True)
def nothing_loaded() -> None:
    for cached in (models._smile, models._landmarker, models._encoder, models._revision):
        cached.cache_clear()


def save(folder: Path, *parts: Any) -> Path:
    for part in parts:
        part.save_pretrained(folder)
    return folder


def test_an_audio_encoder_gives_ten_frames_a_second(tmp_path: Path) -> None:
    from transformers import Wav2Vec2FeatureExtractor, WavLMConfig, WavLMModel

    config = WavLMConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, conv_dim=(4, 4),
        conv_stride=(10, 16), conv_kernel=(10, 16), num_feat_extract_layers=2, num_conv_pos_embeddings=2,
        num_conv_pos_embedding_groups=1,
    )  # fmt: skip
    save(tmp_path / "wav", WavLMModel(config), Wav2Vec2FeatureExtractor())
    extractor = find_extractor("audio", f"hf:{tmp_path}/wav")
    clip = Clip(write_clip(tmp_path / "late.mkv", tone(1.0), pictures=2.0, sound_from=0.7))
    times, values, observed = extractor.frames(clip)
    assert values.shape == (20, 8)
    np.testing.assert_allclose(times[:2], [0.05, 0.15], atol=1e-6)
    assert np.flatnonzero(observed).tolist() == list(range(7, 18))
    assert extractor.frames(Clip(write_clip(tmp_path / "silent.mp4", pictures=0.5)))[1].shape == (0, 8)
    identity = extractor.identity()
    assert identity["revision"].startswith("sha256:")
    assert set(identity["libraries"]) == {"numpy", "av", "torch", "transformers"}


SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}


@pytest.mark.parametrize("kind", ["vit", "siglip"])
def test_an_image_encoder_gives_two_frames_a_second(tmp_path: Path, kind: str) -> None:
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel, ViTConfig, ViTImageProcessor, ViTModel

    picture, size = {**SMALL, "image_size": 16, "patch_size": 8}, {"height": 16, "width": 16}
    if kind == "vit":
        save(tmp_path / kind, ViTModel(ViTConfig(**picture)), ViTImageProcessor(size=size))
    else:
        config = SiglipConfig(vision_config=picture, text_config={**SMALL, "vocab_size": 20})
        save(tmp_path / kind, SiglipModel(config), SiglipImageProcessor(size=size))
    clip = Clip(write_clip(tmp_path / "short.mp4", tone(3.0), pictures=2.0))
    _, values, observed = find_extractor("vision", f"hf:{tmp_path}/{kind}").frames(clip)
    assert values.shape == (6, 8)
    assert observed.tolist() == [True] * 4 + [False] * 2
    assert np.ptp(values[:4], axis=0).max() > 0


@pytest.mark.filterwarnings("ignore:At least one mel filter")
def test_encoders_of_other_kinds_are_refused(tmp_path: Path) -> None:
    from transformers import (
        ASTConfig,
        ASTFeatureExtractor,
        ASTModel,
        ConvNextImageProcessor,
        ResNetConfig,
        ResNetModel,
    )  # fmt: skip

    save(tmp_path / "ast", ASTModel(ASTConfig(**SMALL)), ASTFeatureExtractor())
    save(
        tmp_path / "resnet",
        ConvNextImageProcessor(),
        ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1])),
    )
    clip = Clip(write_clip(tmp_path / "a.mp4", tone(0.5), pictures=0.5))
    with pytest.raises(InputError, match="ast': reads spectrograms; give an encoder of sound waves"):
        find_extractor("audio", f"hf:{tmp_path}/ast").frames(clip)
    with pytest.raises(InputError, match="resnet': is a ResNetModel; give a transformer"):
        find_extractor("vision", f"hf:{tmp_path}/resnet").frames(clip)


def test_weights_that_are_not_here_are_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nobody/nothing' cannot be loaded"):
        find_extractor("audio", "hf:nobody/nothing").identity()
    with pytest.raises(InputError, match=r"expected mediapipe:FILE\.task"):
        find_extractor("vision", "mediapipe")
    with pytest.raises(InputError, match="no such file; give the"):
        find_extractor("vision", f"mediapipe:{tmp_path}/x.task").identity()


def test_a_picture_without_a_face_is_not_observed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []

    def detect(image: Any) -> Any:
        shown.append(image.data)
        return SimpleNamespace(face_blendshapes=[[SimpleNamespace(score=0.5)] * 52] if len(shown) % 2 else [])

    vision = SimpleNamespace(
        FaceLandmarkerOptions=SimpleNamespace,
        FaceLandmarker=SimpleNamespace(create_from_options=lambda _: SimpleNamespace(detect=detect)),
    )
    library = SimpleNamespace(
        tasks=SimpleNamespace(vision=vision, BaseOptions=SimpleNamespace), Image=SimpleNamespace,
        ImageFormat=SimpleNamespace(SRGB=1),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "mediapipe", library)
    (tmp_path / "x.task").write_bytes(b"weights")
    clip = Clip(write_clip(tmp_path / "a.mp4", pictures=1.0))
    _, values, observed = find_extractor("vision", f"mediapipe:{tmp_path}/x.task").frames(clip)
    assert values.shape == (5, 52)
    assert observed.tolist() == [True, False, True, False, True]
    assert shown[0].shape == (64, 64, 3)


def test_opensmile_by_its_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Sets(Enum):
        eGeMAPSv02 = 1

    class Smile:
        num_features = 3

        def __init__(self, **_: Any) -> None:
            pass

        def process_signal(self, sound: Any, rate: int) -> pd.DataFrame:
            loudest = np.abs(sound).reshape(-1, rate // 100).max(axis=1)
            return pd.DataFrame(np.repeat(loudest[:, None], 3, axis=1))

    library = SimpleNamespace(FeatureSet=Sets, FeatureLevel=SimpleNamespace(LowLevelDescriptors=1), Smile=Smile)
    clip = Clip(write_clip(tmp_path / "a.wav", tone(1.0)))
    extractor = find_extractor("audio", "opensmile:eGeMAPSv02")
    if not any(found.metadata["Name"] == "opensmile" for found in importlib.metadata.distributions()):
        with pytest.raises(InputError, match="opensmile is not installed; run: pip install opensmile"):
            extractor.identity()
    monkeypatch.setitem(sys.modules, "opensmile", library)
    _, values, observed = extractor.frames(clip)
    assert values.shape == (10, 3)
    assert observed.all()
    loud = 0.2 + 0.1 * (np.arange(41 * 16_000) >= 20.5 * 16_000)  # blocks of 20 s
    times, values, _ = extractor.frames(Clip(write_clip(tmp_path / "long.wav", loud.astype(np.float32))))
    np.testing.assert_allclose(values[:, 0], np.where(times > 20.5, 0.3, 0.2), atol=0.01)
    assert "not for commercial" in extractor.kind.licence
    with pytest.raises(InputError, match="unknown feature set of openSMILE 'eGeMAPS'"):
        find_extractor("audio", "opensmile:eGeMAPS").frames(clip)


def test_opensmile_itself_gives_the_pitch_of_a_tone(tmp_path: Path) -> None:
    pytest.importorskip("opensmile", reason="opensmile is not installed")
    sound = np.concatenate([tone(1.0, 150), np.zeros(16_000, np.float32), tone(1.0, 300)])
    extractor = find_extractor("audio", "opensmile:eGeMAPSv02")
    _, values, observed = extractor.frames(Clip(write_clip(tmp_path / "a.wav", sound)))
    assert values.shape == (30, 25)
    assert not observed[11:19].any()
    names = models._smile("eGeMAPSv02").feature_names
    hertz = 27.5 * 2 ** (values[:, names.index("F0semitoneFrom27.5Hz_sma3nz")] / 12)
    np.testing.assert_allclose(hertz[2:8], 150, rtol=0.01)
    np.testing.assert_allclose(hertz[22:28], 300, rtol=0.01)
    assert set(extractor.identity()["libraries"]) == {"numpy", "av", "opensmile"}


def test_mediapipe_itself_refuses_another_file(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    (tmp_path / "x.task").write_bytes(b"weights")
    with pytest.raises(InputError, match=r"x\.task: is not a face landmarker"):
        find_extractor("vision", f"mediapipe:{tmp_path}/x.task").frames(
            Clip(write_clip(tmp_path / "a.mp4", pictures=0.5))
        )
