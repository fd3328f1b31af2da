"""Masks as files for other code bases."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from protocols import MODALITIES, InputError, Scenario, export_masks, get_protocol, parse, protocols, read_masks
from tests.protocols.layouts import golden_layout, large


@pytest.mark.parametrize("name", list(protocols()))
def test_exported_masks_are_read_back(tmp_path: Path, name: str) -> None:
    layout, protocol = golden_layout(), get_protocol(name)
    path = tmp_path / "masks.npz"
    hashes = export_masks(path, layout, protocol.scenarios, dataset="golden", protocols=[str(protocol)])
    assert [f.name for f in tmp_path.iterdir()] == ["masks.npz"]
    back = read_masks(path)
    assert back.about["dataset"] == "golden"
    assert back.about["protocols"] == [str(protocol)]
    assert list(back.masks) == [str(s) for s in protocol.scenarios]
    for scenario in protocol.scenarios:
        masks, original = back.masks[str(scenario)], scenario.masks(layout)
        assert masks.sha256() == original.sha256() == hashes[str(scenario)]
        assert all((masks.observed[m] == original.observed[m]).all() for m in MODALITIES)


def test_the_file_can_be_read_with_numpy_alone(tmp_path: Path) -> None:
    layout = golden_layout()
    path = tmp_path / "masks.npz"
    export_masks(path, layout, get_protocol("noise").scenarios, dataset="golden")
    with np.load(path, allow_pickle=False) as archive:
        offsets = archive["audio|offsets"]
        mask = archive["noise(snr_db=10)|audio"]
        assert mask.dtype == np.bool_
        assert offsets[-1] == len(mask)
        assert archive["sample_ids"].tolist() == list(layout.sample_ids)
        assert archive["noise(snr_db=10)|audio|noise"].tolist() == pytest.approx([10**-0.5] * len(mask))
        assert archive["token_errors(rate=0.5)|text|substituted"].any()


def test_changed_masks_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "masks.npz"
    export_masks(path, golden_layout(), get_protocol("intra-random").scenarios, dataset="golden")
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["random_positions(rate=0.5)|vision"][3] ^= True
    np.savez_compressed(path, **arrays)
    with pytest.raises(InputError, match=r"'random_positions\(rate=0.5\)' were changed"):
        read_masks(path)


def test_masks_of_another_version_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as noise beside erasing, which version 0.1 scaled by other values."""
    path, text = tmp_path / "masks.npz", "drop(rate=0.5) + noise(snr_db=5)"
    with monkeypatch.context() as earlier:
        earlier.setattr(Scenario, "_version", lambda self, mechanism: mechanism.version)
        export_masks(path, golden_layout(), [parse(text)], dataset="golden")
        assert list(read_masks(path).masks) == [text]
    with pytest.raises(InputError, match="are of another version of its mechanisms; export them again"):
        read_masks(path)


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.npz"):
        export_masks(tmp_path / "masks.zip", golden_layout(), [], dataset="x")
    with pytest.raises(InputError, match="no such file"):
        read_masks(tmp_path / "none.npz")
    bad = tmp_path / "bad.npz"
    np.savez(bad, x=np.ones(3))
    broken = tmp_path / "broken.npz"
    broken.write_bytes(bad.read_bytes()[:50])
    for path in (bad, broken):
        with pytest.raises(InputError, match="not a file of exported masks") as error:
            read_masks(path)
        assert "\n" not in str(error.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        export_masks(tmp_path / "file" / "masks.npz", golden_layout(), [], dataset="x")


def test_an_export_is_small(tmp_path: Path) -> None:
    layout = large(700)
    path = tmp_path / "masks.npz"
    export_masks(path, layout, get_protocol("intra-random").scenarios, dataset="large")
    positions = sum(len(layout.observed[m]) for m in MODALITIES)
    assert path.stat().st_size < 10 * positions / 4  # a quarter of a byte a position and scenario


def test_what_a_killed_process_left_is_removed_by_the_next_call(tmp_path: Path) -> None:
    killed = (
        "import os, pathlib, sys; from protocols import export_masks, parse; "
        "from tests.protocols.layouts import golden_layout; pathlib.Path.replace = lambda *_: os._exit(9); "
        "export_masks(pathlib.Path(sys.argv[1]), golden_layout(), [parse('drop(rate=0.5)')], dataset='golden')"
    )
    assert subprocess.run([sys.executable, "-c", killed, str(tmp_path / "masks.npz")], check=False).returncode == 9
    left = list(tmp_path.iterdir())
    assert len(left) == 1
    assert left[0].name.startswith(".masks.")
    export_masks(tmp_path / "other.npz", golden_layout(), [parse("drop(rate=0.5)")], dataset="golden")
    assert [path.name for path in tmp_path.iterdir()] == ["other.npz"]
