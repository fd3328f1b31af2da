"""What every registered model must keep, whoever wrote it."""

from __future__ import annotations

import io
import math

import pytest
import torch

from baselines import (
    InputSpec,
    SentimentModel,
    Stage,
    Step,
    TrainBatch,
    TrainingStatistics,
    create,
    models,
    resolve_config,
)
from protocols import MODALITIES, InputError
from tests.model_batches import SPEC, erased, make_batch, make_train_batch, pad, rows, spec_for

NAMES = list(models())
LEARNING = [name for name in NAMES if name != "constant"]
#: Small sizes, so that the suite stays fast; the defaults are built once, by `test_the_defaults_can_be_built`.
SMALL = {"width": 16, "head_width": 8, "tokens": 2}
TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}


def build(name: str, spec: InputSpec = SPEC, **fields: object) -> SentimentModel:
    torch.manual_seed(0)
    cls = models()[name].config_class
    values = {k: v for k, v in SMALL.items() if k in cls.model_fields} | fields
    model = create(name, spec_for(name, spec), values)
    model.initialise(TrainingStatistics(torch.tensor([-1.0, 0.25, 2.0])))
    return model.eval()


def steps(model: SentimentModel, epochs: int = 4) -> list[Step]:
    found = [Step(stage, 0, 0.0, sweep) for stage in model.stages(epochs) for sweep in stage.sweeps]
    return found or [Step(Stage("fit", epochs), 0, 0.0)]


def total(model: SentimentModel, batch: TrainBatch, step: Step) -> torch.Tensor:
    return torch.stack(list(model.training_loss(batch, step).values())).sum()


def train(model: SentimentModel, batch: TrainBatch, step: Step, updates: int, rate: float) -> None:
    groups = [
        {"params": list(group.parameters), "lr": rate * group.scale}
        for group in model.parameter_groups(step.stage, step.sweep)
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.0)
    model.train()
    for _ in range(updates):
        optimiser.zero_grad()
        total(model, batch, step).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    model.eval()


@pytest.mark.parametrize("name", NAMES)
def test_the_defaults_can_be_built_and_are_described(name: str) -> None:
    model = create(name, spec_for(name))
    info = model.info
    assert model.name == name
    assert info.title
    assert info.paper
    assert info.year > 2000
    assert set(info.modalities) <= set(MODALITIES)
    assert all(len(line) > 20 for line in info.differences)
    assert type(model.config) is model.config_class
    assert model(make_batch(2)).sentiment.shape == (2,)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("samples", [1, 5])
def test_predictions_have_their_shapes(name: str, samples: int) -> None:
    model = build(name)
    with torch.no_grad():
        prediction = model(make_batch(samples))
    assert prediction.sentiment.shape == (samples,)
    assert prediction.sentiment.isfinite().all()
    if prediction.integrity is not None:
        assert prediction.integrity.shape == (samples, 3)
        assert ((prediction.integrity > 0) & (prediction.integrity < 1)).all()
    if prediction.dominant is not None:
        assert prediction.dominant.dtype == torch.int64
        assert prediction.dominant.shape == (samples,)
        assert ((prediction.dominant >= 0) & (prediction.dominant < 3)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gone", [(), ("text",), ("audio", "vision"), ("text", "audio"), ("text", "vision")])
def test_predictions_are_finite_whatever_is_missing(name: str, gone: tuple[str, ...]) -> None:
    with torch.no_grad():
        assert build(name)(erased(make_batch(4), *gone)).sentiment.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_steps_and_widths_of_one(name: str) -> None:
    spec = InputSpec(text=1, audio=1, vision=1)
    model = build(name, spec)
    batch = make_train_batch(3, spec=spec, longest=(1, 1, 1))
    for step in steps(model):
        assert total(model, batch, step).isfinite()
    assert model(batch.input).sentiment.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_huge_values_do_not_overflow(name: str) -> None:
    batch = make_batch(3)
    for sequences in (batch.text, batch.audio, batch.vision):
        sequences.values.mul_(1e4)
    with torch.no_grad():
        assert build(name)(batch).sentiment.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_padding_changes_no_prediction(name: str) -> None:
    model, batch = build(name), make_batch(6)
    with torch.no_grad():
        alone = model(batch).sentiment
        for more in (1, 3, 10):
            torch.testing.assert_close(model(pad(batch, more)).sentiment, alone, **TOLERANCE)


@pytest.mark.parametrize("name", NAMES)
def test_order_and_company_change_no_prediction(name: str) -> None:
    model, batch = build(name), make_batch(6)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        together = model(batch).sentiment
        torch.testing.assert_close(model(rows(batch, order)).sentiment, together[order], **TOLERANCE)
        for index in range(6):
            torch.testing.assert_close(model(rows(batch, [index])).sentiment, together[[index]], **TOLERANCE)


@pytest.mark.parametrize("name", LEARNING)
def test_a_model_reads_the_modalities_it_says_and_no_other(name: str) -> None:
    model, batch = build(name), make_batch(6)
    with torch.no_grad():
        whole = model(batch).sentiment
        for modality in MODALITIES:
            same = torch.equal(model(erased(batch, modality)).sentiment, whole)
            assert same == (modality not in model.info.modalities), modality


@pytest.mark.parametrize("name", NAMES)
def test_weights_and_losses_are_functions_of_the_seed(name: str) -> None:
    def run() -> tuple[list[torch.Tensor], torch.Tensor]:
        model, batch = build(name).train(), make_train_batch(5)
        torch.manual_seed(3)
        return list(model.state_dict().values()), torch.stack([total(model, batch, step) for step in steps(model)])

    (first, first_loss), (second, second_loss) = run(), run()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert torch.equal(first_loss, second_loss)


@pytest.mark.parametrize("name", NAMES)
def test_predicting_uses_no_random_numbers(name: str) -> None:
    model, batch = build(name), make_batch(4)
    state = torch.get_rng_state()
    with torch.no_grad():
        assert torch.equal(model(batch).sentiment, model(batch).sentiment)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_predicts_the_same(name: str) -> None:
    model, batch = build(name), make_batch(4)
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    buffer.seek(0)
    other = create(name, spec_for(name), model.config)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    with torch.no_grad():
        assert torch.equal(other.eval()(batch).sentiment, model(batch).sentiment)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_trained_in_some_stage(name: str) -> None:
    model, batch = build(name).train(), make_train_batch(15)  # odd: the L1 loss has a gradient for the bias
    reached: set[str] = set()
    for step in steps(model):
        model.zero_grad()
        total_loss = total(model, batch, step)
        if not total_loss.requires_grad:
            continue
        total_loss.backward()  # type: ignore[no-untyped-call]
        trained = {id(p) for group in model.parameter_groups(step.stage, step.sweep) for p in group.parameters}
        for key, parameter in model.named_parameters():
            if parameter.grad is not None and parameter.grad.any() and id(parameter) in trained:
                reached.add(key)
    assert {key for key, p in model.named_parameters() if p.requires_grad} - reached == set()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("samples", [1, 2, 7])
@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0])
def test_loss_terms_are_finite_scalars_without_side_effect_on_the_batch(name: str, samples: int, rate: float) -> None:
    model, batch = build(name).train(), make_train_batch(samples, rate=rate)
    before = {m: batch.input[m].values.clone() for m in MODALITIES}
    for step in steps(model):
        terms = model.training_loss(batch, step)
        assert terms
        for term, value in terms.items():
            assert value.shape == (), term
            assert value.isfinite(), term
        loss = torch.stack(list(terms.values())).sum()
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert all(torch.equal(before[m], batch.input[m].values) for m in MODALITIES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("epochs", [0, 1, 2, 3, 10, 101])
def test_stages_divide_the_budget(name: str, epochs: int) -> None:
    model = build(name)
    stages = model.stages(epochs)
    if not any(True for _ in model.parameters()):
        assert stages == []
        return
    assert sum(stage.epochs for stage in stages) == epochs
    assert stages[-1].selects
    assert len({stage.name for stage in stages}) == len(stages)
    assert all(stage.epochs >= min(epochs, 1) for stage in stages)
    for stage in stages:
        for sweep in stage.sweeps:
            ids = [id(p) for group in model.parameter_groups(stage, sweep) for p in group.parameters]
            assert ids
            assert len(ids) == len(set(ids))
            assert set(ids) <= {id(p) for p in model.parameters()}


@pytest.mark.parametrize("name", LEARNING)
def test_sixteen_samples_can_be_learned_by_heart(name: str) -> None:
    """What fails here cannot learn at all: a gradient that is cut, a scale that is wrong."""
    quiet = {k: 0.0 for k in ("dropout", "modality_dropout") if k in models()[name].config_class.model_fields}
    model = build(name, **quiet)
    batch = make_train_batch(16, rate=0.0)
    baseline = float((batch.label - batch.label.median()).abs().mean())
    for step in steps(model):
        train(model, batch, step, updates=50, rate=5e-3)
    with torch.no_grad():
        error = float((model(batch.input).sentiment - batch.label).abs().mean())
    assert error < 0.3 * baseline


def test_the_constant_is_the_training_median_and_survives_saving() -> None:
    model = create("constant", SPEC)
    model.initialise(TrainingStatistics(torch.tensor([3.0, -2.0, 0.5, 1.0])))
    assert model(make_batch(3)).sentiment.tolist() == [0.75] * 3
    assert model.stages(50) == []
    assert list(model.parameters()) == []
    other = create("constant", SPEC)
    other.load_state_dict(model.state_dict())
    assert other(make_batch(2)).sentiment.tolist() == [0.75] * 2


@pytest.mark.parametrize("name", NAMES)
def test_a_misspelt_config_field_is_one_clear_line(name: str) -> None:
    fields = models()[name].config_class.model_fields
    typo = "widht" if "width" in fields else "optimisatoin"
    with pytest.raises(
        InputError, match=rf"{typo}.*did you mean {'width' if 'width' in fields else 'optimisation'}"
    ) as error:
        resolve_config(name, {typo: 64})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", LEARNING)
def test_a_bad_config_value_names_its_field(name: str) -> None:
    with pytest.raises(InputError, match="width") as error:
        resolve_config(name, {"width": -1})
    assert "\n" not in str(error.value)


def test_late_fusion_never_silences_everything() -> None:
    from baselines.late_fusion import keep_modalities

    torch.manual_seed(0)
    kept = keep_modalities(4000, 0.6, torch.device("cpu"))
    assert kept.any(dim=1).all()
    lost_all = 0.6**3
    assert math.isclose(float(kept.mean()), 0.4 + lost_all, abs_tol=0.02)
