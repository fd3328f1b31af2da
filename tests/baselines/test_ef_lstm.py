"""EF-LSTM beside its official code."""

from __future__ import annotations

import torch

from baselines import Batch, InputSpec, Sequences, create
from tests.model_batches import SPEC, make_batch

#: Trainable parameters of thuiar/MMSA (commit a94e65d) with its settings for MOSI, text of width 768.
OFFICIAL_MOSI = 885_605
PADDED_LENGTH = 50


def test_parameters_are_those_of_the_official_code_but_for_the_normalisation_of_time_steps() -> None:
    model = create("ef-lstm", InputSpec(text=768, audio=5, vision=20), {"layers": 4})
    assert sum(p.numel() for p in model.parameters()) == OFFICIAL_MOSI - 2 * PADDED_LENGTH


def test_frames_are_read_with_the_word_they_belong_to() -> None:
    torch.manual_seed(0)
    model = create("ef-lstm", SPEC, {"width": 16}).eval()
    batch = make_batch(4, longest=(3, 6, 3), fixed=True)
    audio = batch.audio.values
    within = Sequences(audio[:, [1, 0, 3, 2, 5, 4]], batch.audio.length)
    across = Sequences(audio[:, [2, 3, 0, 1, 4, 5]], batch.audio.length)
    with torch.no_grad():
        sentiment = model(batch).sentiment
        torch.testing.assert_close(model(Batch(batch.text, within, batch.vision)).sentiment, sentiment)
        assert not torch.equal(model(Batch(batch.text, across, batch.vision)).sentiment, sentiment)


def test_words_are_read_in_their_order() -> None:
    torch.manual_seed(0)
    model = create("ef-lstm", SPEC, {"width": 16}).eval()
    batch = make_batch(4, fixed=True)
    turned = Batch(Sequences(batch.text.values.flip(1), batch.text.length), batch.audio, batch.vision)
    with torch.no_grad():
        assert not torch.allclose(model(turned).sentiment, model(batch).sentiment, atol=1e-6)
