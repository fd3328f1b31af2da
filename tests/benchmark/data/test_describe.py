"""Descriptions count what is there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmark.data.describe import describe
from tests.samples import make_samples


def test_parts_and_classes_add_up() -> None:
    samples = make_samples()
    parts = describe(samples).parts
    official = parts[parts["split"] == "official"]
    assert official["samples"].tolist() == [30, 10, 20]
    assert (official[["negative", "zero", "positive"]].sum(axis=1) == official["samples"]).all()
    assert describe(samples).labels[["train", "valid", "test"]].to_numpy().sum() == 60


def test_gaps_and_lengths_are_those_of_the_streams() -> None:
    samples = make_samples()
    table = describe(samples).modalities.set_index("modality")
    stream = samples.streams["vision"]
    assert table.loc["vision", "gaps %"] == round(100 * float((~stream.observed).mean()), 2)
    assert table.loc["audio", "max"] == np.diff(samples.streams["audio"].offsets).max()
    assert table.loc["text", "width"] == "tokens"


def test_videos_in_two_parts_are_told() -> None:
    samples = make_samples()
    assert any("videos stand in more than one part" in line for line in describe(samples).notes)
    apart = replace(samples, video_ids=samples.ids)
    assert any("no video stands in more than one part" in line for line in describe(apart).notes)
