"""MPLMM beside its official code, and its prompts."""

from __future__ import annotations

import pytest
import torch

from baselines import MODALITIES, InputSpec, Sequences, Step, create
from baselines.layers.availability import text_is_missing
from baselines.layers.missing_prompts import MissingTypePrompts, drop_modalities, silenced, stretch
from baselines.mplmm import Mplmm
from tests.model_batches import SPEC, erased, make_batch, make_train_batch

#: Parameters of zrguo/MPLMM (commit c6f8d18), its PromptModel with the defaults, at the widths 768, 5 and 20 and
#: 50 steps a modality.
OFFICIAL = 1_191_541


def small(**fields: object) -> Mplmm:
    torch.manual_seed(0)
    model = create("mplmm", SPEC, {"width": 8, "layers": 1, "prompt_steps": 6, "prompt_length": 3, **fields})
    assert isinstance(model, Mplmm)
    return model.eval()


def which(*missing: str, samples: int = 4) -> torch.Tensor:
    return torch.tensor([[m in missing for m in MODALITIES]] * samples)


def test_parameters_are_those_of_the_official_code_and_the_detector() -> None:
    model = create("mplmm", InputSpec(text=768, audio=5, vision=20))
    detector = 768 + 1
    assert sum(p.numel() for p in model.parameters()) == OFFICIAL + detector


def test_the_backbone_is_frozen_while_prompts_are_tuned_but_for_projections_and_output() -> None:
    model = small()
    first, second = model.stages(80)
    assert (first.name, first.epochs, first.selects) == ("backbone", 40, False)
    assert (second.name, second.epochs, second.selects) == ("prompts", 40, True)
    trained = {id(p) for p in model.parameter_groups(second)[0].parameters}
    for frozen in (model.cross, model.memory, model.residual):
        assert not trained & {id(p) for p in frozen.parameters()}
    for free in (model.project, model.head, model.generator, model.signal, model.kind, model.detector):
        assert {id(p) for p in free.parameters()} <= trained


@pytest.mark.parametrize("missing", [("audio",), ("text", "vision")])
def test_a_missing_modality_is_generated_from_the_others_and_never_read(missing: tuple[str, ...]) -> None:
    model, batch = small(), make_batch(4)
    gone = which(*missing)
    with torch.no_grad():
        sentiment = model._with_prompts(batch, gone)
        torch.testing.assert_close(model._with_prompts(erased(batch, *missing), gone), sentiment)
        for there in set(MODALITIES) - set(missing):
            assert not torch.allclose(model._with_prompts(erased(batch, there), gone), sentiment, atol=1e-6)


def test_silent_streams_are_taken_for_missing() -> None:
    model, batch = small(), make_batch(4)
    torch.nn.init.constant_(model.detector.bias, -100.0)
    torch.nn.init.zeros_(model.detector.weight)
    with torch.no_grad():
        expected = model._with_prompts(batch, which("vision"))
        torch.testing.assert_close(model(erased(batch, "vision")).sentiment, expected)
        torch.testing.assert_close(model(batch).sentiment, model._with_prompts(batch, which()))


def test_the_detector_learns_that_the_text_is_gone() -> None:
    model, stage = small(modality_dropout=0.0), small().stages(2)[1]
    unknown = torch.randn(SPEC.text)
    batch = make_train_batch(12)
    gone = torch.arange(12) % 2 == 0
    valid = ~batch.input.text.padding[..., None]
    values = batch.input.text.values
    values.copy_(torch.where(gone[:, None, None], unknown * valid, values))
    batch.integrity[:, 0] = torch.where(gone, 0.0, 0.5)
    optimiser = torch.optim.Adam(model.detector.parameters(), lr=0.1)
    for _ in range(60):
        optimiser.zero_grad()
        model.training_loss(batch, Step(stage, 0, 0.0))["detection"].backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        assert torch.equal(text_is_missing(model.detector, batch.input) > 0, gone)


def test_missing_type_prompts_tell_the_seven_cases_apart_and_are_trained() -> None:
    torch.manual_seed(0)
    kind, signal = MissingTypePrompts(4, 3, 5), torch.randn(3, 2, 5, 4, requires_grad=True)
    cases = torch.tensor([[i & 1, i & 2, i & 4] for i in range(7)]).bool()
    prompts = kind(signal, cases)
    assert prompts.shape == (7, 3, 3, 8)
    assert torch.cdist(prompts.flatten(1), prompts.flatten(1)).add(torch.eye(7)).min() > 1e-4
    prompts.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in (kind.prompts, kind.maps, signal))


def test_prompts_stand_right_behind_each_sample() -> None:
    values = torch.arange(1.0, 9.0).view(2, 4, 1) * torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])[..., None]
    extended = MissingTypePrompts.append(values, torch.tensor([4, 2]), torch.full((2, 2, 1), -1.0))
    assert extended.values.squeeze(-1).tolist() == [[1, 2, 3, 4, -1, -1], [5, 6, -1, -1, 0, 0]]
    assert extended.length.tolist() == [6, 4]


def test_stretching_keeps_equal_lengths_and_repeats_or_leaves_out() -> None:
    values = torch.arange(1.0, 5.0).view(1, 4, 1).expand(3, -1, -1)
    like = Sequences(torch.zeros(3, 8, 2), torch.tensor([8, 4, 2]))
    expected = [[1, 1, 2, 2, 3, 3, 4, 4], [1, 2, 3, 4, 0, 0, 0, 0], [1, 3, 0, 0, 0, 0, 0, 0]]
    assert stretch(values, like).squeeze(-1).tolist() == expected


def test_modalities_are_dropped_at_the_rate_with_balanced_patterns_and_never_all() -> None:
    torch.manual_seed(0)
    dropped = torch.cat([drop_modalities(7, 0.6, torch.device("cpu")) for _ in range(600)])
    assert abs(float(dropped.any(dim=1).float().mean()) - 0.6) < 0.01
    assert not dropped.all(dim=1).any()
    one = drop_modalities(12, 1.0, torch.device("cpu"))
    codes = (one * torch.tensor([1, 2, 4])).sum(dim=1)
    assert sorted(codes.tolist()) == sorted([1, 2, 3, 4, 5, 6] * 2)
    assert not drop_modalities(9, 0.0, torch.device("cpu")).any()


def test_dropped_modalities_are_plus_zero_and_the_others_unchanged() -> None:
    batch, dropped = make_batch(12), drop_modalities(12, 1.0, torch.device("cpu"))
    given = silenced(batch, dropped)
    for number, m in enumerate(MODALITIES):
        gone = dropped[:, number]
        assert gone.any()
        assert not given[m].values[gone].view(torch.int32).any()  # not even the sign of a zero
        assert torch.equal(given[m].values[~gone], batch[m].values[~gone])
        assert torch.equal(given[m].length, batch[m].length)
