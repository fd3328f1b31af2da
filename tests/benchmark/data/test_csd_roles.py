"""Roles of CMU-SDK files (labels, words, a modality), from names, content, or options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark.data.importers import ImportOptions, import_file
from protocols import InputError
from tests.benchmark.data.imported import import_csd
from tests.csd import AUDIO, VISION, WORDS, csd_content, write_csd_folder


def test_roles_are_recognised_by_names_and_doubtful_files_are_listed(tmp_path: Path) -> None:
    content = csd_content()
    content["CMU_MOSI_TimestampedPhones.csd"] = "phoneme", content[WORDS][1]
    samples = import_csd(tmp_path / "a", content)
    assert any("not read: CMU_MOSI_TimestampedPhones.csd" in note for note in samples.provenance.notes)
    content["CMU_MOSI_Visual_OpenFace_2.csd"] = "OpenFace_2", content[VISION][1]
    with pytest.raises(InputError, match=r"several files for vision: .*Facet_42.*OpenFace_2.*--use vision="):
        import_csd(tmp_path / "b", content)
    chosen = import_csd(tmp_path / "c", content, use={"vision": "OpenFace_2"})
    assert any(note.startswith("vision: CMU_MOSI_Visual_OpenFace_2.csd") for note in chosen.provenance.notes)
    assert chosen.fingerprint() == samples.fingerprint()
    none = import_csd(tmp_path / "d", content, use={"vision": "none"})
    assert not none.streams["vision"].observed.any()
    content["mine.csd"] = "my_compseq", content[AUDIO][1]
    with pytest.raises(InputError, match=r"mine.csd \(my_compseq\): neither name nor content tells its role"):
        import_csd(tmp_path / "e", content, use={"vision": "OpenFace_2"})
    import_csd(tmp_path / "f", content, use={"vision": "OpenFace_2", "ignore": "mine.csd"})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"use": {"sound": AUDIO}}, "unknown role"),
        ({"use": {"audio": "absent.csd"}}, "no file of that name; there are"),
        ({"use": {"audio": WORDS}}, "holds text, expected numbers for audio"),
        ({"use": {"words": AUDIO}}, "holds numbers, expected text for words"),
        ({"use": {"words": "none", "vectors": "none"}}, "neither words nor word vectors"),
        ({"use": {"labels": "none"}}, "no labels among"),
        ({"text_column": "text"}, "option text_column is not for this layout"),
    ],
)
def test_wrong_options_are_one_line(tmp_path: Path, options: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        import_csd(tmp_path / "mosi", **options)


def test_several_files_are_a_folder(tmp_path: Path) -> None:
    folder = write_csd_folder(tmp_path / "mosi")
    whole = import_file(folder, "mosi")
    files = sorted(folder.iterdir())
    several = import_file(files[0], "mosi", None, ImportOptions(more=tuple(files[1:])))
    assert several.fingerprint() == whole.fingerprint()
    with pytest.raises(InputError, match="no labels among CMU_MOSI_COVAREP"):
        import_file(folder / AUDIO, "mosi")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is a folder without"):
        import_file(tmp_path / "empty", "mosi")
