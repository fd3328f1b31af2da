"""Missing not at random really takes what tells more: measured where the evidence of every position is known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.data.config import EncoderConfig
from benchmark.data.dataset import build_dataset
from benchmark.data.encoding import TextEncoder
from benchmark.data.sources import load_samples
from benchmark.data.synthetic import evidence, oracle, parse_synthetic
from protocols import MODALITIES, Masks, Modality, parse
from protocols.layout import FloatArray
from tests.samples import save_tiny_encoder

NAME = "synthetic:size=tiny"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Masks]:
    encoder = TextEncoder(EncoderConfig(name=str(save_tiny_encoder(tmp_path_factory.mktemp("encoder")))))
    data = build_dataset(load_samples(NAME), "official", encoder)
    scenarios = ("informative(rate=0.5, strength=3)", "informative(rate=0.5, strength=0)")
    return {text: parse(text).masks(data, "train") for text in scenarios}


@pytest.fixture(scope="module")
def known() -> dict[Modality, FloatArray]:
    return evidence(parse_synthetic(NAME))


def lost_evidence(masks: Masks, known: FloatArray, modality: Modality) -> float:
    """Mean evidence of what is lost over that of what stays."""
    samples = load_samples(NAME)
    rows = samples.splits["official"] == 1
    inside = np.repeat(rows, np.diff(samples.streams[modality].offsets))
    own = known[inside]
    seen = masks.layout.observed[modality]
    gone = seen & ~masks.observed[modality]
    kept = seen & masks.observed[modality]
    return float(own[gone].mean() / own[kept].mean())


@pytest.mark.parametrize("modality", MODALITIES)
def test_erased_positions_carry_more_evidence_than_remaining_ones(
    drawn: dict[str, Masks], known: dict[Modality, FloatArray], modality: Modality
) -> None:
    informative, random = (lost_evidence(masks, known[modality], modality) for masks in drawn.values())
    assert informative > 1.3
    assert 0.75 < random < 1.3


def test_the_best_possible_prediction_suffers_more_than_from_random_gaps(drawn: dict[str, Masks]) -> None:
    config, samples = parse_synthetic(NAME), load_samples(NAME)
    label = samples.label[samples.splits["official"] == 1].astype(np.float64)
    informative, random = (np.abs(oracle(samples, masks, config).median - label).mean() for masks in drawn.values())
    assert informative > random
