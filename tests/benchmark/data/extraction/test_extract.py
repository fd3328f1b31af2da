"""Extraction loses no clip: it reports, continues, and writes a whole archive or none."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.cli.main import main
from benchmark.data.extraction import extract as module
from benchmark.data.extraction.clip import Clip
from benchmark.data.extraction.extract import extract
from benchmark.data.extraction.features import Choice
from benchmark.data.extraction.registry import find_extractor
from benchmark.data.extraction.table import read_table
from benchmark.runs.executors import LocalExecutor
from protocols import InputError
from tests.clips import tone, write_clip

pytest.importorskip("av", reason="the extra 'features' is not installed")
ROOT = Path(__file__).resolve().parents[4]


def write_sounds(folder: Path, n: int = 4) -> Path:
    for i in range(n):
        write_clip(folder / f"{i}.wav", tone(0.3 + 0.1 * i, 100 + 30 * i))
    (folder / "clips.csv").write_text("id,file,text\n" + "".join(f"c{i},{i}.wav,word {i}\n" for i in range(n)))
    return folder / "clips.csv"


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["data", "extract", *map(str, arguments)])
    return int(ended.value.code or 0), capsys.readouterr().out


def test_an_unreadable_clip_is_reported_and_the_others_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, out = write_sounds(tmp_path), tmp_path / "out.npz"
    good = (tmp_path / "2.wav").read_bytes()
    (tmp_path / "2.wav").write_bytes(good[:30])
    code, printed = command(capsys, table, "--out", out)
    assert code == 1
    assert f"c2: NOT READ: {tmp_path}/2.wav: cannot be read as a clip" in printed
    assert "1 of 4 clips cannot be read" in printed
    assert not out.exists()
    assert len(list((tmp_path / "out.npz.clips").iterdir())) == 3
    (tmp_path / "2.wav").write_bytes(good)
    assert command(capsys, table, "--out", out)[0] == 0
    assert sorted(p.name for p in tmp_path.iterdir() if "out" in p.name) == ["out.npz"]
    with np.load(out) as arrays:
        assert arrays["audio.length"].tolist() == [6, 8, 10, 12]
        assert arrays["raw_text"].tolist() == [f"word {i}" for i in range(4)]
        assert not arrays["audio.observed"][0, 6:].any()


def test_an_interrupted_extraction_reads_only_the_clips_that_are_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, out = read_table(write_sounds(tmp_path)), tmp_path / "out.npz"
    read: list[str] = []
    original = module.features_of

    def interrupted(clip: Clip, *rest: object) -> object:
        if clip.file.name == "2.wav" and len(read) == 2:
            raise KeyboardInterrupt
        read.append(clip.file.name)
        return original(clip, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "features_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extract(table, out, Choice())
    assert not out.exists()
    read.append("interrupted")
    extract(table, out, Choice())
    assert read == ["0.wav", "1.wav", "interrupted", "2.wav", "3.wav"]
    assert not (tmp_path / "out.npz.clips").exists()


def test_two_workers_write_what_one_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_sounds(tmp_path)
    for name, options in (("one", ["--workers", 1]), ("two", ["--workers", 2]), ("default", [])):
        assert command(capsys, table, "--out", tmp_path / f"{name}.npz", *options)[0] == 0
    extract(read_table(table), tmp_path / "here.npz", Choice())
    written = {(tmp_path / f"{name}.npz").read_bytes() for name in ("one", "two", "default", "here")}
    assert len(written) == 1


PLUGIN = '''
import os
from benchmark.data.extraction.clip import Clip
from benchmark.data.extraction.registry import Frames, register_extractor

@register_extractor("audio", "fragile", version=3)
def fragile(clip: Clip) -> Frames:
    """Ends its process at clip 1, and fails at clip 2."""
    if clip.file.name == "1.wav":
        os._exit(9)
    if clip.file.name == "2.wav":
        raise ValueError("no such form")
    times = clip.times(2)
    return times, times[:, None] + 1, times > 0
'''


def test_a_clip_that_ends_its_process_or_makes_an_extractor_fail_is_found(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text(PLUGIN)
    from protocols import load_plugin

    load_plugin(plugin)
    counted: list[tuple[int, int]] = []
    with LocalExecutor[Any, Any](2) as workers:
        outcomes = extract(
            read_table(write_sounds(tmp_path)), tmp_path / "out.npz", Choice("fragile"), workers=workers,
            plugins=[str(plugin)], progress=lambda done, total: counted.append((done, total)),
        )  # fmt: skip
    assert [bool(outcome.error) for outcome in outcomes] == [False, True, True, False]
    assert "1.wav: worker process ended with exit code 9" in outcomes[1].error
    assert "2.wav: cannot be read (ValueError: no such form)" in outcomes[2].error
    assert counted == [(i, 4) for i in range(1, 5)]
    assert not (tmp_path / "out.npz").exists()


def test_the_extractor_of_the_page_is_found_where_a_distribution_names_it(tmp_path: Path) -> None:
    """It is read by two workers, without `--plugin`."""
    page = (ROOT / "docs" / "clips.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, flags=re.S)
    info = tmp_path / "site" / "loud-1.0.dist-info"
    info.mkdir(parents=True)
    (info.parent / "loud.py").write_text(block)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sentibench.extractors]\nloud = loud\n")
    table, out = write_sounds(tmp_path), tmp_path / "out.npz"
    verb = ["data", "extract", table, "--out", out, "--audio", "loudness"]
    paths = {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, info.parent)))}
    ended = subprocess.run(
        [sys.executable, "-m", "benchmark.cli.main", *verb], cwd=tmp_path, env={**os.environ, **paths},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "audio: loudness version 1, licence: MIT" in ended.stderr
    with np.load(out) as arrays:
        assert arrays["audio.values"].shape == (4, 1, 1)
        assert json.loads(str(arrays["extraction"]))["audio"]["name"] == "loudness"


def test_notes_are_counted_and_the_next_command_fits_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(5):
        write_clip(tmp_path / f"{i}.wav", np.concatenate([tone(0.7, rate=8000), np.zeros(800, np.float32)]), rate=8000)
    rows = [f"c{i},{i}.wav" for i in range(5)]
    (tmp_path / "clips.csv").write_text("\n".join(["id,file", *rows]))
    code, printed = command(capsys, tmp_path / "clips.csv", "--out", tmp_path / "out.npz", "--text", "none")
    assert code == 0
    assert printed.splitlines() == [
        "c0, c1, c2 and 2 more: sound of 8000 Hz holds nothing above 4000 Hz",
        "audio: 5 of 80 frames are not observed, in 5 of 5 clips",
        f"{tmp_path}/out.npz: 5 clips; next: sentibench predict RUN {tmp_path}/out.npz",
    ]
    (tmp_path / "clips.csv").write_text("\n".join(["id,file,label", *(f"{row},1" for row in rows)]))
    _, printed = command(capsys, tmp_path / "clips.csv", "--out", tmp_path / "out.npz", "--text", "none")
    assert f"next: sentibench data import NAME {tmp_path}/out.npz" in printed


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("id,label\na,1\n", "without a column 'file'"),
        ("id,file,colour\na,0.wav,red\n", "unknown columns colour"),
        ("id,file\na,0.wav\na,0.wav\n", "is that of line 2"),
        ("id,file,start\na,0.wav,soon\n", "line 2, column start: expected seconds"),
        ("id,file,split\na,0.wav,train\n", "split"),
        ("id,file\n", "no row"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "clips.csv").write_text(content)
    with pytest.raises(InputError, match=says):
        read_table(tmp_path / "clips.csv")


def test_choices_that_are_refused(tmp_path: Path) -> None:
    table = read_table(write_sounds(tmp_path))
    for choice, says in (
        (Choice("prosodi"), "unknown audio extractor 'prosodi'"),
        (Choice("prosody:x"), "has no argument"),
        (Choice(vision="prosody"), "unknown vision extractor"),
        (Choice(text="colum"), "unknown source of text 'colum'"),
        (Choice(text="whisper:nowhere"), "faster-whisper is not installed|no model.bin"),
    ):
        with pytest.raises(InputError, match=says):
            extract(table, tmp_path / "out.npz", choice)
    with pytest.raises(InputError, match=r"ends in \.npz"):
        extract(table, tmp_path / "out.csv", Choice())
    assert not list(tmp_path.glob("out*"))


def test_faulty_frames_are_refused_and_values_that_are_not_finite_are_not_observed(tmp_path: Path) -> None:
    from benchmark.data.extraction.registry import Extractor, ExtractorKind

    clip = Clip(write_clip(tmp_path / "a.wav", tone(0.3)))
    times = np.arange(3, dtype=np.float32)
    values = np.array([[1, 2], [np.nan, 1], [3, 4]], np.float32)
    good = Extractor("audio", "x", ExtractorKind(lambda _: (times, values, times >= 0), 1))
    _, found, observed = good.frames(clip)
    assert observed.tolist() == [True, False, True]
    assert not found[1].any()
    bad = Extractor("audio", "x", ExtractorKind(lambda _: (times[:2], values, times >= 0), 1))
    with pytest.raises(InputError, match=r"expected \(T,\), \(T, D\) and \(T,\)"):
        bad.frames(clip)
    assert find_extractor("audio", "prosody").identity()["version"] == 1
