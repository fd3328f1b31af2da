"""TFR-Net beside its paper and its official code, and the layers that it brings."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn import functional as F

from baselines import InputSpec, Sequences, Stage, Step, TrainBatch, create
from baselines.layers.feature_attention import FeatureTransformer
from baselines.layers.rebuilding import erased_positions, rebuilding_loss
from baselines.tfr_net import TfrNet
from tests.model_batches import SPEC, make_train_batch

#: Trainable parameters of thuiar/TFR-Net (commit 00f06a6) with its settings for MOSI, text encoder excluded.
OFFICIAL_MOSI = 14_850_620
#: Of these, Transformers over features whose widths are the padded lengths: 3 layers of 12 T^2 + 13 T, a norm of 2 T.
FIXED_LENGTHS = (50, 375, 500)
STEP = Step(Stage("fit", 1), 0, 0.0)


def small(**fields: object) -> TfrNet:
    torch.manual_seed(0)
    model = create("tfr-net", SPEC, {"width": 16, "layers": 1, "recurrent_layers": 1, **fields})
    assert isinstance(model, TfrNet)
    return model


def test_parameters_are_those_of_the_official_code_but_for_attention_over_features() -> None:
    model = create("tfr-net", InputSpec(text=768, audio=5, vision=20))
    assert isinstance(model, TfrNet)
    over_features = sum(p.numel() for p in model.features.parameters())
    theirs = sum(3 * (12 * t * t + 13 * t) + 2 * t for t in FIXED_LENGTHS)
    assert sum(p.numel() for p in model.parameters()) - over_features == OFFICIAL_MOSI - theirs == 660_195
    assert over_features == 885_924


def test_attention_over_features_does_not_see_padding_nor_the_order_of_steps() -> None:
    torch.manual_seed(0)
    model = FeatureTransformer(12, 2, 3).eval()
    values, padding = torch.randn(2, 6, 12), torch.tensor([[False] * 6, [False] * 4 + [True] * 2])
    expected = model(values, padding)
    longer = model(F.pad(values, (0, 0, 0, 3), value=9.0), F.pad(padding, (0, 3), value=True))[:, :6]
    torch.testing.assert_close(longer, expected)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(model(values[1:, order], padding[1:, :4]), expected[1:, order])


def test_erased_positions_are_those_where_the_complete_view_has_more() -> None:
    batch = make_train_batch(5, rate=0.4)
    for modality in ("text", "audio", "vision"):
        erased = erased_positions(batch, modality)
        assert erased.any()
        assert not (erased & batch.observed[modality]).any()
        assert not (erased & batch.input[modality].padding).any()
    batch.complete.audio.values.zero_()  # a gap of the data set
    assert not erased_positions(batch, "audio").any()


def test_rebuilding_is_judged_on_the_chosen_positions_alone_and_without_a_gradient_to_the_target() -> None:
    rebuilt, target = torch.randn(2, 4, 3, requires_grad=True), torch.randn(2, 4, 3, requires_grad=True)
    positions = torch.zeros(2, 4, dtype=torch.bool)
    positions[0, 1] = positions[1, 2] = True
    loss = rebuilding_loss(rebuilt, target, positions)
    torch.testing.assert_close(loss, F.smooth_l1_loss(rebuilt[positions], target[positions]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert rebuilt.grad is not None
    assert (rebuilt.grad.abs().sum(-1) > 0).equal(positions)
    assert target.grad is None
    assert float(rebuilding_loss(rebuilt, target, torch.zeros_like(positions)).detach()) == 0.0


def test_nothing_is_rebuilt_where_nothing_was_erased() -> None:
    terms = small().eval().training_loss(make_train_batch(4, rate=0.0), STEP)
    assert all(float(terms[f"{m}_rebuilding"].detach()) == 0.0 for m in ("text", "audio", "vision"))


def test_rebuilding_learns_to_restore_the_input() -> None:
    model = small(dropout=0.0, text_dropout=0.0, attention_dropout=0.0, audio_attention_dropout=0.0).train()
    batch = make_train_batch(8, rate=0.3)
    # what is erased can be told from what is left: both are one value repeated
    batch = _constant_streams(batch)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = model.training_loss(batch, STEP)["audio_rebuilding"]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def _constant_streams(batch: TrainBatch) -> TrainBatch:
    audio = batch.complete.audio
    level = torch.linspace(-1, 1, len(audio.values))[:, None, None].expand_as(audio.values)
    complete = Sequences(level * ~audio.padding[..., None], audio.length)
    kept = Sequences(complete.values * batch.observed["audio"][..., None], audio.length)
    return replace(batch, input=replace(batch.input, audio=kept), complete=replace(batch.complete, audio=complete))
