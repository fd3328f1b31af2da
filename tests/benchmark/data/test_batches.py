"""From samples to batches: nothing is lost, nothing leaks, erased is zero, padding is out of reach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines import ModelInfo
from benchmark.data.batches import EVALUATION_STEPS, MaskedPart, batches_by_length, batches_by_steps
from benchmark.data.config import EncoderConfig
from benchmark.data.dataset import Dataset, TrainingData, build_dataset
from benchmark.data.encoding import TextEncoder
from benchmark.data.samples import PARTS
from benchmark.data.states import StateCache
from protocols import MODALITIES, InputError, parse
from tests.samples import make_samples

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> TextEncoder:
    return TextEncoder(EncoderConfig(name=str(tiny_encoder)))


@pytest.fixture(scope="module")
def dataset(encoder: TextEncoder) -> Dataset:
    return build_dataset(make_samples(), "official", encoder)


def test_parts_hold_what_the_split_says(dataset: Dataset) -> None:
    samples = make_samples()
    for name in ("train", "valid", "test"):
        rows = np.flatnonzero(samples.splits["official"] == PARTS[name])
        part = dataset.part(name)
        assert part.layout.sample_ids == tuple(samples.ids[rows])
        assert part.label.tolist() == samples.label[rows].tolist()
        for row, i in enumerate(rows):
            for m in MODALITIES:
                lengths = np.diff(samples.streams[m].offsets)
                assert part.layout.lengths(m)[row] == lengths[i]


def test_scaling_reads_observed_training_positions_only(encoder: TextEncoder) -> None:
    samples = make_samples()
    dataset = build_dataset(samples, "official", encoder, "standard")
    part = dataset.part("train")
    batch = MaskedPart(part, None, StateCache(encoder, "r", None), CPU).batch(torch.arange(len(part)))
    inside = torch.cat([v[:n] for v, n in zip(batch.vision.values, batch.vision.length, strict=True)])
    observed = torch.from_numpy(part.layout.observed["vision"])
    torch.testing.assert_close(inside[observed].mean(0), torch.zeros(7), atol=1e-4, rtol=0)
    torch.testing.assert_close(inside[observed].std(0, correction=0), torch.ones(7), atol=1e-4, rtol=0)
    assert not inside[~observed].any()


def test_erased_positions_are_zero_and_the_others_as_they_were(dataset: Dataset, encoder: TextEncoder) -> None:
    part = dataset.part("test")
    masks = parse("random_positions(rate=0.5)").masks(dataset)
    cache = StateCache(encoder, "r", None)
    rows = torch.arange(len(part))
    erased, whole = (MaskedPart(part, m, cache, CPU).batch(rows) for m in (masks, None))
    for m in ("audio", "vision"):
        for i in range(len(part)):
            kept = torch.from_numpy(masks.of_sample(m, i))
            length = len(kept)
            assert torch.equal(erased[m].values[i, :length][kept], whole[m].values[i, :length][kept])
            assert not erased[m].values[i, :length][~kept].any()
            assert not erased[m].values[i, length:].any()
        assert torch.equal(erased[m].length, whole[m].length)


def test_words_are_erased_before_encoding_and_specials_stay(dataset: Dataset, encoder: TextEncoder) -> None:
    part = dataset.part("test")
    masks = parse("random_positions(rate=0.5)").masks(dataset)
    view = MaskedPart(part, masks, StateCache(encoder, "r", None), CPU)
    batch = view.batch(torch.arange(len(part)))
    assert part.token_ids is not None
    for i in range(len(part)):
        start, stop = part.layout.offsets["text"][i : i + 2]
        ids = np.where(masks.of_sample("text", i), part.token_ids[start:stop], encoder.special.unk)
        row = torch.tensor([[encoder.special.cls, *ids, encoder.special.sep]])
        expected = encoder(row, torch.tensor([row.shape[1]]))[0]
        torch.testing.assert_close(batch.text.values[i, : row.shape[1]], expected, atol=1e-5, rtol=1e-5)
    seen = view.observed_positions(torch.arange(len(part)))["text"]
    assert seen[:, 0].all()
    assert seen.gather(1, batch.text.length[:, None] - 1).all()


def test_observed_positions_and_integrity_agree(dataset: Dataset, encoder: TextEncoder) -> None:
    masks = parse("drop(rate=0.4) + random_positions(rate=0.3)").masks(dataset)
    view = MaskedPart(dataset.part("test"), masks, StateCache(encoder, "r", None), CPU)
    rows = torch.tensor([3, 0, 7])
    for k, m in enumerate(MODALITIES):
        seen = view.observed_positions(rows)[m].sum(1) - (2 if m == "text" else 0)
        length = torch.from_numpy(dataset.layout("test").lengths(m))[rows]
        torch.testing.assert_close(view.integrity[rows, k], seen / length)


def test_a_sample_does_not_depend_on_its_batch(dataset: Dataset, encoder: TextEncoder) -> None:
    masks = parse("random_positions(rate=0.3)").masks(dataset)
    view = MaskedPart(dataset.part("test"), masks, StateCache(encoder, "r", None), CPU)
    together = view.batch(torch.arange(len(view)))
    for i in (0, 5):
        alone = view.batch(torch.tensor([i]))
        for m in MODALITIES:
            n = int(alone[m].length[0])
            assert torch.equal(together[m].values[i, :n], alone[m].values[0])


def test_finetuned_text_carries_gradients(tiny_encoder: Path) -> None:
    encoder = TextEncoder(EncoderConfig(name=str(tiny_encoder), mode="finetune"))
    dataset = build_dataset(make_samples(), "official", encoder)
    batch = MaskedPart(dataset.part("train"), None, encoder, CPU).batch(torch.arange(4))
    batch.text.values.sum().backward()
    assert any(p.grad is not None and p.grad.any() for p in encoder.parameters())


def test_every_sample_is_in_one_batch(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    part = dataset.part("train")
    rows = torch.cat(list(batches_by_length(part.inputs, 7, np.random.default_rng(0))))
    assert sorted(rows.tolist()) == list(range(len(part)))
    monkeypatch.setitem(EVALUATION_STEPS, "cpu", 60)
    batches = list(batches_by_steps(part.inputs, CPU))
    assert len(batches) > 5
    assert sorted(torch.cat(batches).tolist()) == list(range(len(part)))


def test_batches_of_evaluation_hold_a_bounded_number_of_steps(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = dataset.part("train").inputs
    steps = torch.from_numpy(sum(part.lengths(m) for m in MODALITIES))
    monkeypatch.setitem(EVALUATION_STEPS, "cpu", limit := int(steps.max()) + 1)
    longest = 0
    for rows in batches_by_steps(part, CPU):
        assert len(rows) * int(steps[rows].max()) <= limit
        assert longest <= int(steps[rows].min())
        longest = int(steps[rows].max())


def test_training_cannot_read_the_test_part(dataset: Dataset) -> None:
    data = TrainingData(dataset)
    assert len(data.part("valid")) > 0
    with pytest.raises(InputError, match="before training has ended"):
        data.part("test")
    with pytest.raises(InputError, match="before training has ended"):
        data.layout("test")


def test_bad_splits_and_encoders_are_named(encoder: TextEncoder) -> None:
    with pytest.raises(InputError, match="did you mean official"):
        build_dataset(make_samples(), "oficial", encoder)
    with pytest.raises(InputError, match="name a text encoder"):
        build_dataset(make_samples(), "official", None)
    with pytest.raises(InputError, match="no such folder"):
        TextEncoder(EncoderConfig(name="./nowhere"))


def test_only_a_model_that_says_so_is_told_what_is_observed(dataset: Dataset, encoder: TextEncoder) -> None:
    part = dataset.part("test")
    masks = parse("random_positions(rate=0.5)").masks(part.layout)
    rows = torch.arange(4)
    blind = MaskedPart(part, masks, encoder, CPU, ModelInfo("blind", "none", 2026)).batch(rows)
    assert blind.observed is None
    assert blind.integrity is None
    told = MaskedPart(part, masks, encoder, CPU, ModelInfo("told", "none", 2026, mask_informed=True))
    observed = told.batch(rows).observed
    assert observed is not None
    assert all(torch.equal(observed[m], told.observed_positions(rows)[m]) for m in MODALITIES)
    assert torch.equal(told.batch(rows).to(CPU).integrity, told.integrity[:4])


def test_text_that_is_not_read_is_not_encoded(dataset: Dataset, encoder: TextEncoder) -> None:
    part, rows = dataset.part("test"), torch.arange(4)
    cache = StateCache(encoder, "x", None)
    batch = MaskedPart(part, None, cache, CPU, ModelInfo("deaf", "none", 2026, modalities=("audio",))).batch(rows)
    whole = MaskedPart(part, None, cache, CPU).batch(rows)
    assert batch.text.values.shape == whole.text.values.shape
    assert torch.equal(batch.text.length, whole.text.length)
    assert not batch.text.values.any()
    assert torch.equal(batch.audio.values, whole.audio.values)


def test_cls_and_sep_stay_also_where_a_text_fills_all_positions(encoder: TextEncoder) -> None:
    samples = make_samples()
    stream = samples.streams["text"]
    longest = 48  # with [CLS] and [SEP] the 50 positions of the public files
    tokens = np.resize(stream.token_ids, longest * len(samples))
    offsets = np.arange(len(samples) + 1) * longest
    full = replace(stream, offsets=offsets, observed=np.ones(len(tokens), dtype=np.bool_), token_ids=tokens)
    data = build_dataset(replace(samples, streams={**samples.streams, "text": full}), "official", encoder)
    part = data.part("test")
    for text, kept in (("subset(available=audio)", 0), ("mmsa_positions(rate=1)", 0), ("random_positions(rate=0)", 48)):
        seen: list[torch.Tensor] = []
        masked = MaskedPart(part, parse(text).masks(part.layout), encoder, CPU)
        hook = encoder.register_forward_pre_hook(lambda _, given, seen=seen: seen.append(given[0]))
        masked.batch(torch.arange(3))
        hook.remove()
        (ids,) = seen
        assert ids.shape == (3, longest + 2)
        assert (ids[:, 0] == encoder.special.cls).all()
        assert (ids[:, -1] == encoder.special.sep).all()
        assert ((ids[:, 1:-1] != encoder.special.unk).sum(dim=1) == kept).all()
        assert masked.observed_positions(torch.arange(3))["text"].sum(dim=1).tolist() == [kept + 2] * 3
