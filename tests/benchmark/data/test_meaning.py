"""Meaning of labels and token ids, by option, checksum or values; one rule for all importers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.data.importers import ImportOptions, import_file
from benchmark.data.importers.meaning import OFFICIAL, Published
from benchmark.data.samples import Samples
from protocols import InputError
from tests.benchmark.data.imported import import_csd, import_pickle
from tests.csd import LABELS, csd_content
from tests.mmsa import mmsa_content
from tests.npz import npz_content

LAYOUTS = ["mmsa", "npz", "csd", "csv"]


def labelled(
    layout: str,
    folder: Path,
    low: float,
    high: float,
    name: str = "toy",
    label_range: Any = None,
    texts: bool = True,
    **options: Any,
) -> Samples:
    """Samples of a layout whose labels fill a range, evenly."""

    def labels(n: int) -> np.ndarray:
        return np.linspace(low, high, n).astype(np.float32)

    given = ImportOptions(**options)
    if layout == "mmsa":
        content = mmsa_content()
        for part in content.values():
            part["regression_labels"] = labels(len(part["id"]))
            if not texts:
                part["raw_text"] = np.array([""] * len(part["id"]))
        return import_pickle(folder, content, name, label_range=label_range, options=given)
    if layout == "csd":
        files = csd_content()
        root, data = files[LABELS]
        ends = labels(sum(len(f) for f, _ in data.values()))
        for key, (features, times) in list(data.items()):
            data[key], ends = (ends[: len(features), None], times), ends[len(features) :]
        return import_csd(folder / "csd", files | {LABELS: (root, data)}, label_range, **options)
    if layout == "npz":
        path = folder / "arrays.npz"
        np.savez(path, **npz_content() | {"label": labels(6)})
    else:
        path = folder / "labels.csv"
        path.write_text("text,label\n" + "".join(f"text {i},{label}\n" for i, label in enumerate(labels(20))))
    return import_file(path, name, label_range, given)


def said(samples: Samples) -> str:
    return "\n".join(samples.provenance.notes)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_without_a_word_the_values_decide_and_the_notes_say_so(tmp_path: Path, layout: str) -> None:
    for high in (1.0, 3.0):
        samples = labelled(layout, tmp_path, -high, high)
        assert samples.provenance.label_range == (-high, high)
        assert f"label range {-high:g} to {high:g}: the smaller of -1 to 1 and -3 to 3" in said(samples)
        assert "warning" not in said(samples).replace("warning: no raw text", "")
        assert samples.label.min() == -high


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("bounds", [(1.0, 5.0), (1.0, 9.0), (-5.0, 5.0)])
def test_a_range_beyond_the_usual_must_be_said(tmp_path: Path, layout: str, bounds: tuple[float, float]) -> None:
    with pytest.raises(InputError, match=rf"labels go from {bounds[0]:g} to {bounds[1]:g}.*--label-range LOW HIGH"):
        labelled(layout, tmp_path, *bounds)
    samples = labelled(layout, tmp_path, *bounds, label_range=bounds)
    assert samples.provenance.label_range == bounds
    assert f"label range {bounds[0]:g} to {bounds[1]:g}: as --label-range says" in said(samples)
    assert "no accuracies or F1" in said(samples)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("bounds", [(1.0, 5.0), (0.0, 1.0), (0.0, 0.3), (1.0, 9.0)])
@pytest.mark.parametrize("wanted", [(-3.0, 3.0), (-1.0, 1.0)])
def test_labels_are_mapped_linearly_and_their_middle_becomes_neutral(
    tmp_path: Path, layout: str, bounds: tuple[float, float], wanted: tuple[float, float]
) -> None:
    plain = labelled(layout, tmp_path, *bounds, label_range=bounds)
    samples = labelled(layout, tmp_path, *bounds, label_range=bounds, map_labels=wanted)
    assert samples.provenance.label_range == wanted
    low, high = bounds
    expected = wanted[0] + (plain.label.astype(np.float64) - low) / (high - low) * (wanted[1] - wanted[0])
    np.testing.assert_allclose(samples.label, expected, atol=1e-6)
    assert samples.label.min() == wanted[0]
    assert samples.label.max() == wanted[1]
    assert f"mapped linearly from {low:g}..{high:g} to {wanted[0]:g}..{wanted[1]:g}" in said(samples)
    assert "no accuracies" not in said(samples)
    middle = labelled("npz", tmp_path, (low + high) / 2, high, label_range=bounds, map_labels=wanted)
    assert middle.label[0] == 0.0


@pytest.mark.parametrize(
    ("low", "high", "label_range", "share"),
    [(-1.0, 1.0, (-3.0, 3.0), 33), (0.0, 1.0, None, 50), (1.0, 3.0, None, 33), (1.0, 2.0, (1.0, 5.0), 25)],
)
def test_labels_that_fill_a_small_part_of_their_range_warn(
    tmp_path: Path, low: float, high: float, label_range: Any, share: int
) -> None:
    samples = labelled("npz", tmp_path, low, high, label_range=label_range)
    assert f"warning: labels go from {low:g} to {high:g}, {share} % of the range" in said(samples)


@pytest.mark.parametrize("high", [1.0, 3.0])
def test_the_name_of_a_data_set_says_nothing(tmp_path: Path, high: float) -> None:
    by_name = [labelled("mmsa", tmp_path, -high, high, name) for name in ("mosi", "sims_mine", "ch-sims", "sims")]
    assert len({said(samples) for samples in by_name}) == 1
    assert {samples.provenance.label_range for samples in by_name} == {(-high, high)}
    assert {samples.streams["text"].vocabulary for samples in by_name} == {"bert-base-uncased"}


def test_statements_count_before_known_files_and_these_before_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = labelled("mmsa", tmp_path, -1, 1, texts=False).provenance.source_sha256
    monkeypatch.setitem(OFFICIAL, sha256, Published("A file", (-3.0, 3.0), "bert-base-chinese"))
    known = labelled("mmsa", tmp_path, -1, 1, texts=False)
    assert known.provenance.label_range == (-3, 3)
    assert known.streams["text"].vocabulary == "bert-base-chinese"
    assert "label range -3 to 3: that of the published file A file" in said(known)
    assert "warning: labels go from -1 to 1, 33 %" in said(known)
    declared = labelled("mmsa", tmp_path, -1, 1, texts=False, label_range=(-1.0, 1.0), vocabulary="bert-base-uncased")
    assert declared.provenance.label_range == (-1, 1)
    assert declared.streams["text"].vocabulary == "bert-base-uncased"
    assert "warning: the published file A file has labels from -3 to 3" in said(declared)


def test_an_archive_can_say_its_range_and_vocabulary(tmp_path: Path) -> None:
    content = npz_content()
    tokens = {"text.token_ids": np.full((6, 4), 2000), "raw_text": np.array([""] * 6)}
    content = {k: v for k, v in content.items() if not k.startswith("text.")} | tokens
    path = tmp_path / "a.npz"
    np.savez(path, **content | {"label_range": np.array([-5, 5]), "text.vocabulary": "bert-base-chinese"})
    samples = import_file(path, "toy")
    assert samples.provenance.label_range == (-5, 5)
    assert samples.streams["text"].vocabulary == "bert-base-chinese"
    assert "label range -5 to 5: as the file says" in said(samples)
    assert import_file(path, "toy", (-3.0, 3.0)).provenance.label_range == (-3, 3)
    np.savez(path, **content | {"raw_text": np.array(["\u6211"] * 6)})
    assert import_file(path, "toy").streams["text"].vocabulary == "bert-base-chinese"
    np.savez(path, **content | {"label_range": np.array([1, 2, 3])})
    with pytest.raises(InputError, match="label_range: expected 2 numbers"):
        import_file(path, "toy")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"label_range": (3.0, -3.0)}, "--label-range 3 -3: expected the lowest and the highest label"),
        ({"label_range": (-3.0, 3.0), "map_labels": (1.0, 1.0)}, "--map-labels 1 1: expected the lowest"),
        ({"map_labels": (-3.0, 3.0)}, "nothing says the range of its labels, which --map-labels maps"),
        ({"label_range": (-1.0, 1.0)}, "is -3, outside the label range [-1, 1]"),
        ({"vocabulary": "bert-base-uncased"}, "its text is not token ids, which --vocabulary is about"),
    ],
)
def test_impossible_label_ranges_are_refused(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as caught:
        labelled("npz", tmp_path, -3, 3, **options)
    assert says in str(caught.value)


def test_an_unknown_vocabulary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean bert-base-chinese"):
        labelled("mmsa", tmp_path, -3, 3, vocabulary="bert-base-chines")
