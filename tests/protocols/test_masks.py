"""The laws of masks: what every mechanism promises, whatever the data."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import MODALITIES, Layout, get_regime, parse
from tests.protocols.layouts import large, layouts, take

RATES = st.floats(0, 1)
SETTINGS = settings(deadline=None, max_examples=40)


NESTED = [
    "drop(rate={})",
    "random_positions(rate={})",
    "aligned_positions(rate={})",
    "block(rate={})",
    "burst(rate={}, mean_length=3)",
    "burst(rate={}, mean_length={{text: 1, audio: 7.5, vision: 2}})",
    "informative(rate={}, strength=4)",
    "drop(rate={}) + random_positions(rate=0.3)",
    "block(rate=0.3) + burst(rate={}, mean_length=2)",
]
#: Every mechanism whose masks are a function of the sample alone.
PURE = [template.format(0.4) for template in NESTED] + [
    "subset(available=(text, audio))",
    "missing_ratio(ratio=0.5)",
    "random_rates(clean=0.2)",
    "noise(snr_db=3)",
    "token_errors(rate=0.4)",
]


@SETTINGS
@given(layouts(), RATES, RATES, st.sampled_from(NESTED), st.integers(0, 3))
def test_masks_are_nested_in_the_rate(layout: Layout, a: float, b: float, template: str, replicate: int) -> None:
    low, high = sorted((a, b))
    less, more = (parse(template.format(r)).masks(layout, replicate=replicate) for r in (low, high))
    for m in MODALITIES:
        assert (more.observed[m] <= less.observed[m]).all()
        assert (less.observed[m] <= layout.observed[m]).all()


@SETTINGS
@given(layouts(), st.floats(0, 0.67), st.floats(0, 0.67))
def test_missing_ratio_is_nested_too(layout: Layout, a: float, b: float) -> None:
    low, high = sorted((a, b))
    less, more = (parse(f"missing_ratio(ratio={q})").masks(layout) for q in (low, high))
    assert all((more.observed[m] <= less.observed[m]).all() for m in MODALITIES)


@settings(deadline=None, max_examples=150)
@given(layouts(), st.randoms(), st.sampled_from(PURE))
def test_a_mask_depends_on_no_other_sample_and_on_no_order(layout: Layout, random: object, text: str) -> None:
    scenario = parse(text)
    whole = scenario.masks(layout)
    order = list(range(len(layout)))
    random.shuffle(order)  # type: ignore[attr-defined]
    chosen = order[: max(1, len(order) // 2)]
    masks = scenario.masks(take(layout, chosen))
    for row, i in enumerate(chosen):
        for m in MODALITIES:
            here, there = slice(*masks.layout.offsets[m][row : row + 2]), slice(*layout.offsets[m][i : i + 2])
            assert (masks.of_sample(m, row) == whole.of_sample(m, i)).all()
            if m in masks.noise:
                assert (masks.noise[m].keys[here] == whole.noise[m].keys[there]).all()
            if m in masks.substituted:
                assert (masks.substituted[m].where[here] == whole.substituted[m].where[there]).all()
                assert (masks.substituted[m].keys[here] == whole.substituted[m].keys[there]).all()


@pytest.mark.parametrize("text", PURE)
def test_ids_data_set_and_replicate_make_the_draw(text: str) -> None:
    layout, scenario = large(300), parse(text)
    same = scenario.masks(layout).sha256()
    assert scenario.masks(layout).sha256() == same
    others = {scenario.masks(layout, replicate=1).sha256(), scenario.masks(replace(layout, fingerprint="x")).sha256()}
    assert (same in others) == text.startswith("subset")


@SETTINGS
@given(layouts(), RATES)
def test_drop_leaves_something_of_every_sample_that_had_something(layout: Layout, rate: float) -> None:
    masks = parse(f"drop(rate={rate})").masks(layout)
    assert ((masks.integrity() > 0).any(axis=1) == layout.present.any(axis=1)).all()


@SETTINGS
@given(layouts())
def test_integrity_is_what_is_realised(layout: Layout) -> None:
    masks = parse("random_positions(rate=0.4)").masks(layout)
    for i in range(len(layout)):
        for k, m in enumerate(MODALITIES):
            assert masks.integrity()[i, k] == pytest.approx(masks.of_sample(m, i).mean())


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_realised_rates_lie_within_binomial_bounds(rate: float) -> None:
    layout = large()
    masks = parse(f"random_positions(rate={rate})").masks(layout)
    for m in MODALITIES:
        n = len(masks.observed[m])
        assert abs((~masks.observed[m]).mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / n)


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_drop_hits_its_share_and_its_six_patterns_are_uniform(rate: float) -> None:
    layout = large(6000)
    gone = parse(f"drop(rate={rate})").masks(layout).integrity() == 0
    hit = gone.any(axis=1)
    assert abs(hit.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / len(layout))
    if rate:
        patterns, counts = np.unique(gone[hit] @ [1, 2, 4], return_counts=True)
        assert patterns.tolist() == [1, 2, 3, 4, 5, 6]
        assert (abs(counts / hit.sum() - 1 / 6) < 4 * np.sqrt(5 / 36 / hit.sum())).all()


def test_modalities_are_independent() -> None:
    n = 5000
    layout = Layout.of_lengths("same", [f"s{i}" for i in range(n)], text=[1] * n, audio=[1] * n, vision=[1] * n)
    observed = parse("random_positions(rate=0.5)").masks(layout).observed
    table = np.corrcoef([observed[m] for m in MODALITIES])
    assert abs(table - np.eye(3)).max() < 4 / np.sqrt(n)


def test_replicates_and_epochs_are_unrelated() -> None:
    layout = large()
    regime = get_regime("random_positions(rate=0.5)")
    draws = [regime.training_masks(layout, 0, e).observed["audio"] for e in range(3)]
    draws += [
        regime.training_masks(layout, 1, 0).observed["audio"],
        parse("random_positions(rate=0.5)").masks(layout).observed["audio"],
    ]
    table = np.corrcoef(draws)
    assert abs(table - np.eye(len(draws))).max() < 4 / np.sqrt(len(draws[0]))


def test_a_rate_of_each_modality() -> None:
    masks = parse("random_positions(rate={text: 0, audio: 1, vision: 0.5})").masks(large())
    means = [masks.observed[m].mean() for m in MODALITIES]
    assert means[0] == 1
    assert means[1] == 0
    assert 0.45 < means[2] < 0.55


def test_subset_leaves_exactly_the_named_modalities() -> None:
    integrity = parse("subset(available=(text, vision))").masks(large()).integrity()
    assert (integrity == [1, 0, 1]).all()


def test_the_same_mechanism_twice_draws_twice() -> None:
    masks = parse("random_positions(rate=0.5) + random_positions(rate=0.5)").masks(large())
    assert abs(masks.observed["audio"].mean() - 0.25) < 0.01


def test_uncertain_regime_leaves_shares_whole_and_shares_gone() -> None:
    integrity = get_regime("uncertain").training_masks(large(), 0, 0).integrity()
    gone, whole = (integrity == 0).mean(axis=0), (integrity == 1).mean(axis=0)
    assert gone.min() > 0.12
    assert gone.max() < 0.25
    assert whole.min() > 0.38
    assert whole.max() < 0.52


def test_validation_draw_is_fixed_and_unlike_training() -> None:
    layout, regime = large(), get_regime("uncertain")
    assert regime.validation_masks(layout).sha256() == regime.validation_masks(layout).sha256()
    assert regime.validation_masks(layout).sha256() != regime.training_masks(layout, 0, 0).sha256()


def test_another_process_draws_the_same() -> None:
    code = (
        "from protocols import Layout, parse\n"
        "l = Layout.of_lengths('x', ['a', 'b'], text=[5, 7], audio=[9, 3], vision=[4, 4])\n"
        "print(parse('drop(rate=0.5) + random_positions(rate=0.4)').masks(l).sha256())"
    )
    layout = Layout.of_lengths("x", ["a", "b"], text=[5, 7], audio=[9, 3], vision=[4, 4])
    here = parse("drop(rate=0.5) + random_positions(rate=0.4)").masks(layout).sha256()
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert out == here
