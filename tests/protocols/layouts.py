"""Layouts for tests: drawn by hypothesis, large ones for rates, the one that golden hashes are of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from protocols import MODALITIES, Layout


def with_salience(layout: Layout, seed: int = 0) -> Layout:
    """The same layout, with random salience."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 9]))
    salience = {m: rng.random(len(layout.observed[m])) for m in MODALITIES}
    return replace(layout, salience=lambda m: salience[m])


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """A few short samples, some of whose positions are missing in the data set."""
    n = draw(st.integers(1, 12))
    lengths = {m: draw(st.lists(st.integers(1, 15), min_size=n, max_size=n)) for m in MODALITIES}
    layout = Layout.of_lengths(draw(st.text(max_size=5)), [f"s{i}" for i in range(n)], **lengths)
    gaps = {
        m: np.array(draw(st.lists(st.booleans(), min_size=len(o), max_size=len(o)))) for m, o in layout.observed.items()
    }
    # few levels, so that there are ties
    levels = {
        m: np.array(draw(st.lists(st.integers(0, 4), min_size=len(o), max_size=len(o))), dtype=np.float64)
        for m, o in layout.observed.items()
    }
    return replace(layout, observed=gaps, salience=lambda m: levels[m])


def large(n: int = 2000, longest: int = 40) -> Layout:
    """Many samples of 1 to `longest - 1` positions."""
    rng = np.random.Generator(np.random.Philox(key=[0, 3]))
    lengths = {m: rng.integers(1, longest, n).tolist() for m in MODALITIES}
    return with_salience(Layout.of_lengths("large", [f"s{i}" for i in range(n)], **lengths))


def golden_layout() -> Layout:
    """The fixture of the golden hashes: never to be changed."""
    rng = np.random.Generator(np.random.Philox(key=[1, 2]))
    lengths = {m: rng.integers(1, 30, 50).tolist() for m in MODALITIES}
    layout = Layout.of_lengths("golden", [f"video{i // 5}_{i}" for i in range(50)], **lengths)
    # whole numbers with ties, exact on every platform
    salience = {m: rng.integers(0, 12, len(layout.observed[m])).astype(np.float64) for m in MODALITIES}
    videos = tuple(i.partition("_")[0] for i in layout.sample_ids)
    layout = replace(layout, salience=lambda m: salience[m], video_ids=videos)
    return replace(layout, donors=lambda: layout)


def take(layout: Layout, chosen: list[int]) -> Layout:
    """Some samples of a layout, in the order given."""

    def gather(flat: np.ndarray, m: str) -> np.ndarray:  # type: ignore[type-arg]
        return np.concatenate([flat[slice(*layout.offsets[m][i : i + 2])] for i in chosen])  # type: ignore[index]

    whole = layout.salience
    return Layout(
        layout.fingerprint,
        tuple(layout.sample_ids[i] for i in chosen),
        {m: np.concatenate([[0], np.cumsum(layout.lengths(m)[chosen])]) for m in MODALITIES},
        {m: gather(layout.observed[m], m) for m in MODALITIES},
        salience=None if whole is None else lambda m: gather(whole(m), m),
    )
