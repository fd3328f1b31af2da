"""HME beside its official code, its similar samples, and the attention that certainty scales."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from baselines import InputSpec, Stage, Step, create
from baselines.hme import CertainAttention, Hme, similar_mean
from tests.model_batches import SPEC, make_batch, make_train_batch

#: Parameters of YetZzzzzz/HME (commit 6f0c9a7) with its default arguments, at the widths 768, 5 and 20, text encoder
#: excluded. With its weights, our position codes and means instead of samples, predictions and those of the
#: hyper-modalities were equal to 2e-7, among samples of one batch.
OFFICIAL = 7_454_669
STEP = Step(Stage("fit", 1), 0, 0.0)


def small(**fields: object) -> Hme:
    torch.manual_seed(0)
    sizes = {"width": 16, "heads": 2, "layers": 1, "reader_layers": 1, "latent_layers": 1, "hidden": 16}
    model = create("hme", SPEC, {**sizes, "memory": 6, **fields})
    assert isinstance(model, Hme)
    return model.eval()


def test_parameters_are_those_of_the_official_code() -> None:
    model = create("hme", InputSpec(text=768, audio=5, vision=20))
    assert sum(p.numel() for p in model.parameters()) == OFFICIAL


def test_the_mean_is_that_of_similar_samples_other_than_oneself() -> None:
    vectors = torch.tensor([[1.0, 0.0], [2.0, 0.1], [3.0, -0.1], [0.0, 5.0]])[:, None].expand(4, 3, 2)
    mean = similar_mean(vectors, None, 0.9)
    torch.testing.assert_close(mean[0, 0], torch.tensor([2.5, 0.0]))  # the second and the third
    torch.testing.assert_close(mean[1, 2], torch.tensor([2.0, -0.05]))
    torch.testing.assert_close(mean[3, 1], vectors[:, 0].mean(dim=0))  # like none: all of them


def test_a_prediction_compares_with_remembered_samples() -> None:
    vectors, known = torch.randn(2, 3, 4), torch.randn(5, 3, 4)
    mean = similar_mean(vectors, known, -1.0)
    torch.testing.assert_close(mean, known.mean(dim=0).expand(2, 3, 4))
    assert not similar_mean(vectors, known[:0], 0.5).any()


def test_the_last_training_samples_are_remembered() -> None:
    model = small()
    batches = [make_train_batch(4, seed=seed) for seed in (1, 2)]
    vectors = [model._vectors(batch.input).detach() for batch in batches]
    before = model(batches[0].input).sentiment
    for batch in batches:
        model.training_loss(batch, STEP)
    assert int(model.seen) == 8
    torch.testing.assert_close(model.remembered, torch.cat([vectors[1][2:], vectors[0][2:], vectors[1][:2]]))
    assert not torch.equal(model(batches[0].input).sentiment, before)


def test_a_certain_vector_is_scored_louder() -> None:
    torch.manual_seed(0)
    attention = CertainAttention(4, 2).eval()
    vectors = torch.randn(3, 2, 4)
    even = attention(vectors, torch.zeros(3, 2))  # scores of no weight: the plain mean
    torch.testing.assert_close(even, vectors.mean(dim=1))
    share = (attention.score(vectors.flatten(1)) * 4**-0.5).softmax(dim=-1)
    torch.testing.assert_close(attention(vectors, torch.ones(3, 2)), (share[..., None] * vectors).sum(dim=1))


def test_losses_are_weighted_as_configured() -> None:
    model, batch = small(bottleneck_weight=0.5, divergence_weight=1.0), make_train_batch(4)
    losses = model.training_loss(batch, STEP)
    state = model._run(model._vectors(batch.input), None)
    errors = sum(F.l1_loss(score, batch.label).item() for score in state.scores) / 3
    assert losses["hyper"].item() == pytest.approx(0.5 * errors, rel=1e-5)
    assert set(losses) == {"task", "hyper", "divergence"}


def test_padding_is_not_read_by_the_maximum() -> None:
    model = small()
    with torch.no_grad():
        model.get_parameter("steps.audio.norm.bias").fill_(-100.0)  # zeros on padding would be the maximum
    assert bool((model._vectors(make_batch(4))[:, 1] < -50).all())
