"""Clips are read on one clock, whatever their form, and faulty files give one clear line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark.data.extraction.clip import Clip
from benchmark.data.extraction.motion import motion
from benchmark.data.extraction.prosody import prosody
from benchmark.data.extraction.sound import sound_blocks
from protocols import InputError
from tests.clips import tone, write_clip

pytest.importorskip("av", reason="the extra 'features' is not installed")


def test_a_stream_that_begins_late_or_ends_early_is_not_observed_there(tmp_path: Path) -> None:
    clip = Clip(write_clip(tmp_path / "late.mkv", tone(1.0), pictures=2.0, sound_from=0.7))
    times, values, observed = prosody(clip)
    assert times.shape == observed.shape == (40,)
    np.testing.assert_allclose(times[:2], [0.025, 0.075], atol=1e-6)
    assert np.flatnonzero(observed).tolist() == list(range(14, 35))
    assert not values[~observed].any()
    short = Clip(write_clip(tmp_path / "short.mp4", tone(2.0), pictures=1.0))
    assert np.flatnonzero(motion(short)[2]).tolist() == list(range(5))
    assert prosody(short)[2].all()


def test_a_part_of_a_file_has_the_frames_of_the_whole(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "whole.mkv", np.concatenate([tone(1.0, f) for f in (100, 200, 300, 150)]), 4.0)
    whole, part = Clip(path), Clip(path, 2.0, 3.5)
    assert part.seconds == 1.5
    for extractor, rate in ((prosody, 20), (motion, 5)):
        expected, found = extractor(whole)[1], extractor(part)[1]
        rows = slice(2 * rate + 1, round(3.5 * rate) - 1)
        np.testing.assert_allclose(found[1:-1], expected[rows][: len(found) - 2], atol=0.02)
    np.testing.assert_allclose(prosody(part)[1][2:18, 42], 300, rtol=0.01)


def test_blocks_hold_every_sample_once(tmp_path: Path) -> None:
    sound = np.sin(np.arange(5000) / 7).astype(np.float32) * 0.5
    clip = Clip(write_clip(tmp_path / "a.wav", sound))
    blocks = list(sound_blocks(clip, 16_000, 700, 30))
    assert len(blocks) == 8
    inner = np.concatenate([block[30:730] for block, _ in blocks])
    np.testing.assert_allclose(inner[:5000], sound, atol=1e-3)
    assert not inner[5000:].any()
    np.testing.assert_array_equal(blocks[3][0][:60], blocks[2][0][-60:])
    assert np.concatenate([seen[30:730] for _, seen in blocks]).sum() == 5000


def test_pictures_of_varying_length_are_shown_until_the_next(tmp_path: Path) -> None:
    clip = Clip(write_clip(tmp_path / "vfr.mkv", times=[0.0, 0.1, 0.15, 0.95, 1.5]))
    _, values, observed = motion(clip)
    assert observed[:7].all()
    moved = np.abs(np.diff(values[:, :-1], axis=0)).max(axis=1) > 0.02
    assert np.flatnonzero(moved[:6]).tolist() == [0, 4]


def test_a_picture_is_turned_as_its_file_says(tmp_path: Path) -> None:
    upright = write_clip(tmp_path / "up.mp4", pictures=1.0)
    turned = write_clip(tmp_path / "turned.mp4", pictures=1.0, turned=1)
    content = turned.read_bytes()
    plain = bytes.fromhex("00010000" + "00000000" * 3 + "00010000")
    quarter = bytes.fromhex("00000000" + "00010000" + "00000000" + "ffff0000" + "00000000")
    at = content.index(plain, content.index(b"tkhd"))
    turned.write_bytes(content[:at] + quarter + content[at + len(quarter) :])
    np.testing.assert_allclose(motion(Clip(turned))[1], motion(Clip(upright))[1], atol=0.03)


def test_sound_of_8_khz_and_a_film_without_sound(tmp_path: Path) -> None:
    phone = Clip(write_clip(tmp_path / "phone.wav", tone(1.0, 150, 8000), rate=8000))
    _, values, observed = prosody(phone)
    assert (phone.sound_rate, phone.has_pictures, observed.all()) == (8000, False, True)
    np.testing.assert_allclose(values[2:-2, 42], 150, rtol=0.01)
    silent = Clip(write_clip(tmp_path / "silent.mp4", pictures=0.5))
    assert prosody(silent)[1].shape == (0, 44)
    muted = Clip(write_clip(tmp_path / "muted.wav", np.zeros(8000, np.float32)))
    assert not prosody(muted)[2].any()


def damaged(folder: Path, name: str) -> Path:
    path = folder / name
    whole = write_clip(folder / "whole.mp4", tone(1.0), pictures=1.0).read_bytes()
    contents = {
        "truncated.mp4": whole[: len(whole) // 2],
        "empty.mp4": b"",
        "words.mp4": b"this is not a film\n" * 50,
        "header.wav": write_clip(folder / "a.wav", tone(0.1)).read_bytes()[:44],
    }
    if name in contents:
        path.write_bytes(contents[name])
    return path


@pytest.mark.parametrize("name", ["truncated.mp4", "empty.mp4", "words.mp4", "header.wav", "missing.mp4"])
def test_a_file_that_is_not_a_clip_gives_one_line_with_its_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        prosody(Clip(damaged(tmp_path, name)))
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_a_stream_that_was_cut_off_has_its_first_part(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "cut.mkv", tone(4.0), pictures=4.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    _, _, observed = prosody(Clip(path))
    assert 10 < observed.sum() < 70


@pytest.mark.parametrize(("start", "end"), [(3.0, None), (0.0, 500.0), (1.0, 0.5)])
def test_a_part_outside_the_file_is_refused(tmp_path: Path, start: float, end: float | None) -> None:
    path = write_clip(tmp_path / "a.wav", tone(1.5))
    with pytest.raises(InputError, match=r"lasts 1.50 s, and the clip is from"):
        prosody(Clip(path, start, end))
