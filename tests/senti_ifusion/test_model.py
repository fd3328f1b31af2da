"""Senti-iFusion as a whole: stages, variants, diagnostics, targets."""

from __future__ import annotations

import pytest
import torch

from baselines import Stage, Step, create, resolve_config
from protocols import InputError
from senti_ifusion.config import SentiIFusionConfig
from senti_ifusion.framework import COMPLETION, FUSION, JOINT, Framework
from senti_ifusion.light.config import LightConfig
from tests.model_batches import SPEC, erased, make_batch, make_train_batch
from tests.senti_ifusion.steps import step_of, update

SMALL = {"width": 16, "tokens": 3, "heads": 2}
VARIANTS: dict[str, dict[str, object]] = {
    "main": {},
    "without integrity": {"use_integrity": False, "integrity_dropout": 0.5},  # what is dropped trains the completion
    "without completion": {"use_completion": False},
    "uniform fusion": {"adaptive_fusion": False},
    "text dominates": {"dominant": "text"},
    "without feature level": {"feature_validation": False},
    "without semantic level": {"semantic_validation": False},
    "without both levels": {"feature_validation": False, "semantic_validation": False},
    "without disentanglement": {"disentanglement": False},
    "single stage": {"progressive": False},
    "donors train the encoders": {"detach_donors": False},
    "validation trains the encoders": {"validate_encoders": True},
    "moving average": {"target_momentum": 0.9},
    "task gradient into the estimate": {"detach_integrity": False},
    "smooth": {"task_loss": "smooth_l1"},
    "squared": {"task_loss": "mse"},
    "frozen first stage": {"stage2_rate": 0.0},
}


def build(name: str = "senti-ifusion", **fields: object) -> Framework:
    torch.manual_seed(0)
    model = create(name, SPEC, SMALL | fields)
    assert isinstance(model, Framework)
    return model


@pytest.mark.parametrize("model_name", ["senti-ifusion", "senti-ifusion-light"])
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains_and_reaches_all_its_parameters(name: str, model_name: str) -> None:
    model, batch = build(model_name, **VARIANTS[name]).train(), make_train_batch(15)
    reached: set[str] = set()
    for stage in model.stages(10):
        model.zero_grad()
        terms = model.training_loss(batch, Step(stage, 0, 0.0))
        assert all(v.isfinite() for v in terms.values())
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        trained = {id(p) for g in model.parameter_groups(stage) for p in g.parameters}
        reached |= {k for k, p in model.named_parameters() if p.grad is not None and p.grad.any() and id(p) in trained}
        update(model, batch, Step(stage, 0, 0.0), times=1)
    missed = {k for k, p in model.named_parameters() if p.requires_grad} - reached
    assert missed == set()
    for gone in ((), ("text",)):
        assert model.eval()(erased(make_batch(3), *gone)).sentiment.isfinite().all()


def test_the_first_stage_trains_the_heads_of_the_fusion_without_a_leader() -> None:
    model, batch = build(), make_train_batch(8)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    update(model, batch, step_of(model, COMPLETION))
    changed = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert not any(k.startswith("fusion.guidance.") for k in changed)
    assert {"encoders", "estimator", "completion", "prior", "semantic"} <= {k.split(".")[0] for k in changed}
    assert {"fusion.heads", "fusion.quality"} <= {".".join(k.split(".")[:2]) for k in changed}


def test_the_second_stage_trains_the_first_ones_parts_more_slowly() -> None:
    model = build(stage2_rate=0.25)
    fusion, rest = model.parameter_groups(step_of(model, FUSION).stage)
    assert (fusion.scale, rest.scale) == (1.0, 0.25)
    assert {id(p) for p in fusion.parameters} == {id(p) for p in model.fusion.parameters()}
    assert len(fusion.parameters) + len(rest.parameters) == len(list(model.parameters()))
    frozen = build(stage2_rate=0.0)
    assert len(frozen.parameter_groups(step_of(frozen, FUSION).stage)) == 1


def test_the_stages_share_the_budget() -> None:
    stages = build(stage1_share=0.3).stages(50)
    assert stages == [Stage(COMPLETION, 15, selects=False), Stage(FUSION, 35)]
    assert build(progressive=False).stages(50) == [Stage(JOINT, 50)]
    assert build().stages(1) == [Stage(JOINT, 1)]
    assert [s.epochs for s in build(stage1_share=0.99).stages(3)] == [2, 1]


def test_the_losses_of_the_first_stage_are_reduced_in_the_second() -> None:
    model, batch = build(stage2_weight=0.25).eval(), make_train_batch(8)  # eval: no dropout
    first = model.training_loss(batch, step_of(model, COMPLETION))
    second = model.training_loss(batch, step_of(model, FUSION))
    for name in ("integrity", "feature", "semantic"):
        torch.testing.assert_close(second[name], 0.25 * first[name])
    torch.testing.assert_close(second["quality"], first["quality"])  # a loss of the fusion


def test_the_complete_view_is_a_target_without_gradient() -> None:
    model, batch = build(), make_train_batch(6)
    for sequences in (batch.complete.text, batch.complete.audio, batch.complete.vision):
        sequences.values.requires_grad_(True)
    for stage in model.stages(10):
        torch.stack(list(model.training_loss(batch, Step(stage, 0, 0.0)).values())).sum().backward()
    assert all(s.values.grad is None for s in (batch.complete.text, batch.complete.audio, batch.complete.vision))


def test_targets_have_no_dropout_and_leave_the_mode_as_it_was() -> None:
    model, batch = build(dropout=0.5).train(), make_batch(4)
    first, second = (model.complete_view(model.encoders, batch) for _ in range(2))
    assert torch.equal(first, second)
    assert all(m.training for m in model.encoders.modules())
    assert not torch.equal(model.encoders(batch), model.encoders(batch))


def test_the_moving_average_follows_the_encoders() -> None:
    model, batch = build(target_momentum=0.5), make_train_batch(6)
    average = model.complete_view.average
    assert average is not None
    assert not any(p.requires_grad for p in average.parameters())
    trained = {id(p) for s in model.stages(10) for g in model.parameter_groups(s) for p in g.parameters}
    assert not trained & {id(p) for p in average.parameters()}
    update(model, batch, step_of(model, COMPLETION))
    before = next(average.parameters()).clone()
    model.complete_view.follow(model.encoders)
    expected = 0.5 * before + 0.5 * next(model.encoders.parameters())
    torch.testing.assert_close(next(average.parameters()), expected)


def test_an_integrity_from_outside_replaces_the_estimate() -> None:
    model, batch = build().eval(), make_batch(5)
    with torch.no_grad():
        own = model(batch)
        assert own.integrity is not None
        same = model.predict(batch, own.integrity)
        other = model.predict(batch, own.integrity.roll(1, dims=1) * 0.1)
    torch.testing.assert_close(same.sentiment, own.sentiment)
    assert not torch.allclose(other.sentiment, own.sentiment)


def test_whole_modalities_pass_through_unchanged() -> None:
    model = build().eval()
    representation = model.represent(make_batch(4), torch.ones(4, 3))
    assert torch.equal(representation.completed, representation.tokens)


def test_the_estimate_learns_what_is_there() -> None:
    """Integrity can be read from the values alone, on samples not seen in training."""
    torch.manual_seed(0)
    model = build(dropout=0.0)
    optimiser = torch.optim.AdamW(model.parameter_groups(step_of(model, COMPLETION).stage)[0].parameters, lr=3e-3)
    for seed in range(120):
        batch = make_train_batch(32, rate=(seed % 5) / 4, seed=seed)
        optimiser.zero_grad()
        torch.stack(list(model.training_loss(batch, step_of(model, COMPLETION)).values())).sum().backward()
        optimiser.step()
    model.eval()
    batches = [make_train_batch(32, rate=rate, seed=1000 + i) for i, rate in enumerate((0.0, 0.25, 0.5, 0.75, 1.0))]
    with torch.no_grad():
        estimate = torch.cat([model.represent(b.input).integrity for b in batches])
    true = torch.cat([b.integrity for b in batches])
    for modality in range(3):
        assert (estimate[:, modality] - true[:, modality]).abs().mean() < 0.15
        assert torch.corrcoef(torch.stack([estimate[:, modality], true[:, modality]]))[0, 1] > 0.95


def test_every_field_of_the_config_says_whether_it_is_known() -> None:
    for name, field in {**SentiIFusionConfig.model_fields, **LightConfig.model_fields}.items():
        if name != "optimisation":
            assert field.description, name
            assert "READING" in field.description or "ablation" in field.description, name


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(InputError, match="width 20 must be divisible by heads 8"):
        resolve_config("senti-ifusion", {"width": 20, "heads": 8})
