"""Promises of each mechanism."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import MODALITIES, InputError, Layout, Mechanism, get_protocol, get_regime, parse, register_mechanism
from protocols.layout import BoolArray, segment_sums
from protocols.masks import Masks
from tests.protocols.layouts import large, layouts

SETTINGS = settings(deadline=None, max_examples=60)


def lost(masks: Masks, modality: str) -> BoolArray:
    return ~masks.observed[modality]  # type: ignore[index]


def uniform_lengths(n: int, steps: int) -> Layout:
    return Layout.of_lengths("even", [f"s{i}" for i in range(n)], **{m: [steps] * n for m in MODALITIES})


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.3, 0.5, 2 / 3])
def test_missing_ratio_takes_its_share_of_all_pairs_and_leaves_one(ratio: float) -> None:
    layout = large(6000)
    present = parse(f"missing_ratio(ratio={ratio})").masks(layout).integrity() > 0
    assert present.any(axis=1).all()
    n = present.size
    assert abs((~present).mean() - ratio) <= 4 * np.sqrt(max(ratio * (1 - ratio), 1e-12) / n) + 1e-12
    assert np.ptp((~present).mean(axis=0)) < 0.04  # no modality is favoured
    if ratio == 2 / 3:
        assert (present.sum(axis=1) == 1).all()


@SETTINGS
@given(layouts(), st.floats(0, 0.67))
def test_missing_ratio_leaves_something_of_every_sample_that_had_something(layout: Layout, ratio: float) -> None:
    masks = parse(f"missing_ratio(ratio={ratio})").masks(layout)
    assert ((masks.integrity() > 0).any(axis=1) == layout.present.any(axis=1)).all()


@SETTINGS
@given(layouts(), st.floats(0, 1))
def test_block_erases_one_stretch_of_exactly_its_share(layout: Layout, rate: float) -> None:
    masks = parse(f"block(rate={rate!r})").masks(
        replace(layout, observed={m: np.ones_like(o) for m, o in layout.observed.items()})
    )
    for m in MODALITIES:
        for i, length in enumerate(layout.lengths(m).tolist()):
            gone = np.flatnonzero(~masks.of_sample(m, i))
            assert len(gone) == int(np.floor(np.round(rate * length, 9) + 0.5))
            assert len(gone) == 0 or gone[-1] - gone[0] + 1 == len(gone)


@pytest.mark.parametrize("percent", [5, 10, 15, 30, 35, 50, 70, 90, 95])
def test_blocks_round_halves_of_decimal_rates_up(percent: int) -> None:
    """0.7 of 45 positions is 31.5, so 32 go, although 0.7 * 45 is less than that in binary."""
    lengths = list(range(1, 400))
    layout = Layout.of_lengths("halves", [f"s{t}" for t in lengths], text=lengths, audio=lengths, vision=lengths)
    masks = parse(f"block(rate={percent / 100})").masks(layout)
    for m in MODALITIES:
        sizes = segment_sums(lost(masks, m), layout.offsets[m]).tolist()
        assert sizes == [(2 * percent * t + 100) // 200 for t in lengths]


def test_blocks_start_anywhere_alike() -> None:
    layout = uniform_lengths(8000, 10)
    masks = parse("block(rate=0.4)").masks(layout)
    starts = np.array([np.flatnonzero(row)[0] for row in lost(masks, "audio").reshape(-1, 10)])
    counts = np.bincount(starts, minlength=7)
    assert len(counts) == 7  # 10 - 4 + 1 places
    assert (abs(counts / 8000 - 1 / 7) < 4 * np.sqrt(6 / 49 / 8000)).all()


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.8])
@pytest.mark.parametrize("length", [1.0, 4.0, 12.0])
def test_bursts_have_their_rate_and_their_mean_length(rate: float, length: float) -> None:
    steps, n = 4000, 40  # long sequences, so that few outages are cut off at an end
    layout = uniform_lengths(n, steps)
    gone = lost(parse(f"burst(rate={rate}, mean_length={length})").masks(layout), "audio").reshape(n, steps)
    expected = max(length, 1 / (1 - rate))
    outages = (gone[:, 1:] & ~gone[:, :-1]).sum() + gone[:, 0].sum()
    # an outage counts as about `expected` independent draws
    spread = np.sqrt(rate * (1 - rate) * (2 * expected) / gone.size)
    assert abs(gone.mean() - rate) < 5 * spread
    assert gone.sum() / outages == pytest.approx(expected, rel=0.08)


def test_bursts_shorter_than_chance_are_independent_losses() -> None:
    layout = uniform_lengths(400, 100)
    gone = lost(parse("burst(rate=0.5, mean_length=1)").masks(layout), "vision").reshape(400, 100)
    assert abs(np.corrcoef(gone[:, 1:].ravel(), gone[:, :-1].ravel())[0, 1]) < 4 / np.sqrt(gone.size)


def test_the_first_position_of_a_burst_is_lost_at_the_rate_too() -> None:
    layout = uniform_lengths(5000, 3)
    gone = lost(parse("burst(rate=0.3, mean_length=6)").masks(layout), "text").reshape(5000, 3)
    assert abs(gone.mean(axis=0) - 0.3).max() < 4 * np.sqrt(0.21 / 5000)


@SETTINGS
@given(layouts(), st.floats(0, 1))
def test_aligned_positions_lose_the_same_relative_instants(layout: Layout, rate: float) -> None:
    whole = replace(layout, observed={m: np.ones_like(o) for m, o in layout.observed.items()})
    masks = parse(f"aligned_positions(rate={rate!r})").masks(whole)
    for i in range(len(layout)):
        words = masks.of_sample("text", i)
        for m in ("audio", "vision"):
            frames = masks.of_sample(m, i)
            middles = (np.arange(len(frames)) + 0.5) / len(frames)
            # exact in integers: (2 j + 1) K // 2 T
            instants = [(2 * j + 1) * len(words) // (2 * len(frames)) for j in range(len(frames))]
            assert (frames == words[instants]).all()
            assert all(
                abs((k + 0.5) / len(words) - t) <= 0.5 / len(words) + 1e-9
                for k, t in zip(instants, middles, strict=True)
            )


def test_equally_long_modalities_lose_equal_instants() -> None:
    masks = parse("aligned_positions(rate=0.5)").masks(uniform_lengths(50, 20))
    assert (masks.observed["text"] == masks.observed["audio"]).all()
    assert (masks.observed["text"] == masks.observed["vision"]).all()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("strength", [0.0, 3.0, 8.0])
def test_informative_keeps_its_rate_and_prefers_what_stands_out(rate: float, strength: float) -> None:
    layout = large(3000)
    masks = parse(f"informative(rate={rate}, strength={strength})").masks(layout)
    for m in MODALITIES:
        gone, length = lost(masks, m), layout.lengths(m)
        assert abs(gone.mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / len(gone))
        # and for samples of every length, also the shortest
        for steps in (1, 2, 5):
            chosen = np.repeat(length == steps, length)
            assert abs(gone[chosen].mean() - rate) < 4.5 * np.sqrt(rate * (1 - rate) / chosen.sum())
        quantile = (layout.salience_rank(m) + 0.5) / np.repeat(length, length)
        long = np.repeat(length > 10, length)
        low, high = (gone[long & part].mean() for part in (quantile < 0.25, quantile > 0.75))
        if strength == 0:
            assert abs(high - low) < 0.03
        else:
            assert high > low
    assert rate != 0.5 or strength < 8 or high - low > 0.7


def test_informative_without_data_says_so() -> None:
    with pytest.raises(InputError, match="load a data set") as error:
        parse("informative(rate=0.5, strength=3)").masks(uniform_lengths(2, 3))
    assert "\n" not in str(error.value)


def test_salience_ranks_order_each_sample_and_break_ties_without_favour() -> None:
    layout = uniform_lengths(4000, 5)
    levels = np.tile([2.0, 1.0, 1.0, 1.0, 0.0], 4000)
    layout = replace(layout, salience=lambda m: levels)
    ranks = layout.salience_rank("text").reshape(-1, 5)
    assert (np.sort(ranks, axis=1) == np.arange(5)).all()
    assert (ranks[:, 0] == 4).all()
    assert (ranks[:, 4] == 0).all()
    assert abs(ranks[:, 1:4].mean(axis=0) - 2).max() < 4 * np.sqrt(2 / 3 / 4000)


def test_noise_and_wrong_words_leave_everything_observed() -> None:
    layout = large(200)
    masks = parse("noise(snr_db=5) + token_errors(rate=0.3)").masks(layout)
    assert (masks.integrity() == 1).all()
    assert set(masks.noise) == {"audio", "vision"}
    assert set(masks.substituted) == {"text"}
    assert masks.sha256() != parse("complete").masks(layout).sha256()


@pytest.mark.parametrize("snr", [20.0, 0.0, -5.0])
def test_noise_has_its_amplitude_and_is_one_draw_at_every_ratio(snr: float) -> None:
    layout = large(400)
    masks, reference = (parse(f"noise(snr_db={s})").masks(layout) for s in (snr, 0))
    values = masks.noise["audio"].values(6)
    assert values.std() == pytest.approx(10 ** (-snr / 20), rel=0.02)
    assert abs(values.mean()) < 5 * values.std() / np.sqrt(values.size)
    np.testing.assert_allclose(values, reference.noise["audio"].values(6) * 10 ** (-snr / 20), rtol=1e-5)
    assert abs(np.corrcoef(values, rowvar=False) - np.eye(6)).max() < 5 / np.sqrt(len(values))
    np.testing.assert_array_equal(values[:, :3], masks.noise["audio"].values(3))
    np.testing.assert_array_equal(values[10:20], masks.noise["audio"].values(6, slice(10, 20)))
    assert not np.allclose(values[:50], masks.noise["vision"].values(6)[:50])


def test_noise_beside_erasing_is_a_draw_of_its_own_version() -> None:
    layout = large(50)
    alone = parse("noise(snr_db=5)").masks(layout).noise["audio"]
    for text in ("noise(snr_db=5) + token_errors(rate=0.5)", "token_errors(rate=0.5) + noise(snr_db=5)"):
        assert parse(text).masks(layout).noise["audio"].bytes() == alone.bytes()
    beside = [
        parse(text).masks(layout).noise["audio"]
        for text in ("noise(snr_db=5) + drop(rate=0.5)", "block(rate=0) + noise(snr_db=5)")
    ]
    assert beside[0].bytes() == beside[1].bytes()
    assert not (beside[0].keys == alone.keys).any()
    np.testing.assert_array_equal(beside[0].amplitude, alone.amplitude)


def test_wrong_words_come_from_the_given_ones_alike() -> None:
    layout = large(3000)
    masks = parse("token_errors(rate=0.25)").masks(layout)
    wrong = masks.substituted["text"]
    assert abs(wrong.where.mean() - 0.25) < 4 * np.sqrt(0.1875 / len(wrong.where))
    chosen = wrong.choose(np.array([7, 8, 8, 9]))
    assert len(chosen) == wrong.where.sum()
    assert abs((chosen == 8).mean() - 0.5) < 4 * np.sqrt(0.25 / len(chosen))
    more = parse("token_errors(rate=0.5)").masks(layout).substituted["text"]
    assert more.where[wrong.where].all()
    assert (
        more.choose(np.arange(1000))[np.flatnonzero(more.where).searchsorted(np.flatnonzero(wrong.where))]
        == wrong.choose(np.arange(1000))
    ).all()


def test_spoiling_the_same_values_twice_is_refused() -> None:
    with pytest.raises(InputError, match="same way twice"):
        parse("noise(snr_db=5) + noise(snr_db=0)").masks(large(5))


#: Of the masks that `generate_m` of thuiar/MMSA and of Haoyu-ha/LNLN gives for the arrays of `mmsa_layout`.
PUBLIC_LOADERS = {
    (1111, 0.0): (
        "79d6b20a8ff9e25a6b26185e4f6c5b31",
        "f0477b7186fb3c89d0da75531e521113",
        "e881659f3d8cbc120b38010c60443ef4",
    ),
    (1111, 0.3): (
        "c6f8c8258efd1ba809638984a593e786",
        "dbcc258c11374acaeb8d439ad451cc11",
        "2f565ea02a862083e4c2fa80446a494f",
    ),
    (1111, 0.9): (
        "07f091ebc18e4aef9d2b428bf06f71c5",
        "1acd19d7d259272e894fffb2d91272a6",
        "d9c9e793b3b416919cf0d7ae012bb2be",
    ),
    (7, 0.3): (
        "2a078abaa232a8e9c9612ee0e2f67810",
        "6d985dcb28c49c6c82219de555549a79",
        "9671ec5fb5b8f6168b5e6abf44be5a59",
    ),
    (7, 0.9): (
        "137ef813568fe7ff27b79d7089267b34",
        "4691dfa3155a14e7359b0ac823929155",
        "9778e5deb320a2aab8857ae6d057fff3",
    ),
}


def mmsa_layout() -> Layout:
    """60 samples padded to 20 words (with [CLS] and [SEP]), 37 and 50 frames; one text fills all positions."""
    rng = np.random.Generator(np.random.Philox(key=[7, 7]))
    steps = {"text": 20, "audio": 37, "vision": 50}
    lengths = {m: rng.integers(1, steps[m] + 1, 60) for m in MODALITIES}
    lengths["text"] = rng.integers(1, steps["text"] - 1, 60)
    lengths["text"][3] = steps["text"] - 2
    layout = Layout.of_lengths("mmsa", [f"s{i}" for i in range(60)], **{m: v.tolist() for m, v in lengths.items()})
    return replace(layout, steps=steps)


@pytest.mark.parametrize(("seed", "rate"), list(PUBLIC_LOADERS))
def test_compat_masks_are_those_of_the_public_loaders_bit_for_bit(seed: int, rate: float) -> None:
    layout = mmsa_layout()
    texts = [f"mmsa_positions(rate={rate}, seed={seed})"]
    texts.append(f"mmsa_positions(rate={rate}, seed={seed}, steps={{text: 20, audio: 37, vision: 50}})")
    for scenario, known in zip(texts, (layout, replace(layout, steps={})), strict=True):
        masks = parse(scenario).masks(known)
        found = [hashlib.sha256(np.packbits(masks.observed[m]).tobytes()).hexdigest()[:32] for m in MODALITIES]
        assert tuple(found) == PUBLIC_LOADERS[seed, rate]


def test_compat_masks_are_equal_in_all_modalities_where_they_are_padded_alike() -> None:
    """The documented loaders: arrays that are padded alike lose the same columns."""
    layout = replace(uniform_lengths(200, 48), steps=dict.fromkeys(MODALITIES, 50))
    masks = parse("mmsa_positions(rate=0.5)").masks(layout)
    assert np.corrcoef(masks.observed["audio"], masks.observed["vision"])[0, 1] == pytest.approx(1.0)
    words, frames = (masks.observed[m].reshape(200, 48) for m in ("text", "audio"))
    assert (words[:, :-1] == frames[:, 1:]).all()  # one apart, for [CLS]
    ours = parse("random_positions(rate=0.5)").masks(layout).observed
    assert abs(np.corrcoef(ours["audio"], ours["vision"])[0, 1]) < 4 / np.sqrt(200 * 48)


@pytest.mark.parametrize("given_steps", ["", ", steps={text: 50, audio: 50, vision: 50}"])
@pytest.mark.parametrize("known", [{"text": 20}, {"text": 20, "audio": 37}, {"text": 20, "audio": 37, "vision": 0}])
def test_compat_masks_are_refused_where_frames_lost_their_place(given_steps: str, known: dict[str, int]) -> None:
    """The mark of an aligned import: the padded length of text is known, that of audio or vision is not."""
    layout = replace(mmsa_layout(), steps=known)
    missing = "vision" if "audio" in known else "audio"
    with pytest.raises(InputError, match=f"where its {missing} stood .* import the unaligned file") as error:
        parse(f"mmsa_positions(rate=0.5{given_steps})").masks(layout)
    assert "\n" not in str(error.value)


def test_compat_masks_leave_the_global_generator_alone() -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]  # noqa: NPY002
    parse("mmsa_positions(rate=0.5)").masks(mmsa_layout())
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]  # noqa: NPY002


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("missing_ratio(ratio=0.7)", "from 0 to 0.67"),
        ("burst(rate=0.5, mean_length=0.5)", "mean_length must be a number from 1"),
        ("burst(rate=0.5, mean_length={text: 3})", "mean_length of audio"),
        ("burst(rate=0.5)", "mean_length"),
        ("block(rate=nan)", "from 0 to 1"),
        ("informative(rate=0.5, strength=-1)", "strength must be a number from 0"),
        ("noise(snr_db=1e9)", "snr_db must be a number"),
        ("mmsa_positions(rate=0.5, seed=0.5)", "seed must be an integer"),
        ("mmsa_positions(rate=0.5, steps={text: 50})", "steps must be whole"),
        ("mmsa_positions(rate=0.5, steps={text: 50.5, audio: 1, vision: 1})", "steps must be whole"),
    ],
)
def test_bad_parameters_are_named(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        parse(text)
    assert "\n" not in str(error.value)


def test_steps_that_do_not_hold_a_sample_are_refused() -> None:
    with pytest.raises(InputError, match="18 positions of text, more than 5 steps"):
        parse("mmsa_positions(rate=0.5, steps={text: 5, audio: 40, vision: 60})").masks(mmsa_layout())


def test_a_mechanism_of_ones_own_in_a_few_lines() -> None:
    @register_mechanism("every_other_of_test")
    @dataclass(frozen=True)
    class EveryOther(Mechanism):
        """Every second position of each modality is erased."""

        def erase(self, layout, present, stream):  # type: ignore[no-untyped-def]
            return {m: layout.position_in_sample(m) % 2 == 1 for m in MODALITIES}

    scenario = parse("every_other_of_test() + drop(rate=0.5)")
    assert parse(str(scenario)) == scenario
    masks = scenario.masks(uniform_lengths(300, 10))
    assert set(np.unique(masks.integrity()).tolist()) == {0.0, 0.5}
    assert get_protocol("every_other_of_test()").scenarios == (parse("every_other_of_test()"),)
    assert get_regime("matched(every_other_of_test())").scenario == parse("every_other_of_test()")


def test_objects_that_are_not_mechanisms_are_refused() -> None:
    decorate = register_mechanism("not-a-name")
    with pytest.raises(InputError, match="letters, digits and _"):
        decorate(type("X", (Mechanism,), {}))
    with pytest.raises(InputError, match="dataclass"):

        @register_mechanism("plain_of_test")
        class Plain(Mechanism):
            def erase(self, layout, present, stream):  # type: ignore[no-untyped-def]
                return {}

    with pytest.raises(InputError, match="define erase"):

        @register_mechanism("empty_of_test")
        @dataclass(frozen=True)
        class Empty(Mechanism):
            pass


def test_aggregate_rates_of_every_standard_curve_are_what_the_axis_says() -> None:
    """The mean over samples of the realised loss lies on the axis, for every protocol with a missing rate."""
    layout = large(3000)
    for name in ("intra-random", "intra-aligned", "intra-block", "intra-burst", "intra-informative", "compat-mmsa"):
        for point in get_protocol(name).points:
            masks = point.scenario.masks(layout)
            rate = float(point.coordinates["missing rate"])
            for m in MODALITIES:
                losses = segment_sums(lost(masks, m), layout.offsets[m]) / layout.lengths(m)
                tolerance = 0.035 if name == "intra-block" else 5 * losses.std() / np.sqrt(len(losses)) + 1e-9
                assert abs(losses.mean() - rate) < tolerance, (name, rate, m)
