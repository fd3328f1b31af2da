"""`sentibench predict`: writes a whole file or none, and notes what a model cannot read."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from benchmark.cli.main import main
from benchmark.prediction.predict import predict
from tests.benchmark.trained_studies import Studies
from tests.npz import write_npz


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["predict", *arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_the_command_writes_a_whole_file_or_none(
    studies: Studies, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = studies.folder("toy", "senti-ifusion")
    source = write_npz(studies.samples["toy"], studies.test_rows("toy"), tmp_path / "new.npz", lacking=["vision"])
    output = tmp_path / "out" / "predictions.csv"
    code, _, err = call(capsys, str(folder), str(source), "--output", str(output))
    assert (code, "does not exist; create it first" in err) == (2, True)
    output.parent.mkdir()
    code, out, err = call(capsys, str(folder), str(source), "--output", str(output))
    assert (code, out) == (0, "")
    assert "20 samples (20 with text+audio), predicted by toy/official senti-ifusion seed 0" in err
    expected = predict(folder, source)
    assert pd.read_csv(output, dtype=str)["prediction"].map(float).tolist() == expected["prediction"].tolist()
    pd.testing.assert_frame_equal(pd.read_csv(output), expected, check_dtype=False)
    written = output.read_bytes()
    code, out, _ = call(capsys, str(folder), str(source), "--output", "-")
    assert (code, out.encode()) == (0, written)
    code, out, _ = call(capsys, folder.name[-16:-8], str(source), "--out", str(studies.runs), "--json")
    content = json.loads(out)
    assert [row["prediction"] for row in content["samples"]] == expected["prediction"].tolist()
    assert content["runs"][0]["id"] == folder.name[-16:]

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fails)
    code, _, err = call(capsys, str(folder), str(source), "--output", str(output))
    assert (code, "No space left" in err, err.count("sentibench:")) == (2, True, 1)
    assert output.read_bytes() == written
    assert [p.name for p in output.parent.iterdir()] == ["predictions.csv"]


def test_the_command_notes_what_a_model_cannot_read(
    studies: Studies, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_npz(studies.samples["toy"], studies.test_rows("toy"), tmp_path / "new.npz", lacking=["text"])
    code, out, err = call(capsys, "tuned:text-only", str(source), "--out", str(studies.runs))
    assert code == 0
    assert "reads text, and 20 of 20 samples have none of them" in err
    assert pd.read_csv(io.StringIO(out))["prediction"].nunique() == 1
    code, _, err = call(capsys, "tuned:text-only", str(tmp_path / "nowhere.npz"), "--out", str(studies.runs))
    assert (code, err) == (2, f"sentibench: {tmp_path}/nowhere.npz: no such file\n")
