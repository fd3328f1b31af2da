"""No model is registered that does not keep what every model must keep: the conformance kit over the whole registry."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import pytest
import torch

from baselines import TrainingStatistics, create, model_class, models, resolve_config
from baselines.standin import parameter_count
from benchmark.authoring.conformance import CHECKS, Subject, run_check
from benchmark.authoring.conformance.kit import subject_of
from protocols import InputError
from tests.model_batches import SPEC, make_batch, with_encoder

MODELS = models()
#: An ablation shares all code with its model: what its config alone decides is asked of it, and that it trains.
OF_VARIANTS = ("name", "config", "stages", "shapes", "missing", "modalities", "masks", "saving", "gradients")
PAIRS = [(name, check) for name, cls in MODELS.items() for check in (OF_VARIANTS if cls.info.variant_of else CHECKS)]
#: Small sizes, so that the suite stays fast; the defaults are built once, below.
SMALL = {
    "width": 16,
    "head_width": 8,
    "heads": 2,
    "tokens": 2,
    "layers": 1,
    "memory_layers": 1,
    "recurrent_layers": 1,
    "injection_layers": 1,
    "prompt_length": 4,
    "blocks": 2,
    "steps": 8,
    "stream_width": 16,
    "stream_layers": 2,
    "text_adapters": 1,
    "depth": 1,
    "reader_layers": 1,
    "latent_layers": 1,
}
#: Small models learn at higher rates than the wide ones that the kit tries first.
RATES = (5e-3, 2e-2, 1e-3)


#: What cannot be asked of every model on every machine; and of one without parameters.
MAY_BE_LEFT_OUT = {"device", "search", "text-gradient"}
UNTRAINED = {"groups", "gradients", "learning", "own-gradient"}


@lru_cache(maxsize=2)
def small(name: str) -> Subject:
    fields = MODELS[name].config_class.model_fields
    return subject_of(name, {k: v for k, v in SMALL.items() if k in fields}, rates=RATES)


@pytest.mark.parametrize(("name", "check"), PAIRS)
def test_conformance(name: str, check: str) -> None:
    result = run_check(small(name), CHECKS[check])
    assert result.status != "failed", f"{result.statement}: {result.detail}\n{result.traceback}"
    if result.status == "skipped":
        assert check in MAY_BE_LEFT_OUT | (UNTRAINED if name == "constant" else set()), result.detail


@pytest.mark.parametrize("name", MODELS)
def test_the_defaults_can_be_built(name: str) -> None:
    model = create(name, with_encoder(model_class(name), SPEC)).eval()
    assert model.name == name
    with torch.no_grad():
        batch = make_batch(2, informed=model.info.mask_informed)
        assert model(batch).sentiment.shape == (2,)


@pytest.mark.parametrize("name", MODELS)
def test_a_misspelt_config_field_is_one_clear_line(name: str) -> None:
    fields = MODELS[name].config_class.model_fields
    typo, meant = ("widht", "width") if "width" in fields else ("optimisatoin", "optimisation")
    with pytest.raises(InputError, match=rf"{typo}.*did you mean {meant}") as error:
        resolve_config(name, {typo: 64})
    assert "\n" not in str(error.value)


def test_initials_of_a_config_field_are_understood() -> None:
    with pytest.raises(InputError, match=r"'lr'; did you mean optimisation\.learning_rate\?"):
        resolve_config("text-only", {"lr": 0.1})
    with pytest.raises(InputError, match=r"'lr'; did you mean learning_rate\?"):
        resolve_config("text-only", {"optimisation": {"lr": 0.1}})


@pytest.mark.parametrize("name", [name for name in MODELS if name != "constant"])
def test_a_bad_config_value_names_its_field(name: str) -> None:
    with pytest.raises(InputError, match="width") as error:
        resolve_config(name, {"width": -1})
    assert "\n" not in str(error.value)


#: Read the whole utterance, text among it.
READERS_OF_TEXT = [
    name
    for name, cls in MODELS.items()
    if not cls.info.variant_of and not cls.info.needs_encoder and name not in {"constant", "audio-only", "vision-only"}
]


@pytest.mark.parametrize("name", READERS_OF_TEXT)
def test_every_word_vector_is_read(name: str) -> None:
    fields = {k: v for k, v in SMALL.items() if k in MODELS[name].config_class.model_fields}
    torch.manual_seed(0)
    model = create(name, replace(SPEC, framed_text=False), fields).eval()
    batch = make_batch(8, longest=(5, 6, 4), fixed=True)
    batch.text.values.normal_().requires_grad_()
    torch.manual_seed(1)
    for parameter in model.parameters():  # also what starts at zero
        parameter.data.add_(0.02 * torch.randn_like(parameter))
    model(batch).sentiment.sum().backward()  # type: ignore[no-untyped-call]
    gradient = batch.text.values.grad
    assert gradient is not None
    read = (gradient != 0).any(dim=-1)
    assert bool((read.all(dim=1) | ~read.any(dim=1)).all())
    assert bool(read.any())  # MPLMM judges whether there is a text at all


@pytest.mark.parametrize("name", ["self-mm", "mmim"])
def test_word_vectors_have_no_cls_state(name: str) -> None:
    with pytest.raises(InputError, match="choose 'mean'"):
        create(name, replace(SPEC, framed_text=False), {"text_vector": "cls"})


def _refusal(name: str, fields: dict[str, object]) -> str:
    with pytest.raises(InputError) as refused:
        resolve_config(name, fields)
    return str(refused.value)


@pytest.mark.parametrize("name", ["almt", "lnln", "misa", "text-only", "audio-only", "late-fusion-dropout"])
def test_heads_that_do_not_divide_the_width_are_refused_at_once(name: str) -> None:
    assert "must divide the width, 128" in _refusal(name, {"heads": 3})


def test_fields_that_do_not_fit_together_are_refused_without_an_empty_name() -> None:
    assert "field ''" not in _refusal("senti-ifusion", {"scales": 5})
    assert resolve_config("late-fusion-dropout", {"heads": 3, "events": 16}).model_dump()["heads"] == 3


def test_only_what_is_trained_is_counted() -> None:
    averaged = parameter_count("senti-ifusion", config={"target_momentum": 0.9})
    assert averaged == parameter_count("senti-ifusion")


def test_the_constant_is_the_training_median_and_survives_saving() -> None:
    model = create("constant", SPEC)
    model.initialise(TrainingStatistics(torch.tensor([3.0, -2.0, 0.5, 1.0])))
    assert model(make_batch(3)).sentiment.tolist() == [0.75] * 3
    assert model.stages(50) == []
    assert list(model.parameters()) == []
    other = create("constant", SPEC)
    other.load_state_dict(model.state_dict())
    assert other(make_batch(2)).sentiment.tolist() == [0.75] * 2


@pytest.mark.parametrize("name", ["lmf", "senti-ifusion"])
def test_a_check_needs_no_other_before_it(name: str) -> None:
    """Workers of a test run take checks in any order."""
    for check in sorted(set(CHECKS) - {"learning", "cost"}):
        small.cache_clear()
        result = run_check(small(name), CHECKS[check])
        assert result.status != "failed", f"{result.statement}: {result.detail}\n{result.traceback}"
