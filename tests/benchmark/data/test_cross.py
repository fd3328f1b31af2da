"""Training on one data set, testing on another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmark.data.catalog import store_path
from benchmark.data.cross import join
from benchmark.data.dataset import build_dataset
from benchmark.data.reference import Reference
from benchmark.data.samples import PARTS, Samples
from benchmark.data.sources import dataset_header, filed_name, load_samples, store_fault
from benchmark.data.store import write_store
from protocols import MODALITIES, InputError, parse
from tests.samples import make_samples


def two(words: bool = False) -> tuple[Samples, Samples]:
    return make_samples(60, 0, "one", words), make_samples(40, 1, "other", words)


def changed(samples: Samples, **provenance: Any) -> Samples:
    return replace(samples, provenance=replace(samples.provenance, **provenance))


@pytest.mark.parametrize("words", [True, False])
def test_parts_are_those_of_the_two_data_sets(words: bool) -> None:
    one, other = two(words)
    joined = join("one/fold1->other", one, "fold1", other)
    assert list(joined.splits) == list(other.splits)
    for split, codes in joined.splits.items():
        for part, source, own in (
            ("train", one, one.splits["fold1"]),
            ("valid", one, one.splits["fold1"]),
            ("test", other, other.splits[split]),
        ):
            mine, theirs = np.flatnonzero(codes == PARTS[part]), np.flatnonzero(own == PARTS[part])
            assert (joined.label[mine] == source.label[theirs]).all()
            names = [name.removeprefix("train:") for name in joined.ids[mine]]
            assert names == source.ids[theirs].tolist()
            assert all(name.startswith("train:") == (part != "test") for name in joined.ids[mine])
            for m in MODALITIES:
                a, b = joined.streams[m], source.streams[m]
                for i, k in zip(mine[:5], theirs[:5], strict=True):
                    here, there = (slice(*s.offsets[at : at + 2]) for s, at in ((a, i), (b, k)))
                    assert (a.observed[here] == b.observed[there]).all()
                    for title in ("values", "token_ids"):
                        if getattr(b, title) is not None:
                            assert (getattr(a, title)[here] == getattr(b, title)[there]).all()
    # videos of equal names are not one video
    rows = joined.splits["official"]
    assert not set(joined.video_ids[rows == PARTS["train"]]) & set(joined.video_ids[rows == PARTS["test"]])


def test_values_are_scaled_by_the_training_samples_alone() -> None:
    one, other = two()
    plain = build_dataset(one, "official", None)
    joined = build_dataset(join("one->other", one, "", other), "official", None)
    for m in MODALITIES:
        for part in ("train", "valid"):
            everything = np.arange(plain.layout(part).offsets[m][-1])
            assert (joined.part(part).values[m].at(everything) == plain.part(part).values[m].at(everything)).all()
    assert joined.layout("test").sample_ids == build_dataset(other, "official", None).layout("test").sample_ids


def test_masks_do_not_depend_on_the_order_of_samples() -> None:
    one, other = two()
    layout = build_dataset(join("one->other", one, "", other), "official", None).layout("test")
    masks = parse("drop(rate=0.5) + random_positions(rate=0.3)").masks(layout)
    again = parse("drop(rate=0.5) + random_positions(rate=0.3)").masks(layout)
    assert masks.sha256() == again.sha256()


VALUES = make_samples(40, 1, "other", False)
AUDIO = replace(VALUES.streams["audio"], values=VALUES.streams["audio"].values[:, :4])  # type: ignore[index]
NAMES = tuple("abcde")


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (two()[0], replace(VALUES, streams={**VALUES.streams, "audio": AUDIO}), "audio: .* vectors of 5, .* of 4"),
        (two(words=True)[0], VALUES, "text: .* words of the vocabulary bert-base-uncased, .* vectors of 12"),
        (two()[0], changed(VALUES, label_range=(-4.0, 4.0)), "labels: .* -3 to 3, .* -4 to 4; .* --map-labels"),
        (VALUES, replace(VALUES, name="copy"), "'other' and 'copy' are the same data"),
        (two()[0], replace(two()[0], splits={"own": np.roll(two()[0].splits["official"], 2)}), "label of a sample in"),
    ],
)  # fmt: skip
def test_data_sets_that_do_not_fit_are_refused_in_one_line(one: Samples, other: Samples, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        join("a->b", one, "official", other)
    assert "\n" not in str(error.value)


def test_features_of_other_names_are_refused() -> None:
    def named(samples: Samples, names: tuple[str, ...]) -> Samples:
        audio = replace(samples.streams["audio"], feature_names=names)
        return replace(samples, streams={**samples.streams, "audio": audio})

    one, other = two()
    with pytest.raises(InputError, match="features of audio: the first has 'c', the second 'x' in its place"):
        join("one->other", named(one, NAMES), "", named(other, tuple("abxde")))
    assert join("one->other", named(one, NAMES), "", other).streams["audio"].feature_names == NAMES


def test_features_of_other_extractors_are_refused() -> None:
    made: Mapping[str, Any] = {"audio": {"name": "prosody", "version": 1}}
    one, other = (changed(samples, extraction=made) for samples in two())
    join("one->other", one, "", other)
    other = changed(other, extraction={"audio": {"name": "prosody", "version": 2}})
    with pytest.raises(InputError, match="audio of 'one' and 'other' was extracted with other settings"):
        join("one->other", one, "", other)


def test_videos_in_both_are_noted() -> None:
    one, other = (changed(samples, videos="recognised") for samples in two())
    notes = join("one->other", one, "", other).provenance.notes
    assert notes[0] == "Trained and validated on split 'official' of one."
    assert any(note.startswith("The video of 30 test samples is in the train part") for note in notes)
    alone = (changed(samples, videos="unknown") for samples in (one, other))
    assert not any("video" in note for note in join("a->b", next(alone), "", next(alone)).provenance.notes)


def test_a_name_of_two_data_sets_is_found_like_any_other() -> None:
    for samples in two():
        write_store(samples, store_path(samples.name))
    name = "one/fold0->other"
    header = dataset_header(name)
    assert header.name == name
    assert header.fingerprint == load_samples(name).fingerprint() != dataset_header("one->other").fingerprint
    assert header.splits == ("official", "fold0", "fold1")
    assert Reference.parse(f"{name}/fold*") == Reference(name, "fold*")
    assert store_fault(name) == ""
    assert filed_name("synthetic:size=tiny,seed=1->one") == "synthetic:seed=1,size=tiny->one"
    with pytest.raises(InputError, match="name one data set to train on and one to test on"):
        dataset_header("one->other->one")
    with pytest.raises(InputError, match="unknown data set 'nothing'"):
        dataset_header("one->nothing")


def test_generated_data_of_two_seeds_fit() -> None:
    joined = load_samples("synthetic:size=tiny->synthetic:seed=1,size=tiny")
    assert len(joined) == 240 + 60 + 120
    assert joined.provenance.notes == ("Trained and validated on split 'official' of synthetic:size=tiny.",)
