"""Small clips for tests: a tone or speech, a disc that moves, made with PyAV."""

from __future__ import annotations

import heapq
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

RATE = 16_000
#: Samples a second of `speech`.
SPOKEN_RATE = 22_050
WORDS = ["this was a good film", "a bad film", "", "I did not expect this to be so good", "dull", "very good"]


def tone(seconds: float, hertz: float = 200.0, rate: int = RATE) -> npt.NDArray[np.float32]:
    """A tone with three harmonics."""
    t = np.arange(round(seconds * rate)) / rate
    return (0.2 * sum(np.sin(2 * np.pi * hertz * k * t) / k for k in (1, 2, 3))).astype(np.float32)


def disc(k: int, side: int = 64) -> npt.NDArray[np.uint8]:
    """Picture k of a bright disc that moves to the right."""
    y, x = np.mgrid[:side, :side]
    inside = (x - 10 - 2 * (k % 20)) ** 2 + (y - side // 4) ** 2 < 64
    return np.repeat(np.where(inside, 230, 20).astype(np.uint8)[..., None], 3, axis=2)


def write_clip(
    path: Path,
    sound: npt.NDArray[np.float32] | None = None,
    pictures: float = 0.0,
    *,
    rate: int = RATE,
    times: list[float] | None = None,
    turned: int = 0,
    sound_from: float = 0.0,
    codec: str | None = None,
) -> Path:
    """Write a clip: mono sound, beside it `pictures` seconds of the disc at 10 a second (or at `times`)."""
    import av

    shown = times if times is not None else [k / 10 for k in range(round(pictures * 10))]
    usual = {".wav": "pcm_s16le", ".flac": "flac"}.get(path.suffix, "aac")
    with av.open(str(path), "w") as file:
        video: Any = None
        if usual == "aac" and (shown or pictures):
            video = file.add_stream("mpeg4", rate=10)
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
            video.time_base = video.codec_context.time_base = Fraction(1, 1000)
        track: Any = None
        if sound is not None:
            track = file.add_stream(codec or usual, rate=rate)
            track.layout = "mono"
            whole = track.codec_context.format.name == "s16"

        def heard(samples: npt.NDArray[np.float32]) -> Iterator[tuple[float, Any]]:
            for first in range(0, len(samples), 1024):
                part = samples[None, first : first + 1024]
                pcm = (part * 32767).astype(np.int16) if whole else np.ascontiguousarray(part)
                frame = av.AudioFrame.from_ndarray(pcm, "s16" if whole else "fltp", "mono")
                frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
                frame.pts = first + round(sound_from * rate)
                yield frame.pts / rate, (track, frame)

        def seen() -> Iterator[tuple[float, Any]]:
            for k, at in enumerate(shown):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(disc(k), turned)), "rgb24")
                frame.pts, frame.time_base = round(at * 1000), Fraction(1, 1000)
                yield at, (video, frame)

        sounds = heard(sound) if sound is not None else iter(())
        for _, (stream, frame) in heapq.merge(sounds, seen(), key=lambda timed: timed[0]):
            file.mux(stream.encode(frame))
        for stream in (track, video):
            if stream is not None:
                file.mux(stream.encode(None))
    return path


def speech(text: str, pitch: int = 50) -> npt.NDArray[np.float32]:
    """Speech of espeak-ng at 22,050 Hz, mono; `pitch` from 0 to 99."""
    said = subprocess.run(
        ["espeak-ng", "--stdout", "-p", str(pitch), text], capture_output=True, check=True, timeout=60
    ).stdout
    return np.frombuffer(said[44:], "<i2").astype(np.float32) / 32768


def write_folder(folder: Path, n: int = 12, *, spoken: bool = False) -> Path:
    """Write n short clips and their table; clip 2 has no text, clip 3 no sound. They have tones, or speech."""
    rows = []
    for i in range(n):
        text = WORDS[i % len(WORDS)]
        sound = speech(text or "so", 20 + 5 * i) if spoken else tone(0.6 + 0.05 * i, 100 + 20 * i)
        rate = SPOKEN_RATE if spoken else RATE
        seconds = len(sound) / rate
        write_clip(folder / f"{i}.mp4", sound if i != 3 else None, pictures=seconds, rate=rate)
        part = "train" if i < 8 else "valid" if i < 10 else "test"
        rows.append((f"c{i}", f"{i}.mp4", f"v{i // 2}", (i % 5) - 2, text, part))
    table = pd.DataFrame(rows, columns=["id", "file", "video", "label", "text", "split"])
    table.to_csv(folder / "clips.csv", index=False)
    return folder / "clips.csv"
