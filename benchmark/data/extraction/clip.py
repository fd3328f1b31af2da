"""A clip: a media file or a part of it, decoded as a stream on one clock.

Time 0 is the start of the clip. PyAV decodes; nothing is held but the frames at hand, however long the file is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.data.samples import FloatArray
from protocols import InputError

#: Longest clip in seconds: a damaged header can state any length.
LONGEST = 24 * 3600.0
#: Difference in seconds between two clocks from which sound is taken to be interrupted.
_JUMP = 0.1
#: Seconds by which an end may lie behind the end of the file.
_BEYOND = 1.0


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture, upright."""

    frame: Any

    def grey(self, width: int, height: int) -> FloatArray:
        """Return `(height, width)` brightness from 0 to 1, each the mean of its area."""
        turned = self._quarters % 2
        small = self.frame.reformat(
            width=height if turned else width, height=width if turned else height, format="gray", interpolation="AREA"
        )
        return self._upright(small.to_ndarray()).astype(np.float32) / np.float32(255)

    def rgb(self) -> npt.NDArray[np.uint8]:
        """Return `(H, W, 3)`, 8 bits a colour."""
        return np.ascontiguousarray(self._upright(self.frame.to_ndarray(format="rgb24")))

    @property
    def _quarters(self) -> int:
        return int(self.frame.rotation // 90) % 4

    def _upright(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.rot90(pixels, self._quarters)


@dataclass(frozen=True)
class Clip:
    """A media file, or the part of it from `start` to `end`.

    Attributes:
        file: Path of the file.
        start: First second of the part.
        end: Last second of the part; None for the end of the file.
    """

    file: Path
    start: float = 0.0
    end: float | None = None

    @cached_property
    def _facts(self) -> tuple[float, bool, bool, int]:
        """Length of the clip in seconds, the presence of sound and pictures, and the rate of the sound in Hz."""
        with self._opened() as file:
            whole = None if file.duration is None else file.duration / 1e6
            sound = bool(file.streams.audio)
            rate = int(file.streams.audio[0].rate or 0) if sound else 0
            pictures = _picture_stream(file) is not None
        if not sound and not pictures:
            raise InputError(f"{self.file}: has neither sound nor pictures; expected a film or a recording")
        if whole is None:
            whole = self._decoded_length(sound)
        if whole <= 0:
            raise InputError(f"{self.file}: has no frame that can be decoded; the file is empty or damaged")
        if not 0 <= self.start < whole or (self.end is not None and not self.start < self.end <= whole + _BEYOND):
            last = "the end" if self.end is None else f"{self.end:g}"
            raise InputError(
                f"{self.file}: lasts {whole:.2f} s, and the clip is from {self.start:g} to {last}; give start and end "
                "in seconds within the file"
            )
        length = min(whole, whole if self.end is None else self.end) - self.start
        if length > LONGEST:
            raise InputError(
                f"{self.file}: lasts {length / 3600:.0f} h, at most {LONGEST / 3600:.0f} h are read; cut it"
            )
        return length, sound, pictures, rate

    def _decoded_length(self, sound: bool) -> float:
        last = 0.0
        with self._opened() as file:
            zero = (file.start_time or 0) / 1e6
            stream = file.streams.audio[0] if sound else _picture_stream(file)
            for frame in file.decode(stream):
                last = max(last, float(frame.time or 0) - zero + _duration(frame))
        return last

    @property
    def seconds(self) -> float:
        """Length of the clip; raises InputError for a file that is not a clip, or has no such part."""
        return self._facts[0]

    @property
    def has_sound(self) -> bool:
        """True if the file has an audio track."""
        return self._facts[1]

    @property
    def has_pictures(self) -> bool:
        """True if the file has a video track; the cover of a recording does not count."""
        return self._facts[2]

    @property
    def sound_rate(self) -> int:
        """Samples a second in the file, 0 without sound."""
        return self._facts[3]

    def steps(self, rate: float) -> int:
        """Number of frames at `rate` frames a second, at least 1."""
        return max(1, round(self.seconds * rate))

    def times(self, rate: float) -> FloatArray:
        """Return the middle of each frame in seconds, `(steps,)`."""
        return ((np.arange(self.steps(rate)) + 0.5) / rate).astype(np.float32)

    def sound(self, rate: int) -> Iterator[tuple[int, FloatArray]]:
        """Yield the recorded sound, mono: the index of the first sample at `rate` from the clip's start, and samples.

        Indices leave a gap where nothing was recorded; samples before the start and behind the end are not cut.
        """
        import av

        if not self.has_sound:
            return
        with self._opened() as file:
            begin = self._seek(file)
            resampler: Any = None
            form: object = None
            due, at = 0.0, 0
            for frame in file.decode(file.streams.audio[0]):
                time = due if frame.time is None else float(frame.time) - begin
                if time > self.seconds:
                    break
                if time + _duration(frame) < -_JUMP:
                    continue
                found = (frame.sample_rate, frame.format.name, frame.layout.name)
                if resampler is None or found != form or abs(time - due) > _JUMP:
                    for part in resampler.resample(None) if resampler is not None else ():
                        yield at, part.to_ndarray()[0]
                        at += part.samples
                    resampler, form = av.AudioResampler(format="flt", layout="mono", rate=rate), found
                    due, at = time, round(time * rate)
                due += _duration(frame)
                frame.pts = None
                for part in resampler.resample(frame):
                    yield at, part.to_ndarray()[0]
                    at += part.samples
            for part in resampler.resample(None) if resampler is not None else ():
                yield at, part.to_ndarray()[0]
                at += part.samples

    def pictures(self) -> Iterator[tuple[float, float, Picture]]:
        """Yield each picture with the seconds from and until which it is shown."""
        if not self.has_pictures:
            return
        with self._opened() as file:
            begin = self._seek(file)
            before: tuple[float, float, Picture] | None = None
            for frame in file.decode(_picture_stream(file)):
                if frame.time is None:
                    continue
                time = float(frame.time) - begin
                if before is not None and time > before[0]:
                    yield before[0], time, before[2]
                if time >= self.seconds:
                    return
                before = time, time + _duration(frame), Picture(frame)
            if before is not None:
                yield before

    def pictures_at(self, rate: float) -> Iterator[Picture | None]:
        """Yield the picture that is shown in the middle of each frame, None where there is none."""
        times, k = self.times(rate), 0
        for begin, until, picture in self.pictures():
            while k < len(times) and times[k] < until:
                yield picture if times[k] >= begin else None
                k += 1
        yield from (None for _ in times[k:])

    def _seek(self, file: Any) -> float:
        """Go to a place shortly before the start; returns the start by the clock of the file."""
        begin = (file.start_time or 0) / 1e6 + self.start
        if self.start > 1:
            file.seek(int((begin - 0.5) * 1e6))
        return float(begin)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        with readable(self.file):
            import av

            # local files only: a playlist could name an address
            with av.open(str(self.file), options={"protocol_whitelist": "file"}, metadata_errors="ignore") as file:
                yield file


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Context in which errors of decoding become an InputError with the file."""
    try:
        import av
    except ImportError:
        raise InputError("reading clips needs PyAV; install it: pip install 'sentibench[features]'") from None
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (av.FFmpegError, OSError) as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"{path}: cannot be read as a clip ({reason}); the file is damaged, or not a clip") from None


def _picture_stream(file: Any) -> Any:
    from av.stream import Disposition

    return next((s for s in file.streams.video if not s.disposition & Disposition.attached_pic), None)


def _duration(frame: Any) -> float:
    if hasattr(frame, "sample_rate"):
        return float(frame.samples / frame.sample_rate)
    return float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
