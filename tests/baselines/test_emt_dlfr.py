"""EMT-DLFR beside its paper and its official code, and the layers that it brings."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from baselines import MODALITIES, InputSpec, Stage, Step, create
from baselines.emt_dlfr import EmtDlfr
from baselines.layers import attending
from baselines.layers.promotion import MultimodalPromotion, PromotionUnit
from baselines.layers.siamese import SiameseHead
from tests.model_batches import SPEC, make_batch, make_train_batch

#: Trainable parameters of sunlicai/EMT-DLFR (commit e9f0960) with its settings for MOSI, text encoder excluded.
OFFICIAL_MOSI = 2_322_779
STEP = Step(Stage("fit", 1), 0, 0.0)


def small(**fields: object) -> EmtDlfr:
    torch.manual_seed(0)
    model = create("emt-dlfr", SPEC, {"width": 16, **fields})
    assert isinstance(model, EmtDlfr)
    return model


def test_parameters_are_those_of_the_official_code_but_for_the_named_differences() -> None:
    model = create("emt-dlfr", InputSpec(text=768, audio=5, vision=20))
    ours = sum(p.numel() for p in model.parameters())
    biases = 2 * 3 * 128  # of queries, keys and values in both attentions of the unit
    cancelled = 768 + 16 + 32 + 3 * 128  # of the maps before SimSiam's batch normalisations
    assert ours == 2_322_347
    assert ours - biases + cancelled == OFFICIAL_MOSI


def test_padding_of_either_side_is_never_attended_to() -> None:
    torch.manual_seed(0)
    unit = PromotionUnit(16, 2).eval()
    target, context = torch.randn(2, 5, 16), torch.randn(2, 4, 16)
    padding = torch.tensor([[False] * 5, [False] * 2 + [True] * 3])
    context_padding = torch.tensor([[False] * 4, [False] + [True] * 3])
    expected = unit(target, context, padding, context_padding)
    other = unit(
        target.masked_fill(padding[..., None], 7.0),
        context.masked_fill(context_padding[..., None], 7.0),
        padding,
        context_padding,
    )
    torch.testing.assert_close(other[~padding], expected[~padding])


def test_steps_without_padding_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def results(short: int) -> list[torch.Tensor]:
        monkeypatch.setattr(attending, "_SHORT", short)
        torch.manual_seed(0)
        promotion = MultimodalPromotion(16, 2, 2).double()
        tokens = torch.randn(3, 3, 16, requires_grad=True, dtype=torch.float64)
        steps = {m: torch.randn(3, 6, 16, requires_grad=True, dtype=torch.float64) for m in MODALITIES}
        length = {m: torch.tensor([6, 1, 1 + i]) for i, m in enumerate(MODALITIES)}
        padding = {m: torch.arange(6)[None] >= length[m][:, None] for m in MODALITIES}
        context, promoted = promotion(tokens, steps, padding)
        valid = torch.cat([promoted[m][~padding[m]] for m in MODALITIES])
        loss = context.square().sum() + valid.square().sum()
        read = torch.autograd.grad(loss, [tokens, *steps.values(), *promotion.parameters()])
        return [context.detach(), valid.detach(), *read]

    for mine, theirs in zip(results(0), results(10**9), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)


def test_tokens_and_steps_promote_each_other() -> None:
    torch.manual_seed(0)
    promotion = MultimodalPromotion(16, 1, 2).eval()
    tokens = torch.randn(2, 3, 16, requires_grad=True)
    steps = {m: torch.randn(2, 4, 16, requires_grad=True) for m in ("text", "audio", "vision")}
    padding = {m: torch.zeros(2, 4, dtype=torch.bool) for m in steps}
    context, promoted = promotion(tokens, steps, padding)
    alone, nothing = promotion(tokens, steps, padding, read_steps=False)
    assert torch.equal(alone, context)
    assert nothing == {}
    read = torch.autograd.grad(context.square().sum(), [tokens, *steps.values()], retain_graph=True)
    assert all(g.abs().sum() > 0 for g in read)
    # in one layer a modality learns of the others through the tokens alone
    read = torch.autograd.grad(
        promoted["audio"].square().sum(), [tokens, steps["audio"], steps["vision"]], allow_unused=True
    )
    assert [g is not None for g in read] == [True, True, False]


def test_views_attract_each_other() -> None:
    torch.manual_seed(0)
    head = SiameseHead(6, 8)
    first, second = torch.randn(32, 6, requires_grad=True), torch.randn(32, 6)
    optimiser = torch.optim.Adam([*head.parameters(), first], lr=0.02)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = head(first, second)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert min(losses) >= -1.0
    assert losses[-1] < -0.6 < losses[0]


def test_a_view_is_pulled_through_its_prediction_and_never_through_its_projection() -> None:
    torch.manual_seed(0)
    head = SiameseHead(6, 8).eval()
    first, second = torch.randn(4, 6, requires_grad=True), torch.randn(4, 6)
    pulled = torch.autograd.grad(head(first, second), first)[0]
    prediction = head.predictor(head.projector(first))
    agreement = torch.nn.functional.cosine_similarity(prediction, head.projector(second).detach())
    torch.testing.assert_close(pulled, torch.autograd.grad(-0.5 * agreement.mean(), first)[0])


def test_both_views_are_predicted_and_nothing_is_rebuilt_where_nothing_was_erased() -> None:
    batch = make_train_batch(6, rate=0.0)
    model = small(attention_dropout=0.0, dropout=0.0, head_dropout=0.0)
    terms = model.training_loss(batch, STEP)
    torch.testing.assert_close(terms["task"], terms["complete_view"])
    assert float(terms["rebuilding"].detach()) == 0.0
    assert float(model.training_loss(make_train_batch(6, rate=0.5), STEP)["rebuilding"].detach()) > 0.0


def test_the_readers_have_rates_of_their_own() -> None:
    model = small()
    other, audio, vision = model.parameter_groups(model.stages(3)[0])
    assert (other.scale, audio.scale, vision.scale) == (1.0, 1.0, 0.1)
    assert (other.weight_decay, audio.weight_decay) == (None, 0.01)
    assert {id(p) for p in vision.parameters} == {id(p) for p in model.readers["vision"].parameters()}


def test_erased_word_vectors_are_rebuilt_where_they_were() -> None:
    torch.manual_seed(0)
    batch = make_train_batch(2, rate=0.0)
    observed = {m: flags.clone() for m, flags in batch.observed.items()}
    last = int(batch.input.text.length[0]) - 1
    observed["text"][0, last] = False
    model = create("emt-dlfr", replace(SPEC, framed_text=False), {"width": 16})
    assert isinstance(model, EmtDlfr)
    seen = batch.complete.text.values.clone().requires_grad_()
    complete = replace(batch.complete, text=replace(batch.complete.text, values=seen))
    targets = model._local_text(complete.text).values
    assert torch.equal(targets, seen)
    term = model.training_loss(replace(batch, complete=complete, observed=observed), STEP)["rebuilding"]
    assert float(term.detach()) > 0.0


@pytest.mark.parametrize("length", [1, 2, 3])
def test_texts_without_words_are_read(length: int) -> None:
    model, batch = small().eval(), make_batch(2, longest=(length, 4, 4), fixed=True)
    assert model(batch).sentiment.isfinite().all()
