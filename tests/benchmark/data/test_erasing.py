"""Erased is +0.0: tests look at bits, since -0.0 equals 0."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from baselines import InputSpec, ModelInfo, create
from benchmark.authoring.conformance.batches import make_batch, make_train_batch
from benchmark.data import batches as batches_module
from benchmark.data.batches import MaskedPart, batches_by_length
from benchmark.data.config import EncoderConfig, Scaling
from benchmark.data.dataset import Dataset, build_dataset
from benchmark.data.encoding import InnerLayers, TextEncoder, WordEmbeddings
from benchmark.data.erasing import erase
from benchmark.data.ragged import HostRagged
from benchmark.data.scaling import Scaler
from benchmark.data.states import StateCache
from protocols import MODALITIES, Masks, Modality, get_regime, mechanisms, parse
from tests.samples import make_samples

CPU = torch.device("cpu")
#: One scenario of every mechanism, and combinations of them.
SCENARIOS = {
    "subset": "subset(available=(text,))",
    "drop": "drop(rate=1)",
    "missing_ratio": "missing_ratio(ratio=0.5)",
    "random_positions": "random_positions(rate=0.5)",
    "random_rates": "random_rates(clean=0.2)",
    "aligned_positions": "aligned_positions(rate=0.5)",
    "block": "block(rate=0.5)",
    "burst": "burst(rate=0.5, mean_length=3)",
    "informative": "informative(rate=0.5, strength=3)",
    "mmsa_positions": "mmsa_positions(rate=0.5)",
    "noise": "noise(snr_db=0)",
    "token_errors": "token_errors(rate=0.5)",
    "shift": "shift(steps=2)",
    "all at once": "noise(snr_db=0) + token_errors(rate=0.5) + drop(rate=0.5) + random_positions(rate=0.3)",
}
#: Numbers that a product with zero does not make +0.0.
HOSTILE = (-0.0, -1.0, float("-inf"), float("inf"), float("nan"), -1e-45, 3.4e38)


def bits(values: Tensor) -> Tensor:
    return values.detach().view(torch.int32)


@pytest.fixture(scope="module")
def vectors() -> dict[Scaling, Dataset]:
    return {s: build_dataset(make_samples(words=False), "official", None, s) for s in ("none", "standard", "log")}


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> TextEncoder:
    return TextEncoder(EncoderConfig(name=str(tiny_encoder))).eval()


def views(dataset: Dataset, masks: Masks) -> Iterable[MaskedPart]:
    """The test part under masks: read from its source, and from one device tensor, as on an accelerator."""
    part = dataset.part("test")
    yield MaskedPart(part, masks, None, CPU)
    values = {m: v._on_device(CPU) for m, v in part.values.items() if isinstance(v, HostRagged)}
    yield MaskedPart(replace(part, values=values), masks, None, CPU)


def assert_nothing_is_left(view: MaskedPart, modalities: Iterable[Modality] = MODALITIES) -> None:
    """Not a bit at positions that are not observed, padding among them."""
    hidden = 0
    for rows in batches_by_length(view.inputs, 7, np.random.default_rng(0)):
        batch, seen = view.batch(rows), view.observed_positions(rows)
        for m in modalities:
            gone = ~seen[m]
            hidden += int(gone.sum())
            assert not bits(batch[m].values)[gone].any(), m
    assert hidden


@settings(deadline=None)
@given(data=st.data(), shape=st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 4)))
def test_erasing_leaves_no_bit_and_touches_nothing_else(data: st.DataObject, shape: tuple[int, int, int]) -> None:
    numbers = st.floats(width=32) | st.sampled_from(HOSTILE).map(lambda x: float(np.float32(x)))
    count = shape[0] * shape[1]
    flat = data.draw(st.lists(numbers, min_size=count * shape[2], max_size=count * shape[2]))
    kept = torch.tensor(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)), dtype=torch.bool)
    values, kept = torch.tensor(flat, dtype=torch.float32).reshape(shape), kept.reshape(shape[:2])
    before = bits(values).clone()
    assert erase(values, kept) is values
    assert not bits(values)[~kept].any()
    assert torch.equal(bits(values)[kept], before[kept])


def test_every_mechanism_has_a_scenario_here() -> None:
    # content of filled gaps is compared with what the masks name in test_filled_gaps.py
    assert {name for name, cls in mechanisms().items() if cls.kind != "own"} - {"unmarked"} <= set(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
@pytest.mark.parametrize("scaling", ["none", "standard", "log"])
def test_erased_and_padded_values_are_plus_zero(
    vectors: dict[Scaling, Dataset], scenario: str, scaling: Scaling
) -> None:
    dataset = vectors[scaling]
    for view in views(dataset, parse(scenario).masks(dataset)):
        assert_nothing_is_left(view)


def test_gaps_of_the_data_are_plus_zero_before_anything_is_erased(vectors: dict[Scaling, Dataset]) -> None:
    stored = make_samples(words=False).streams["vision"]
    assert stored.values is not None
    assert np.signbit(stored.values[~stored.observed]).any()  # a store may hold such zeros
    for dataset in vectors.values():
        assert_nothing_is_left(MaskedPart(dataset.part("test"), None, None, CPU))


@pytest.mark.parametrize("regime", ["uncertain", "modality-dropout(0.3)", "matched(block(rate=0.5))"])
def test_training_and_validation_get_plus_zero(vectors: dict[Scaling, Dataset], regime: str) -> None:
    dataset, chosen = vectors["log"], get_regime(regime)
    for part, masks in (
        ("train", chosen.training_masks(dataset, 0, 1)),
        ("valid", chosen.validation_masks(dataset)),
    ):
        assert_nothing_is_left(MaskedPart(dataset.part(part), masks, None, CPU))


@given(
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3),
    scaling=st.sampled_from(["none", "standard", "log"]),
)
def test_scaling_makes_plus_zero_of_gaps(values: list[float], scaling: Scaling) -> None:
    """This is what predictions of new samples read."""
    scaler = Scaler(scaling, torch.tensor([0.5, -2.0, 1e3]), torch.tensor([1.0, 0.1, 1e4]))
    rows = torch.tensor([values, values])
    assert not bits(scaler.apply(rows, np.array([False, True]))[0]).any()


@pytest.mark.parametrize("kind", ["cache", "cache on a device", "encoder", "embeddings", "unread"])
def test_padding_of_text_is_plus_zero(encoder: TextEncoder, kind: str) -> None:
    dataset = build_dataset(make_samples(), "official", encoder)
    text = {"encoder": encoder, "embeddings": WordEmbeddings(encoder)}.get(kind) or StateCache(encoder, "x", None)
    info = ModelInfo(title="", paper="", year=2026, modalities=("audio",)) if kind == "unread" else None
    masks = parse("random_positions(rate=0.5)").masks(dataset)
    view = MaskedPart(dataset.part("test"), masks, text, CPU, info)  # type: ignore[arg-type]
    if kind == "cache on a device":
        states = view._streams["text"]
        assert isinstance(states, HostRagged)
        view._streams["text"] = states._on_device(CPU)
    batch = view.batch(torch.arange(len(view)))
    assert batch.text.padding.any()
    assert not bits(batch.text.values)[batch.text.padding].any()
    assert_nothing_is_left(view, ("audio", "vision"))


def test_padding_of_the_inner_layers_is_plus_zero(encoder: TextEncoder) -> None:
    states = InnerLayers(encoder)(torch.randn(3, 5, 16), torch.tensor([5, 2, 1]))
    assert not bits(states)[1, 2:].any()
    assert not bits(states)[2, 1:].any()


def test_batches_of_the_conformance_kit_hold_plus_zero() -> None:
    batch = make_train_batch(8, rate=0.5)
    for m in MODALITIES:
        assert not bits(batch.input[m].values)[~batch.observed[m]].any()
        assert not bits(batch.complete[m].values)[batch.complete[m].padding].any()
        assert not bits(make_batch(8)[m].values)[make_batch(8)[m].padding].any()


@pytest.mark.parametrize("name", ["late-fusion-dropout", "mult", "tfr-net", "mplmm", "senti-ifusion"])
def test_no_prediction_depends_on_the_sign_of_what_is_erased(
    vectors: dict[Scaling, Dataset], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So results that were stored when erased values kept their sign stay as they are, bit by bit."""
    dataset = vectors["log"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = create(name, InputSpec(**dataset.widths, framed_text=False)).eval()
    found = []
    for erasing in (erase, lambda values, kept: values.mul_(kept[..., None])):
        monkeypatch.setattr(batches_module, "erase", erasing)
        for scenario in ("drop(rate=1)", "random_positions(rate=0.5)", "noise(snr_db=5)"):
            view = MaskedPart(dataset.part("test"), parse(scenario).masks(dataset), None, CPU, model.info)
            with torch.no_grad():
                found.append(model(view.batch(torch.arange(len(view)))).sentiment)
    assert all(torch.equal(bits(now), bits(then)) for now, then in zip(found[:3], found[3:], strict=True))
