"""Noise, misheard words and salience: what value mechanisms and informative gaps make of real batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.data.batches import MaskedPart
from benchmark.data.config import EncoderConfig
from benchmark.data.dataset import Dataset, Part, build_dataset
from benchmark.data.encoding import TextEncoder, TextSide, WordEmbeddings
from benchmark.data.ragged import HostRagged
from benchmark.data.states import StateCache
from protocols import MODALITIES, Masks, parse
from tests.samples import make_samples, save_tiny_encoder

CPU = torch.device("cpu")
ALL = torch.arange(10)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    return TextEncoder(EncoderConfig(name=str(save_tiny_encoder(tmp_path_factory.mktemp("encoder"))))).eval()


@pytest.fixture(scope="module")
def words(encoder: TextEncoder) -> Dataset:
    return build_dataset(make_samples(), "official", encoder)


@pytest.fixture(scope="module")
def vectors() -> Dataset:
    return build_dataset(make_samples(words=False), "official", None)


def masked(data: Dataset, text: str | None, encoder: TextSide | None = None) -> MaskedPart:
    part = data.part("test")
    return MaskedPart(part, parse(text).masks(part.layout) if text else None, encoder, CPU)


@pytest.mark.parametrize("snr", [20.0, 0.0])
def test_noise_has_its_ratio_over_what_was_recorded(vectors: Dataset, snr: float) -> None:
    clean, noisy = masked(vectors, None).batch(ALL), masked(vectors, f"noise(snr_db={snr})").batch(ALL)
    for m in ("audio", "vision"):
        added = noisy[m].values - clean[m].values
        recorded = masked(vectors, None).observed_positions(ALL)[m]
        assert not added[~recorded].any()  # padding and natural gaps stay zero
        ratios = []
        for i in range(len(ALL)):
            signal = clean[m].values[i][recorded[i]].square().mean()
            ratios.append(float(added[i][recorded[i]].square().mean() / signal) if recorded[i].any() else np.nan)
        assert np.nanmedian(ratios) == pytest.approx(10 ** (-snr / 10), rel=0.25)
    assert torch.equal(noisy.text.values, clean.text.values)


#: Noise beside mechanisms that erase, first and last.
NOISY = (
    "noise(snr_db={snr}) + random_positions(rate={rate})",
    "random_positions(rate={rate}) + noise(snr_db={snr})",
    "drop(rate={rate}) + noise(snr_db={snr}) + block(rate={rate})",
    "informative(rate={rate}, strength=3) + noise(snr_db={snr}) + token_errors(rate={rate})",
)


def with_other_values(part: Part, masks: Masks) -> Part:
    """The same part, with large values of the other sign wherever the masks erase."""
    values = {}
    for m, stream in part.values.items():
        assert isinstance(stream, HostRagged)
        held, offsets = stream.read(np.arange(len(part))).numpy(), part.layout.offsets[m]
        held[~masks.observed[m]] = 3 - 50 * held[~masks.observed[m]]
        values[m] = HostRagged([held], offsets[:-1], np.diff(offsets))
    return replace(part, values=values)


@pytest.mark.parametrize("scenario", NOISY)
@pytest.mark.parametrize("snr", [20.0, 0.0, -5.0])
def test_noise_beside_erasing_has_its_ratio_over_what_is_left(vectors: Dataset, scenario: str, snr: float) -> None:
    part = vectors.part("train")
    masks, rows = parse(scenario.format(snr=snr, rate=0.5)).masks(part.layout), torch.arange(len(part))
    noisy, clean = (
        MaskedPart(part, m, None, CPU).batch(rows) for m in (masks, replace(masks, noise={}, substituted={}))
    )
    left = MaskedPart(part, masks, None, CPU).observed_positions(rows)
    for m in ("audio", "vision"):
        ratios = []
        for i in range(len(rows)):
            signal, added = (v[i][left[m][i]].double() for v in (clean[m].values, noisy[m].values - clean[m].values))
            if len(signal):
                ratios.append((added.square() / signal.square().mean()).flatten())
        found = torch.cat(ratios)
        spread = np.sqrt(2 / len(found))  # relative, of a mean of squares of standard normal numbers
        assert float(found.mean()) == pytest.approx(10 ** (-snr / 10), rel=4 * spread)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scenario=st.sampled_from(NOISY), snr=st.floats(-10, 20), rate=st.floats(0, 1), replicate=st.integers(0, 99))
def test_erased_words_do_not_affect_the_remaining_ones(
    vectors: Dataset, scenario: str, snr: float, rate: float, replicate: int
) -> None:
    part = vectors.part("test")
    masks = parse(scenario.format(snr=snr, rate=rate)).masks(part.layout, replicate=replicate)
    one, other = (MaskedPart(p, masks, None, CPU).batch(ALL) for p in (part, with_other_values(part, masks)))
    for m in MODALITIES:
        assert torch.equal(one[m].values.view(torch.int32), other[m].values.view(torch.int32))


def test_noise_is_the_same_wherever_in_a_scenario_it_is_named(vectors: Dataset) -> None:
    first, last = (masked(vectors, text.format(snr=5, rate=0.5)).batch(ALL) for text in NOISY[:2])
    assert all(torch.equal(first[m].values, last[m].values) for m in MODALITIES)
    erased = masked(vectors, "random_positions(rate=0.5)").batch(ALL)
    assert not torch.equal(first.audio.values, erased.audio.values)


def test_noise_does_not_depend_on_the_batch(vectors: Dataset) -> None:
    part = masked(vectors, "noise(snr_db=5) + random_positions(rate=0.3)")
    together, alone = part.batch(ALL), part.batch(ALL[[7]])
    for m in MODALITIES:
        steps = alone[m].values.shape[1]
        torch.testing.assert_close(together[m].values[[7], :steps], alone[m].values)


def test_erased_positions_have_no_noise(vectors: Dataset) -> None:
    for text in ("noise(snr_db=0) + drop(rate=1)", "drop(rate=1) + noise(snr_db=0)"):
        part = masked(vectors, text)
        batch, kept = part.batch(ALL), part.observed_positions(ALL)
        for m in MODALITIES:
            assert not batch[m].values[~kept[m]].any()
        assert (part.integrity == 0).any()


def test_noise_leaves_the_data_as_it_was(vectors: Dataset) -> None:
    before = masked(vectors, None).batch(ALL)
    masked(vectors, "noise(snr_db=-5)").batch(ALL)
    after = masked(vectors, None).batch(ALL)
    assert all(torch.equal(before[m].values, after[m].values) for m in MODALITIES)


@pytest.mark.parametrize("kind", ["cache", "encoder", "inside"])
def test_wrong_words_are_words_of_the_training_part(words: Dataset, encoder: TextEncoder, kind: str) -> None:
    text = {"cache": StateCache(encoder, "x", None), "encoder": encoder, "inside": WordEmbeddings(encoder)}[kind]
    part = words.part("test")
    masks = parse("token_errors(rate=0.5)").masks(part.layout)
    wrong = MaskedPart(part, masks, text, CPU)  # type: ignore[arg-type]
    train = words.part("train")
    assert train.token_ids is not None
    assert part.token_ids is not None
    known = set(train.token_ids[train.layout.observed["text"]].tolist())
    assert wrong._ids is not None
    changed = wrong._ids != part.token_ids
    assert (changed <= masks.substituted["text"].where).all()
    assert changed.mean() > 0.3
    assert set(wrong._ids[changed].tolist()) <= known
    with torch.no_grad():
        clean = MaskedPart(part, None, text, CPU).batch(ALL)  # type: ignore[arg-type]
        assert not torch.allclose(wrong.batch(ALL).text.values, clean.text.values)


def test_natural_gaps_stay_gaps_under_wrong_words(encoder: TextEncoder) -> None:
    samples = make_samples()
    stream = samples.streams["text"]
    stream.observed[::3] = False
    data = build_dataset(samples, "official", encoder)
    part = data.part("test")
    masks = parse("token_errors(rate=1)").masks(part.layout)
    ids = MaskedPart(part, masks, encoder, CPU)._ids
    assert ids is not None
    assert (ids[~part.layout.observed["text"]] == encoder.special.unk).all()


def test_wrong_word_vectors_are_vectors_of_the_training_part(vectors: Dataset) -> None:
    part = vectors.part("test")
    masks = parse("token_errors(rate=0.4)").masks(part.layout)
    wrong, clean = MaskedPart(part, masks, None, CPU).batch(ALL).text, masked(vectors, None).batch(ALL).text
    changed = (wrong.values != clean.values).any(dim=2)
    train = vectors.part("train")
    known = {
        row.numpy().tobytes() for sample in range(len(train)) for row in train.values["text"].read(np.array([sample]))
    }
    rows = [row.numpy().tobytes() for row in wrong.values[changed]]
    assert len(rows) > 5
    assert set(rows) <= known
    for i in range(len(ALL)):
        start, stop = part.layout.offsets["text"][i : i + 2]
        allowed = torch.from_numpy(masks.substituted["text"].where[start:stop])
        assert not changed[i, : stop - start][~allowed].any()
        assert not changed[i, stop - start :].any()


def test_rare_words_and_frames_far_from_the_mean_stand_out(words: Dataset) -> None:
    part, train = words.part("test"), words.part("train")
    assert part.token_ids is not None
    assert train.token_ids is not None
    salience = part.layout.salience
    assert salience is not None
    for i, token in enumerate(part.token_ids.tolist()):
        if part.layout.observed["text"][i]:
            assert salience("text")[i] == -(train.token_ids[train.layout.observed["text"]] == token).sum()
    audio = salience("audio")
    start, stop = part.layout.offsets["audio"][3:5]
    values = part.values["audio"].read(np.array([3])).numpy().astype(np.float64)
    expected = np.square(values - values.mean(axis=0)).sum(axis=1)
    np.testing.assert_allclose(audio[start:stop], expected, atol=1e-5)
    vision = salience("vision")
    gaps = ~part.layout.observed["vision"]
    assert gaps.any()
    assert vision[gaps].max() < vision[~gaps].min()


def test_informative_gaps_take_what_stands_out(words: Dataset) -> None:
    part = words.part("train")
    masks = parse("informative(rate=0.5, strength=8)").masks(part.layout)
    salience = part.layout.salience
    assert salience is not None
    seen = part.layout.observed["audio"]
    gone = seen & ~masks.observed["audio"]
    assert salience("audio")[gone].mean() > 2 * salience("audio")[seen & ~gone].mean()
