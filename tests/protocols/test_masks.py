"""The laws of masks: what every mechanism promises, whatever the data."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import MODALITIES, Layout, get_protocol, get_regime, parse, protocols

RATES = st.floats(0, 1)
SETTINGS = settings(deadline=None, max_examples=40)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    n = draw(st.integers(1, 12))
    lengths = {m: draw(st.lists(st.integers(1, 15), min_size=n, max_size=n)) for m in MODALITIES}
    layout = Layout.of_lengths(draw(st.text(max_size=5)), [f"s{i}" for i in range(n)], **lengths)
    gaps = {
        m: np.array(draw(st.lists(st.booleans(), min_size=len(o), max_size=len(o)))) for m, o in layout.observed.items()
    }
    return Layout(layout.fingerprint, layout.sample_ids, layout.offsets, gaps)


def large(n: int = 2000) -> Layout:
    rng = np.random.default_rng(0)
    lengths = {m: rng.integers(1, 40, n).tolist() for m in MODALITIES}
    return Layout.of_lengths("large", [f"s{i}" for i in range(n)], **lengths)


SCENARIOS = ["drop(rate={})", "random_positions(rate={})", "drop(rate={}) + random_positions(rate=0.3)"]


@SETTINGS
@given(layouts(), RATES, RATES, st.sampled_from(SCENARIOS), st.integers(0, 3))
def test_masks_are_nested_in_the_rate(layout: Layout, a: float, b: float, template: str, replicate: int) -> None:
    low, high = sorted((a, b))
    less, more = (parse(template.format(r)).masks(layout, replicate=replicate) for r in (low, high))
    for m in MODALITIES:
        assert (more.observed[m] <= less.observed[m]).all()
        assert (less.observed[m] <= layout.observed[m]).all()


@SETTINGS
@given(layouts(), st.randoms(), RATES)
def test_a_mask_depends_on_no_other_sample_and_on_no_order(layout: Layout, random: object, rate: float) -> None:
    scenario = parse(f"drop(rate=0.5) + random_positions(rate={rate})")
    whole = scenario.masks(layout)
    order = list(range(len(layout)))
    random.shuffle(order)  # type: ignore[attr-defined]
    chosen = order[: max(1, len(order) // 2)]
    part = Layout(
        layout.fingerprint,
        tuple(layout.sample_ids[i] for i in chosen),
        {m: np.concatenate([[0], np.cumsum(layout.lengths(m)[chosen])]) for m in MODALITIES},
        {
            m: np.concatenate([layout.observed[m][slice(*layout.offsets[m][i : i + 2])] for i in chosen])
            for m in MODALITIES
        },
    )
    masks = scenario.masks(part)
    for row, i in enumerate(chosen):
        for m in MODALITIES:
            assert (masks.of_sample(m, row) == whole.of_sample(m, i)).all()


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


def golden_layout() -> Layout:
    rng = np.random.Generator(np.random.Philox(key=[1, 2]))
    lengths = {m: rng.integers(1, 30, 50).tolist() for m in MODALITIES}
    return Layout.of_lengths("golden", [f"video{i // 5}_{i}" for i in range(50)], **lengths)


#: A changed hash means changed masks: raise the protocol's version, and only then write the new hash here.
GOLDEN = {
    "complete@1": "cdcdbea203f583db45c7892ef59d287f",
    "inter-drop@1": "fc40331714faf199aca0cb7f2afa9001",
    "inter-subsets@1": "782f57623fc6fb52ea9eb2966a8b16f6",
    "intra-random@1": "34b8a75ae7332524364cc91c9016230b",
    "uncertain@1": "92fd3b071c6486be8032212a286c26e0",
}


@pytest.mark.parametrize("name", list(protocols()))
def test_masks_of_standard_protocols_do_not_change_under_their_version(name: str) -> None:
    import hashlib

    protocol = get_protocol(name)
    layout = golden_layout()
    joined = "\n".join(s.masks(layout).sha256() for s in protocol.scenarios)
    assert str(protocol) in GOLDEN, f"{protocol} is new: write its hash down"
    assert hashlib.sha256(joined.encode()).hexdigest()[:32] == GOLDEN[str(protocol)]
