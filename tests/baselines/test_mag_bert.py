"""MAG-BERT beside its official code, and its gate."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import InputSpec, Stage, create
from baselines.mag_bert import AdaptationGate, MagBert
from protocols import InputError
from tests.model_batches import SPEC, ToyLayers, erased, make_batch

#: Trainable parameters of WasifurRahman/BERT_multimodal_transformer (commit dc7876f): gate and classifier, BERT left
#: out, at the widths 768, 5 and 20.
OFFICIAL = 1_223_425
WIDTH = 768


def small(trainable: bool = False, **fields: object) -> MagBert:
    torch.manual_seed(0)
    model = create("mag-bert", replace(SPEC, encoder=ToyLayers(SPEC.text, trainable)), fields)
    assert isinstance(model, MagBert)
    return model.eval()


def test_parameters_are_those_of_the_official_code_but_for_the_named_differences() -> None:
    model = create("mag-bert", InputSpec(text=WIDTH, audio=5, vision=20, encoder=ToyLayers(WIDTH)))
    ours = sum(p.numel() for p in model.parameters())
    pooler = WIDTH * WIDTH + WIDTH  # part of BERT in the official code
    one_bias = WIDTH
    assert ours == 1_813_249
    assert ours - pooler + one_bias == OFFICIAL


@settings(deadline=None, max_examples=25)
@given(st.floats(0.01, 4.0), st.floats(1e-3, 1e3), st.integers(0, 99))
def test_no_word_is_moved_further_than_beta_times_its_length(beta: float, scale: float, seed: int) -> None:
    torch.manual_seed(seed)
    gate = AdaptationGate(8, 3, 4, beta, 0.0)
    torch.nn.init.normal_(gate.bias)
    words = torch.randn(2, 5, 8)
    with torch.no_grad():
        moved = gate.displacement(words, torch.randn(2, 5, 3) * scale, torch.randn(2, 5, 4) * scale).norm(dim=-1)
    assert (moved <= beta * words.norm(dim=-1) * (1 + 1e-5)).all()


def test_a_short_displacement_is_left_as_it_is() -> None:
    torch.manual_seed(0)
    gate = AdaptationGate(8, 3, 4, 1.0, 0.0)
    torch.nn.init.constant_(gate.bias, 1e-3)
    nothing = torch.zeros(2, 5, 3), torch.zeros(2, 5, 4)
    with torch.no_grad():
        moved = gate.displacement(torch.randn(2, 5, 8), *nothing)
    torch.testing.assert_close(moved, gate.bias.expand_as(moved))


def test_words_without_sound_and_picture_are_normalised_and_nothing_else() -> None:
    torch.manual_seed(0)
    gate = AdaptationGate(8, 3, 4, 1.0, 0.0)
    words = torch.randn(2, 5, 8)
    with torch.no_grad():
        shifted = gate(words, torch.zeros(2, 5, 3), torch.zeros(2, 5, 4))
    torch.testing.assert_close(shifted, torch.nn.functional.layer_norm(words, (8,)))


@pytest.mark.parametrize("layer", [0, 1])
def test_the_gate_stands_before_its_layer(layer: int) -> None:
    model, batch = small(layer=layer), make_batch(3)
    entered: list[torch.Tensor] = []
    model.gate.register_forward_hook(lambda module, inputs, output: entered.append(inputs[0]))
    model.encoder(batch.text.values, batch.text.length, before=lambda n, s: _keep(entered, n == layer, s))
    with torch.no_grad():
        model(batch)
    reference, seen = entered
    torch.testing.assert_close(seen, reference)


def _keep(into: list[torch.Tensor], wanted: bool, states: torch.Tensor) -> torch.Tensor:
    if wanted:
        into.append(states)
    return states


def test_a_frozen_encoder_is_not_trained_and_a_trainable_one_at_its_own_rate() -> None:
    stage = Stage("fit", 1)
    assert [g.encoder for g in small().parameter_groups(stage)] == [False]
    model = small(trainable=True)
    groups = model.parameter_groups(stage)
    assert [g.encoder for g in groups] == [False, True]
    assert {id(p) for p in groups[1].parameters} == {id(p) for p in model.encoder.parameters()}


def test_the_gradient_reaches_the_gate_through_a_frozen_encoder() -> None:
    model = small()
    model(make_batch(4)).sentiment.sum().backward()  # type: ignore[no-untyped-call]
    assert model.gate.gate_audio.weight.grad is not None
    assert model.gate.gate_audio.weight.grad.abs().max() > 0
    assert not model(erased(make_batch(4))).sentiment.isnan().any()


def test_no_encoder_and_too_deep_a_layer_are_one_clear_line() -> None:
    with pytest.raises(InputError, match=r"InputSpec\.encoder is None"):
        create("mag-bert", SPEC)
    with pytest.raises(InputError, match=r"'layer': found 2, but the encoder has 2 layers") as error:
        small(layer=2)
    assert "\n" not in str(error.value)
