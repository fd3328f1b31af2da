"""The npz layout: every position is kept, gaps are marked, and what is wrong with an archive is named."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.data.importers import import_file
from benchmark.data.samples import Samples
from protocols import MODALITIES, InputError
from tests.benchmark.data.imported import of_sample
from tests.npz import npz_content


def read_npz(tmp_path: Path, content: dict[str, Any], **options: Any) -> Samples:
    path = tmp_path / "arrays.npz"
    np.savez(path, **content)
    return import_file(path, "toy", **options)


def test_npz_keeps_all_positions_and_marks_gaps(tmp_path: Path) -> None:
    content = npz_content()
    content["vision.values"][2, 3] = 0  # observed, it says, but nothing is there
    content["audio.values"][0, 1] = 9  # a gap, it says, but something is there
    samples = read_npz(tmp_path, content)
    assert all((np.diff(samples.streams[m].offsets) == 5).all() for m in MODALITIES)
    assert of_sample(samples, "vision", 2)[1].tolist() == [True, True, True, False, True]
    values, seen = of_sample(samples, "audio", 0)
    assert seen.tolist() == [True, False, True, True, True]
    assert not values[1].any()
    assert not of_sample(samples, "text", 1)[1].any()
    assert samples.video_ids.tolist() == samples.ids.tolist()


def test_blanks_around_ids_are_no_part_of_them(tmp_path: Path) -> None:
    content = npz_content() | {
        "id": np.array([" a", "b ", "c\t", "d", "e f", "g"]),
        "video_id": np.array(["v ", "v"] * 3),
    }
    samples = read_npz(tmp_path, content)
    assert samples.ids.tolist() == ["a", "b", "c", "d", "e f", "g"]
    assert set(samples.video_ids) == {"v"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"label": None}, "has no array 'label'"),
        ({"vision.observed": None}, "has no array 'vision.observed'"),
        ({"split.official": None}, "has no array 'split.<name>'"),
        ({"split.official": np.array(["train", "valid", "dev", "train", "valid", "test"])}, "'dev'"),
        ({"split.official": np.array(["train", "valid"] * 3)}, "split.official: has no test sample"),
        ({"audio.values": np.zeros((6, 4, 3))}, "audio.values: expected (6, T, D)"),
        ({"label": np.array([0, 1, np.nan, 0, 0, 0])}, "outside the label range"),
        ({"label": np.array([0, 1, 4, 0, 0, 0])}, "label of sample 's2' is 4"),
        ({"id": np.array(["a"] * 6)}, "sample id 'a' occurs twice"),
        ({"id": np.array(["a", " a", "b", "c", "d", "e"])}, "sample id 'a' occurs twice"),
        ({"id": np.array(["a", " ", "b", "c", "d", "e"])}, "id: entry 1: is empty; expected an id"),
        ({"id": np.array(["a"] * 5)}, "id: expected 6 entries"),
        ({"id": np.array([{}] * 6, dtype=object)}, "not a readable npz archive of plain arrays"),
    ],
)
def test_a_wrong_array_is_named(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    content = {k: v for k, v in {**npz_content(), **changes}.items() if v is not None}
    with pytest.raises(InputError) as caught:
        read_npz(tmp_path, content)
    assert says in str(caught.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_in_any_order_of_bytes_gives_the_same_samples(tmp_path: Path, save: Any) -> None:
    content, path = npz_content(), tmp_path / "arrays.npz"
    expected = read_npz(tmp_path, content).fingerprint()
    orders: list[tuple[Any, str]] = [("C", "<f4"), ("F", "<f4"), ("C", ">f8")]
    for order, kind in orders:
        save(path, **{k: np.array(v, kind, order=order) if k.endswith("values") else v for k, v in content.items()})
        assert import_file(path, "toy").fingerprint() == expected


def test_an_archive_whose_values_end_too_early_says_so(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    np.savez(path, **npz_content())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["audio.values.npy"] = members["audio.values.npy"][:-4]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match=r"arrays\.npz: .*audio\.values\.npy has 356 bytes, its shape .* needs 360"):
        import_file(path, "toy")
