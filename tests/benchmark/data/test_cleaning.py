"""Repairs of an import: values that are not numbers, and text that cannot be stored."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data.catalog import import_data
from benchmark.data.features import LARGEST, Cleaning, clean
from tests.benchmark.data.imported import import_pickle, of_sample
from tests.mmsa import mmsa_content


def test_values_that_are_not_numbers_become_zero_and_are_counted(tmp_path: Path) -> None:
    content = mmsa_content()
    wide = content["train"]["audio"].astype(np.float64)
    content["train"]["audio_lengths"][0] = 2
    wide[0, 0] = [np.nan, np.inf, -np.inf, 1e200, 1.25]
    wide[0, 1] = np.nan  # nothing is left of this frame
    wide[0, 2:] = np.nan  # padding is not looked at
    content["train"]["audio"] = wide
    samples = import_pickle(tmp_path, content)
    assert samples.provenance.cleaning["audio"] == {"nan": 6, "inf": 2, "overflow": 1}
    values, seen = of_sample(samples, "audio", 0)
    assert values.tolist() == [[0, 0, 0, 0, 1.25], [0] * 5]
    assert seen.tolist() == [True, False]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.one_of(st.floats(width=64), st.sampled_from([LARGEST, -LARGEST, 1e39, np.inf, np.nan])),
        min_size=1,
        max_size=40,
    )
)
def test_cleaning_counts_each_value_once_and_leaves_the_others(numbers: list[float]) -> None:
    values, cleaning = np.array(numbers)[:, None], Cleaning()
    found = clean(values, cleaning)
    usable = np.isfinite(values) & (np.abs(np.nan_to_num(values)) <= LARGEST)
    assert np.isfinite(found).all()
    assert sum(cleaning.counts().values()) == int((~usable).sum())
    np.testing.assert_array_equal(found[usable], values[usable].astype(np.float32))
    assert not found[~usable].any()


def test_text_that_cannot_be_stored_is_repaired(tmp_path: Path) -> None:
    content = mmsa_content()
    content["train"]["raw_text"] = ["a\0b", "half \ud83d", "whole \U0001f600", "grüß"] + ["x"] * 20
    path = tmp_path / "features.pkl"
    path.write_bytes(pickle.dumps(content))
    import_data("toy", path)
    texts = import_pickle(tmp_path, content).raw_text[:4].tolist()
    assert texts == ["a\ufffdb", "half \ufffd", "whole \U0001f600", "grüß"]
