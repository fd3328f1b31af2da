"""The record of what a study's tables and figures were made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.cli.main import main


def run(out: Path, *protocols: str) -> None:
    data = ["--dataset", "synthetic:size=tiny,max_length=12", "--models", "constant", "--seeds", "1"]
    with pytest.raises(SystemExit) as ended:
        main(["run", *data, "--protocols", ",".join(protocols), "--executor", "inline", "--out", str(out)])
    assert ended.value.code == 0


def test_figures_of_a_protocol_that_the_study_no_longer_has_are_removed_unless_changed(tmp_path: Path) -> None:
    run(tmp_path, "inter-drop", "inter-ratio")
    folder = tmp_path / "studies" / "study"
    files = {path.suffix: path for path in folder.glob("*inter-ratio.*")}
    assert {".csv", ".pdf", ".png", ".svg"} == set(files)
    files[".svg"].write_text("mine")
    (folder / "mine.png").write_text("mine")
    run(tmp_path, "inter-drop")
    assert list(folder.glob("*inter-ratio.*")) == [files[".svg"]]
    assert (folder / "mine.png").read_text() == "mine"
    assert len(list(folder.glob("*inter-drop.*"))) == 4
