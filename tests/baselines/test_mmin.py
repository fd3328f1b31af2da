"""MMIN beside its official code, and its imagination."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines import MODALITIES, InputSpec, Sequences, Stage, Step, TrainBatch, create
from baselines.layers.convolution import TextConvolution
from baselines.mmin import Mmin, missing_part
from tests.model_batches import SPEC, make_train_batch

#: Trainable parameters of AIM3-RUC/MMIN (commit 69a45fe) with scripts/CAP_mmin.sh and CAP_utt_fusion.sh, one output, at
#: the widths 768, 5 and 20: the imagination network, and the network on complete data that teaches it.
OFFICIAL = 4_821_761
OFFICIAL_TEACHER = 1_441_153


def small(**fields: object) -> Mmin:
    torch.manual_seed(0)
    model = create("mmin", SPEC, {"width": 16, **fields})
    assert isinstance(model, Mmin)
    return model


def terms(model: Mmin, batch: TrainBatch, stage: Stage) -> dict[str, Tensor]:
    return model.training_loss(batch, Step(stage, 0, 0.0))


def test_parameters_are_those_of_the_official_code() -> None:
    model = create("mmin", InputSpec(text=768, audio=5, vision=20))
    assert isinstance(model, Mmin)
    teacher = sum(p.numel() for part in (model.teacher, model.teacher_head) for p in part.parameters())
    assert teacher == OFFICIAL_TEACHER
    assert sum(p.numel() for p in model.parameters()) - teacher == OFFICIAL


def test_missing_and_shown_positions_make_up_the_complete_view() -> None:
    batch = make_train_batch(6, rate=0.5)
    missing = missing_part(batch)
    for m in MODALITIES:
        torch.testing.assert_close(missing[m].values + batch.input[m].values, batch.complete[m].values)
        assert not (missing[m].values.any(-1) & batch.input[m].values.any(-1)).any()
        assert not missing[m].values[batch.observed[m]].view(torch.int32).any()  # not even the sign of a zero


def test_nothing_is_missing_of_complete_samples() -> None:
    missing = missing_part(make_train_batch(4, rate=0.0))
    assert not any(missing[m].values.any() for m in MODALITIES)


def test_a_quarter_of_the_budget_trains_the_encoders_which_then_teach_and_stay() -> None:
    model = small()
    first, second = model.stages(80)
    assert (first.epochs, first.selects, second.epochs, second.selects) == (20, False, 60, True)
    teacher = {id(p) for part in (model.teacher, model.teacher_head) for p in part.parameters()}
    assert {id(p) for group in model.parameter_groups(first) for p in group.parameters} == teacher
    assert not {id(p) for group in model.parameter_groups(second) for p in group.parameters} & teacher


def test_imagination_starts_from_the_teacher_once() -> None:
    model, batch = small(), make_train_batch(6)
    second = model.stages(8)[1]

    def equal() -> bool:
        pairs = zip(model.teacher.parameters(), model.encoders.parameters(), strict=True)
        return all(torch.equal(a, b) for a, b in pairs)

    assert not equal()
    terms(model, batch, second)
    assert equal()
    with torch.no_grad():
        next(model.encoders.parameters()).add_(1.0)
    terms(model, batch, second)
    assert not equal()


def test_the_teacher_is_asked_without_dropout_and_without_gradient() -> None:
    model, batch = small(imagination_weight=1.0, cycle_weight=0.0, task_weight=0.0).train(), make_train_batch(6)
    asked: list[bool] = []
    model.teacher.register_forward_hook(lambda module, inputs, output: asked.append(module.training))
    torch.stack(list(terms(model, batch, model.stages(8)[1]).values())).sum().backward()  # type: ignore[no-untyped-call]
    assert asked == [False]
    assert model.teacher.training
    assert all(p.grad is None for p in model.teacher.parameters())


def test_backward_imagination_does_not_pull_on_what_it_recalls() -> None:
    model = small(imagination_weight=0.0, task_weight=0.0).eval()
    batch = make_train_batch(6)
    cycle = terms(model, batch, model.stages(8)[1])["cycle"]
    shown = model.encoders(batch.input)
    recalled = model.recall(model.imagine(shown.detach())[0])[0]
    torch.testing.assert_close(cycle, 2.0 * (recalled - shown).square().mean())


def test_imagination_learns_the_embeddings_of_what_is_missing() -> None:
    model, batch = small(dropout=0.0, task_weight=0.0, cycle_weight=0.0), make_train_batch(8, rate=0.5)
    second = model.stages(8)[1]
    start = float(terms(model, batch, second)["imagination"].detach())
    optimiser = torch.optim.Adam(list(model.parameter_groups(second)[0].parameters), lr=3e-3)
    for _ in range(40):
        optimiser.zero_grad()
        terms(model, batch, second)["imagination"].backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert float(terms(model, batch, second)["imagination"].detach()) < 0.3 * start


def test_a_short_text_is_read_as_if_zeros_followed() -> None:
    torch.manual_seed(0)
    network = TextConvolution(4, 6, channels=5).eval()
    words = torch.randn(1, 2, 4)
    longer = torch.cat([words, torch.zeros(1, 7, 4)], dim=1)
    with torch.no_grad():
        alone = network(Sequences(words, torch.tensor([2])))
        torch.testing.assert_close(network(Sequences(longer, torch.tensor([2]))), alone)
