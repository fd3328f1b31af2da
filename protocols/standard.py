"""The standard protocols. A changed mask needs a new version; golden hashes in the tests enforce this."""

from __future__ import annotations

import itertools

from protocols.layout import MODALITIES
from protocols.protocol import Point, Protocol, register_protocol
from protocols.scenario import Scenario, parse

RATES = tuple(round(0.1 * i, 1) for i in range(10))
RATIOS = tuple(round(0.1 * i, 1) for i in range(7))
GRID = (0.0, 0.25, 0.5, 0.75)
SNR_DB = (20, 10, 5, 0, -5)
ERROR_RATES = (0.1, 0.2, 0.3, 0.4, 0.5)


def _curve(name: str, template: str, title: str, axis: str = "missing rate", version: int = 1) -> Protocol:
    """Make a protocol with one scenario for each rate, 0 to 0.9."""
    points = tuple(Point(parse(template.format(rate)), {axis: rate}) for rate in RATES)
    return Protocol(name, version, title, points, (axis,), ("mean", "auilc"))


@register_protocol
def complete() -> Protocol:
    """Nothing is missing: the upper end."""
    return Protocol("complete", 1, "nothing is missing", (Point(Scenario(), {}),))


@register_protocol
def inter_drop() -> Protocol:
    """Whole modalities lost by a growing share of samples: the drop-rate curves."""
    title = "a share of the samples loses one or two whole modalities"
    return _curve("inter-drop", "drop(rate={})", title, "drop rate")


@register_protocol
def inter_subsets() -> Protocol:
    """The seven subsets of modalities: the information in each."""
    subsets = [s for k in (1, 2, 3) for s in itertools.combinations(MODALITIES, k)]
    points = tuple(Point(parse(f"subset(available=({','.join(s)},))"), {"available": "+".join(s)}) for s in subsets)
    return Protocol("inter-subsets", 1, "only these modalities are there", points, ("available",), ("mean", "worst"))


@register_protocol
def intra_random() -> Protocol:
    """Positions of every modality erased independently at one rate: the LNLN and P-RMF tables."""
    title = "every position is erased independently, at one rate for all modalities"
    return _curve("intra-random", "random_positions(rate={})", title)


@register_protocol
def uncertain() -> Protocol:
    """Whole modalities and positions missing at once, to unknown degrees."""
    axes = ("drop rate", "missing rate")
    grid = [
        Point(parse(f"drop(rate={p}) + random_positions(rate={r})"), {axes[0]: p, axes[1]: r})
        for p, r in itertools.product(GRID, GRID)
    ]
    both = Point(parse("random_rates(clean=0.25) + drop(rate=0.5)"), {axes[0]: "drawn", axes[1]: "drawn"})
    title = "modalities and positions are missing at once, to degrees that no one knows beforehand"
    return Protocol("uncertain", 1, title, (*grid, both), axes, ("mean", "worst"))


@register_protocol
def inter_ratio() -> Protocol:
    """Modalities gone from the whole test set in a given share: the GCNet and IMDer tables."""
    points = [Point(parse(f"missing_ratio(ratio={q})"), {"missing ratio": q}) for q in RATIOS]
    # the tables of the field call their last column 0.7; a sample that keeps one modality cannot lose more than 2/3
    points.append(Point(parse(f"missing_ratio(ratio={2 / 3!r})"), {"missing ratio": 2 / 3}, {"missing ratio": 0.7}))
    title = "a share of all modalities of all samples is gone; every sample keeps one"
    return Protocol("inter-ratio", 1, title, tuple(points), ("missing ratio",), ("mean", "auilc"))


@register_protocol
def inter_imbalanced() -> Protocol:
    """Modalities missing at unequal rates, each point with the same mean rate of 0.4."""
    rates = [(0.4, 0.4, 0.4), *itertools.permutations((0.1, 0.4, 0.7))]
    points = [
        Point(
            parse("drop(rate={{text: {}, audio: {}, vision: {}}})".format(*each)),
            {"text / audio / vision": " / ".join(map(str, each))},
        )
        for each in rates
    ]
    title = "modalities are missing at unequal rates of equal mean"
    return Protocol("inter-imbalanced", 1, title, tuple(points), ("text / audio / vision",), ("mean", "worst"))


@register_protocol
def intra_aligned() -> Protocol:
    """The same instants gone in all modalities, as when a recording stops."""
    title = "the same relative instants are erased in all modalities"
    return _curve("intra-aligned", "aligned_positions(rate={})", title)


@register_protocol
def intra_block() -> Protocol:
    """One contiguous stretch of each modality gone."""
    title = "one contiguous stretch of each modality is erased"
    return _curve("intra-block", "block(rate={})", title, version=2)


@register_protocol
def intra_place() -> Protocol:
    """One stretch gone at the front, in the middle or at the rear: where a model looks for the sentiment."""
    axes = ("missing rate", "place")
    points = [
        Point(parse(f"block(rate={rate}, place={place})"), {axes[0]: rate, axes[1]: place})
        for place, rate in itertools.product(("front", "middle", "rear"), (0.25, 0.5, 0.75))
    ]
    title = "one stretch at the front, in the middle or at the rear of each modality is erased"
    return Protocol("intra-place", 1, title, tuple(points), axes, ("mean", "worst"))


@register_protocol
def intra_burst() -> Protocol:
    """Outages of about a second: two or three words, some ten frames of the usual features."""
    title = "each modality drops out and comes back, for about a second at a time"
    return _curve("intra-burst", "burst(rate={}, mean_length={{text: 2.5, audio: 10, vision: 10}})", title)


@register_protocol
def intra_informative() -> Protocol:
    """Missing not at random: salient positions are erased first."""
    title = "missing not at random: positions that stand out are likelier to go"
    return _curve("intra-informative", "informative(rate={}, strength=3)", title)


def _intra_unmarked(name: str, fill: str, title: str) -> Protocol:
    """Make a protocol of filled gaps at rates that leave them the minority."""
    rates = RATES[:5]
    points = tuple(
        Point(parse(f"random_positions(rate={rate}) + unmarked(fill={fill})"), {"missing rate": rate}) for rate in rates
    )
    return Protocol(name, 1, title, points, ("missing rate",), ("mean", "auilc"))


def _uncertain_unmarked(name: str, fill: str, title: str) -> Protocol:
    """Make a protocol with the grid of `uncertain`, its gaps filled."""
    axes = ("drop rate", "missing rate")
    points = tuple(
        Point(parse(f"drop(rate={p}) + random_positions(rate={r}) + unmarked(fill={fill})"), {axes[0]: p, axes[1]: r})
        for p, r in itertools.product(GRID, GRID)
    )
    return Protocol(name, 1, title, points, axes, ("mean", "worst"))


@register_protocol
def intra_unmarked() -> Protocol:
    """Gaps that do not show: other recordings stand where positions were erased, and are the minority."""
    title = "erased positions are filled with content of other videos, so that gaps do not show"
    return _intra_unmarked("intra-unmarked", "run", title)


@register_protocol
def intra_unmarked_hold() -> Protocol:
    """Gaps that do not show: the last frame stands still, and words are those of another sentence."""
    title = "erased frames repeat the last one, and erased words are those of another video"
    return _intra_unmarked("intra-unmarked-hold", "hold", title)


@register_protocol
def uncertain_unmarked() -> Protocol:
    """Modalities and positions replaced by other recordings: whole streams, parts of them, and both."""
    title = "modalities and positions are replaced by content of other videos, to unknown degrees"
    return _uncertain_unmarked("uncertain-unmarked", "run", title)


@register_protocol
def uncertain_unmarked_hold() -> Protocol:
    """Modalities and positions replaced, frames by the last one where there is one."""
    title = "modalities are replaced by those of other videos, erased frames repeat the last one"
    return _uncertain_unmarked("uncertain-unmarked-hold", "hold", title)


@register_protocol
def noise() -> Protocol:
    """Present but wrong: noisy audio and vision, and misheard words."""
    points = [Point(parse(f"noise(snr_db={snr})"), {"SNR (dB)": snr}) for snr in SNR_DB]
    points += [Point(parse(f"token_errors(rate={rate})"), {"token error rate": rate}) for rate in ERROR_RATES]
    title = "nothing is missing, but audio and vision are noisy, or words are wrong"
    return Protocol("noise", 1, title, tuple(points), ("SNR (dB)", "token error rate"), ("mean", "worst"))


@register_protocol
def shift() -> Protocol:
    """Audio and vision late against the text: does a model need streams that are in step?"""
    axis = "shift (steps)"
    points = tuple(Point(parse(f"shift(steps={steps})"), {axis: steps}) for steps in (0, 1, 2, 5, 10, 20))
    title = "audio and vision are late by some positions; what moved out of the sample is erased"
    return Protocol("shift", 1, title, points, (axis,), ("mean", "worst"))


@register_protocol
def compat_mmsa() -> Protocol:
    """The masks of the public MMSA and LNLN loaders: only for comparison with numbers made with them."""
    title = "the masks of the public MMSA / LNLN loaders, correlated modalities included: for comparison only"
    return _curve("compat-mmsa", "mmsa_positions(rate={})", title)
