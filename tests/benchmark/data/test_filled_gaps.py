"""Filled gaps and shifted streams in batches: the content that a model reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmark.data.batches import MaskedPart
from benchmark.data.config import EncoderConfig
from benchmark.data.dataset import Dataset, TrainingData, build_dataset
from benchmark.data.encoding import TextEncoder, WordEmbeddings
from benchmark.data.states import StateCache
from protocols import MODALITIES, InputError, parse
from tests.samples import make_samples, save_tiny_encoder

CPU = torch.device("cpu")
RUN = "drop(rate=0.5) + random_positions(rate=0.4) + unmarked(fill=run)"
HOLD = "drop(rate=0.5) + random_positions(rate=0.4) + unmarked(fill=hold)"


@pytest.fixture(scope="module")
def vectors() -> Dataset:
    return build_dataset(make_samples(160, words=False), "official", None)


def rows_of(data: Dataset, m: str, part: str) -> np.ndarray:  # type: ignore[type-arg]
    whole = data.part(part).values[m]  # type: ignore[index]
    return whole.at(np.arange(data.layout(part).offsets[m][-1])).numpy()  # type: ignore[index]


@pytest.mark.parametrize("text", [RUN, HOLD])
def test_filled_positions_hold_the_content_that_the_masks_name(vectors: Dataset, text: str) -> None:
    layout = vectors.layout("test")
    masks = parse(text).masks(layout)
    batch = MaskedPart(vectors.part("test"), masks, None, CPU).batch(torch.arange(len(layout)))
    for m in MODALITIES:
        own, donors, filling = rows_of(vectors, m, "test"), rows_of(vectors, m, "train"), masks.filled[m]
        expected = np.where(masks.observed[m][:, None], own, 0.0)
        expected[filling.own >= 0] = own[filling.own[filling.own >= 0]]
        expected[filling.donor >= 0] = donors[filling.donor[filling.donor >= 0]]
        given = batch[m].values[~batch[m].padding].numpy()
        assert (given == expected).all()
        assert filling.where.any()
        assert not given[~layout.observed[m]].any()  # gaps of the data stay zeros


def test_noise_acts_before_gaps_are_filled(vectors: Dataset) -> None:
    layout = vectors.layout("test")
    clean, noisy = (
        parse(f"random_positions(rate=0.4) + {noise}unmarked(fill=hold)").masks(layout)
        for noise in ("", "noise(snr_db=0) + ")
    )
    part = vectors.part("test")
    batches = [MaskedPart(part, masks, None, CPU).batch(torch.arange(len(part))) for masks in (clean, noisy)]
    filling = noisy.filled["audio"]
    a, b = (batch.audio.values[~batch.audio.padding].numpy() for batch in batches)
    held, donated = filling.own >= 0, filling.donor >= 0
    assert (a[donated] == b[donated]).all()  # content of others is not noised
    assert (b[held] == b[filling.own[held]]).all()
    assert not (a[held] == b[held]).any()


def test_words_of_another_text_stand_in_gaps_before_the_text_is_encoded(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    encoder = TextEncoder(EncoderConfig(name=str(save_tiny_encoder(tmp_path_factory.mktemp("encoder"))))).eval()
    data = build_dataset(make_samples(160), "official", encoder)
    part, masks = data.part("test"), parse(HOLD).masks(data)
    training, filling = data.part("train").token_ids, masks.filled["text"]
    assert training is not None
    assert part.token_ids is not None
    expected = np.where(masks.observed["text"], part.token_ids, encoder.special.unk)
    expected[filling.donor >= 0] = training[filling.donor[filling.donor >= 0]]
    sides = [
        MaskedPart(part, masks, side(encoder), CPU) for side in (WordEmbeddings, lambda e: StateCache(e, "", None))
    ]
    for masked in sides:
        assert masked._ids is not None
        assert (masked._ids == expected).all()
        assert torch.isfinite(masked.batch(torch.arange(len(part))).text.values).all()


def test_a_shifted_stream_is_the_stream_moved(vectors: Dataset) -> None:
    masks = parse("shift(steps={audio: 2, vision: -3})").masks(vectors)
    part = vectors.part("test")
    batch = MaskedPart(part, masks, None, CPU).batch(torch.arange(len(part)))
    whole = MaskedPart(part, None, None, CPU).batch(torch.arange(len(part)))
    for m, steps in (("audio", 2), ("vision", -3)):
        for i, length in enumerate(whole[m].length.tolist()):  # type: ignore[index]
            given, clean = batch[m].values[i], whole[m].values[i]  # type: ignore[index]
            seen = masks.of_sample(m, i)  # type: ignore[arg-type]
            for t in range(length):
                assert torch.equal(given[t], clean[t - steps] if seen[t] else torch.zeros_like(given[t]))


def test_a_shift_in_seconds_reads_the_times_of_each_part() -> None:
    samples = make_samples(60, words=False)
    streams = {
        m: replace(stream, times=(np.arange(len(stream.observed)) * 0.1).astype(np.float32))
        for m, stream in samples.streams.items()
    }
    data = build_dataset(replace(samples, streams=streams), "official", None)
    for part in ("train", "valid", "test"):
        seconds, steps = (parse(f"shift({amount})").masks(data, part) for amount in ("seconds=0.3", "steps=3"))
        assert seconds.sha256() == steps.sha256()
    with pytest.raises(InputError, match="no times of audio"):
        parse("shift(seconds=0.3)").masks(build_dataset(samples, "official", None))


def test_layouts_of_training_reach_neither_labels_nor_test_samples(vectors: Dataset) -> None:
    """The training part stands behind every layout; nothing else of the samples does."""
    data = TrainingData(vectors)
    for name in ("train", "valid"):
        donors = data.layout(name).donors
        assert donors is not None
        assert donors().sample_ids == vectors.layout("train").sample_ids
        held = [cell.cell_contents for cell in donors.__closure__ or ()]  # type: ignore[attr-defined]
        assert {type(each).__name__ for each in held} <= {"Layout", "NoneType"}
