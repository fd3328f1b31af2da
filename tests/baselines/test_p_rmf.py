"""P-RMF beside its authors' code, and its variational layers."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal

from baselines import InputSpec, Stage, Step, create
from baselines.layers.variational import VariationalAutoencoder, divergence, divergence_from_standard
from baselines.p_rmf import PRmf, certainty_weights
from tests.model_batches import SPEC, make_batch, make_train_batch

#: Trainable parameters of the authors' code (as in 1579364808/PRD-Net, P-RMF/, commit 2e46ee7) with
#: configs/train_mosi.yaml, text encoder excluded.
OFFICIAL_MOSI = 7_828_097
WIDTH, TOKENS = 128, 8
STEP = Step(Stage("fit", 1), 0, 0.0)


def small(**fields: object) -> PRmf:
    torch.manual_seed(0)
    model = create("p-rmf", SPEC, {"width": 16, "head_width": 8, "tokens": 2, "dropout": 0.0, **fields})
    assert isinstance(model, PRmf)
    return model


def test_parameters_are_those_of_the_authors_code_but_for_the_named_differences() -> None:
    model = create("p-rmf", InputSpec(text=768, audio=5, vision=20))
    ours = sum(p.numel() for p in model.parameters())
    tables = (3 * TOKENS + 50 + 375 + 500) * WIDTH  # learned positions of the three encoders
    self_attention_layers = 3 * 2 + 3 * 2 * 2 + 3 * 2  # encoders, autoencoders both ways, reconstructors
    norms = self_attention_layers * 2 * 2 * WIDTH  # of key and value
    assert ours == 7_694_337
    assert ours + tables + norms == OFFICIAL_MOSI


def test_the_more_certain_a_modality_the_more_it_weighs() -> None:
    zero = torch.zeros(1, 2, 3)
    gaussians = {m: Normal(zero, zero + s) for m, s in (("text", 0.5), ("audio", 1.0), ("vision", 2.0))}
    weights = certainty_weights(gaussians)  # type: ignore[arg-type]
    torch.testing.assert_close(torch.stack(list(weights.values())).sum(0), torch.ones(1, 2, 3))
    assert (weights["text"] > weights["audio"]).all()
    assert (weights["audio"] > weights["vision"]).all()
    expected = torch.tensor([2.0, 1.0, 0.5]).softmax(0)
    torch.testing.assert_close(torch.stack([w[0, 0, 0] for w in weights.values()]), expected)


def test_divergences_are_those_of_the_formula_and_vanish_for_equal_gaussians() -> None:
    torch.manual_seed(0)
    mean, deviation = torch.randn(4, 2, 3), torch.rand(4, 2, 3) + 0.5
    gaussian = Normal(mean, deviation)
    expected = 0.5 * (mean**2 + deviation**2 - 1 - 2 * deviation.log()).mean()
    torch.testing.assert_close(divergence_from_standard(gaussian), expected)
    assert float(divergence(gaussian, gaussian)) == 0.0
    assert float(divergence(gaussian, Normal(mean + 1, deviation))) > 0


@pytest.mark.parametrize("size", [1.0, 1e4])
def test_gaussians_are_finite_and_of_positive_deviation(size: float) -> None:
    torch.manual_seed(0)
    model = VariationalAutoencoder(16, 3, 1, 2, head_width=8)
    gaussian = model.encode(size * torch.randn(5, 3, 16))
    assert gaussian.loc.isfinite().all()
    assert (gaussian.scale > 0).all()
    assert divergence_from_standard(gaussian).isfinite()
    assert model.decode(gaussian.rsample()).shape == (5, 3, 16)


def test_the_sentiment_gradient_into_the_proxy_is_not_reversed() -> None:
    model, batch = small().eval(), make_train_batch(8)
    weight = model.autoencoder("text").mean.weight

    def error() -> torch.Tensor:
        return (model(batch.input).sentiment - batch.label).square().mean()

    gradient = torch.autograd.grad(error(), weight)[0]
    with torch.no_grad():
        before = float(error())
        weight -= 0.1 * gradient / gradient.norm()
        assert float(error()) < before


def test_complete_features_are_targets_without_gradient() -> None:
    model, batch = small(), make_train_batch(4)
    for sequences in (batch.complete.text, batch.complete.audio, batch.complete.vision):
        sequences.values.requires_grad_(True)
    torch.stack(list(model.training_loss(batch, STEP).values())).sum().backward()  # type: ignore[no-untyped-call]
    assert all(s.values.grad is None for s in (batch.complete.text, batch.complete.audio, batch.complete.vision))


def test_the_injection_learns_at_its_own_rate_with_weights_shared_by_all_layers() -> None:
    model = small(injection_rate=0.05)
    others, injection = model.parameter_groups(model.stages(2)[0])
    assert (others.scale, injection.scale) == (1.0, 0.05)
    deeper = small(injection_layers=6)
    assert sum(p.numel() for p in deeper.parameters()) == sum(p.numel() for p in model.parameters())
    batch = make_batch(3)
    assert not torch.equal(model.eval()(batch).sentiment, deeper.eval()(batch).sentiment)
