"""KuDA beside its official code, its two stages, and the weights that its LayerNorms cancel."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from baselines import InputSpec, Sequences, Stage, Step, create
from baselines.kuda import KnowledgeEncoder, Kuda, RoutingLayer
from baselines.layers import attending
from protocols import MODALITIES
from tests.model_batches import SPEC, make_train_batch

#: Parameters of MKMaS-GUET/KuDA (commit e60ef6b) for 50 steps of text 768, audio 5 and vision 20, without its BERT.
#: With its weights and our positions, states, knowledge and unimodal predictions were equal, predictions of the fusion
#: with the ratio of sentiments to 3e-8, the contrastive loss to 1e-7.
OFFICIAL = 20_074_982
MODALITIES_STAGE, FUSION = Stage("modalities", 1, selects=False), Stage("fusion", 1)


def small(**fields: object) -> Kuda:
    torch.manual_seed(0)
    sizes = {"width": 16, "stream_width": 8, "heads": 2, "head_width": 4, "hidden": 16, "steps": 6, "layers": 1}
    model = create("kuda", SPEC, {**sizes, **fields})
    assert isinstance(model, Kuda)
    return model


def test_parameters_are_those_of_the_official_code_but_for_learned_positions() -> None:
    positions = 2 * 50 * 128  # audio and vision
    ours = sum(p.numel() for p in create("kuda", InputSpec(text=768, audio=5, vision=20)).parameters())
    assert ours == 20_062_182
    assert ours + positions == OFFICIAL


def test_the_ratio_of_sentiments_would_change_nothing() -> None:
    layer = small().eval().layers[0]
    assert isinstance(layer, RoutingLayer)
    given = {m: torch.randn(3, 6, 16) for m in MODALITIES}
    plain = layer(torch.ones(3, 6, 16), given)
    for module in layer.ask.values():
        module.register_forward_hook(lambda _, __, answer: (1 + torch.rand(3, 1, 1)) * answer)
    torch.testing.assert_close(layer(torch.ones(3, 6, 16), given), plain, atol=1e-4, rtol=1e-4)


def test_knowledge_is_learned_first_and_then_kept() -> None:
    model = small()
    assert [stage.name for stage in model.stages(10)] == ["modalities", "fusion"]
    assert [stage.name for stage in model.stages(1)] == ["joint"]
    names = {id(p): name for name, p in model.named_parameters()}
    first, second = (
        {names[id(p)] for group in model.parameter_groups(stage) for p in group.parameters}
        for stage in (MODALITIES_STAGE, FUSION)
    )
    knowledge = {name for name in first if ".adapters." in name or ".score." in name}
    assert knowledge
    assert not knowledge & second
    assert first - knowledge <= second
    assert first | second == set(names.values())


def test_each_stage_has_its_losses() -> None:
    model, batch = small().eval(), make_train_batch(4)
    assert set(model.training_loss(batch, Step(MODALITIES_STAGE, 0, 0.0))) == {"modalities"}
    assert set(model.training_loss(batch, Step(FUSION, 0, 0.0))) == {"task", "contrast"}
    encoded = model._encode(batch.input)
    errors = [F.mse_loss(model._encoder(m).predict(encoded[m]), batch.label) for m in MODALITIES]
    joint = model.training_loss(batch, Step(Stage("joint", 1), 0, 0.0))
    torch.testing.assert_close(joint["modalities"], torch.stack(errors).sum())
    assert set(joint) == {"modalities", "task", "contrast"}


def test_knowledge_is_the_second_half_of_a_modality() -> None:
    model, batch = small().eval(), make_train_batch(4).input
    encoder = model._encoder("text")
    both = encoder(batch.text).values
    torch.testing.assert_close(both[..., : SPEC.text], batch.text.values)
    with torch.no_grad():
        encoder.get_parameter("adapters.3.up.bias").add_(1.0)
    changed = encoder(batch.text).values != both
    assert not changed[..., : SPEC.text].any()
    assert changed[..., SPEC.text :].any()


def test_steps_without_padding_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def results(short: int) -> list[torch.Tensor]:
        monkeypatch.setattr(attending, "_SHORT", short)
        torch.manual_seed(0)
        encoder = KnowledgeEncoder(5, 16, layers=2, adapters=2, dropout=0.0, adapter_dropout=0.0).double()
        values = torch.randn(3, 7, 5, dtype=torch.float64, requires_grad=True)
        both = encoder(Sequences(values, torch.tensor([7, 1, 3])))
        score = encoder.predict(both)
        return [both.values.detach(), *torch.autograd.grad(score.square().sum(), [values, *encoder.parameters()])]

    for mine, theirs in zip(results(0), results(10**9), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)
