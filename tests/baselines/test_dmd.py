"""DMD beside its official code, and its graphs of distillation."""

from __future__ import annotations

import pytest
import torch

from baselines import InputSpec, Stage, Step, create
from baselines.dmd import HETEROGENEOUS, HOMOGENEOUS, PAIRS, Dmd, GraphDistillation
from protocols import MODALITIES
from tests.model_batches import SPEC, make_train_batch

#: Trainable parameters of mdswyz/DMD (commit 516d4e1) for aligned MOSI, its two graphs included, text encoder excluded.
#: With its weights, convolutions over one step, the mask of later steps off and our position codes, predictions and
#: those of all seven other heads were equal to 4e-7, distillation without its representation term and the losses of
#: the decoupling to 5e-7.
OFFICIAL_MOSI = 4_750_732
STEP = Step(Stage("fit", 1), 0, 0.0)


def graph() -> tuple[GraphDistillation, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    scores: dict[str, torch.Tensor] = {m: torch.randn(6, requires_grad=True) for m in MODALITIES}
    return GraphDistillation(4, 3, HOMOGENEOUS), scores, {m: torch.randn(6, 4) for m in MODALITIES}


def test_parameters_are_those_of_the_official_code_but_for_what_no_loss_trains() -> None:
    model = create("dmd", InputSpec(text=768, audio=5, vision=20))
    maps_of_specific_features = 3 * (46 * 50 * 50 + 50)
    ours = sum(p.numel() for p in model.parameters())
    assert ours == 4_405_582
    assert ours + maps_of_specific_features == OFFICIAL_MOSI


def test_audio_and_vision_learn_mostly_from_text() -> None:
    prior = graph()[0].prior.tolist()
    assert sum(prior) == pytest.approx(1)
    assert {pair for pair, share in zip(PAIRS, prior, strict=True) if share > 0.4} == set(HOMOGENEOUS)
    richer = zip(PAIRS, GraphDistillation(4, 3, HETEROGENEOUS).prior.tolist(), strict=True)
    assert {pair for pair, share in richer if share > 0.3} == set(HETEROGENEOUS)


def test_edges_of_a_sample_sum_to_one_and_depend_on_both_ends() -> None:
    model, scores, representations = graph()
    edges = model.edges(scores, representations)
    torch.testing.assert_close(edges.sum(dim=-1), torch.ones(6))
    other = model.edges({**scores, "audio": scores["audio"] + 1}, representations)
    assert not torch.allclose(edges, other)


def test_only_students_are_moved() -> None:
    model, scores, representations = graph()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()  # equal edges, so that only the distances have a gradient
        model.prior.zero_()
        model.prior[PAIRS.index(("audio", "text"))] = 1e6
    model(scores, representations).backward()
    gradient = {m: s.grad for m, s in scores.items()}
    assert gradient["audio"] is not None
    assert gradient["text"] is not None
    assert float(gradient["audio"].abs().min()) > 1e3 * float(gradient["text"].abs().max())


def test_scores_that_agree_and_edges_like_the_prior_cost_nothing() -> None:
    model, _, representations = graph()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.prior.fill_(1 / 6)
    same = dict.fromkeys(MODALITIES, torch.ones(6))
    assert model(same, representations).item() == pytest.approx(0, abs=1e-12)


def test_every_head_and_graph_is_trained() -> None:
    torch.manual_seed(0)
    fields = {"width": 16, "layers": 1, "memory_layers": 1, "steps": 4}
    model, batch = create("dmd", SPEC, fields).eval(), make_train_batch(6)
    assert isinstance(model, Dmd)
    losses = model.training_loss(batch, STEP)
    assert set(losses) == {"task", "other_heads", "distillation", "decoupling"}
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    for parts in (model.homogeneous, model.heterogeneous, model.common_head, model.graphs, model.decoupler):
        assert all(p.grad is not None and p.grad.isfinite().all() for p in parts.parameters())
