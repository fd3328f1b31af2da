"""Folds of the training and validation videos of a split."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data.dataset import build_dataset
from benchmark.data.folds import check_folds, fold_names, split_codes, whole_split
from benchmark.data.samples import PARTS, Samples
from protocols import InputError
from tests.samples import make_samples


def own(samples: Samples) -> np.ndarray:
    return np.isin(samples.splits["official"], (PARTS["train"], PARTS["valid"]))


def test_every_sample_validates_in_one_fold_with_its_video() -> None:
    samples = make_samples(words=False)
    mine = own(samples)
    codes = np.stack([split_codes(samples, name) for name in fold_names("official", 3)])
    assert ((codes[:, mine] == PARTS["valid"]).sum(axis=0) == 1).all()
    assert (codes[:, ~mine] == samples.splits["official"][~mine]).all()
    for fold in codes:
        validating = set(samples.video_ids[fold == PARTS["valid"]])
        assert validating
        assert not validating & set(samples.video_ids[fold == PARTS["train"]])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 30), min_size=5, max_size=25), st.integers(2, 5))
def test_folds_are_even_and_do_not_depend_on_the_order_of_samples(sizes: list[int], folds: int) -> None:
    videos = np.repeat([f"video {i}" for i in range(len(sizes))], sizes).astype(object)
    codes = np.full(len(videos), PARTS["train"], dtype=np.uint8)
    samples = dataclasses.replace(
        make_samples(words=False), ids=np.arange(len(videos)).astype(str).astype(object), video_ids=videos,
        splits={"official": codes},
    )  # fmt: skip
    found = np.stack([split_codes(samples, name) for name in fold_names("official", folds)]) == PARTS["valid"]
    assert np.ptp(found.sum(axis=1)) <= max(sizes)
    order = np.random.default_rng(0).permutation(len(videos))
    turned = dataclasses.replace(samples, ids=samples.ids[order], video_ids=videos[order], splits={"official": codes})
    again = np.stack([split_codes(turned, name) for name in fold_names("official", folds)]) == PARTS["valid"]
    assert (again == found[:, order]).all()


def test_a_fold_makes_a_data_set() -> None:
    samples = make_samples(words=False)
    dataset = build_dataset(samples, "official~2of3", None)
    whole = build_dataset(samples, "official", None)
    assert dataset.fingerprint == whole.fingerprint
    assert dataset.part("test").layout.sample_ids == whole.part("test").layout.sample_ids
    assert set(dataset.part("valid").layout.sample_ids) != set(whole.part("valid").layout.sample_ids)


def test_data_that_cannot_be_divided_are_refused() -> None:
    samples = make_samples(words=False)
    with pytest.raises(InputError, match="expected at least 2, found 1"):
        check_folds(samples, "official", 1)
    with pytest.raises(InputError, match="too few for 99 folds; use fewer"):
        split_codes(samples, "official~1of99")
    with pytest.raises(InputError, match="unknown split of"):
        split_codes(samples, "ofical~1of3")
    assert whole_split("official~2of3") == whole_split("official") == "official"


@pytest.mark.parametrize("fold", ["", "0of5", "9of5", "1of", "x", "1of5of5", "-1of5"])
def test_folds_that_cannot_be_are_refused(fold: str) -> None:
    with pytest.raises(InputError, match="expected a fold such as official~1of5"):
        split_codes(make_samples(words=False), f"official~{fold}")
