"""Contrast: texts 4.5:1, lines and marks 3:1, on both grounds (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.figures.style import styles
from benchmark.site.colours import CONTRAST, DARK, LIGHT, contrast, luminance, model_styles, readable
from tests.benchmark.fake_panel import MODELS

CSS = (files("benchmark.site") / "assets" / "page.css").read_text(encoding="utf-8")


def variables(selector: str) -> dict[str, str]:
    block = CSS[CSS.index(selector) :].split("}")[0]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))


THEMES = {"light": variables(":root {"), "dark": variables(':root[data-theme="dark"] {')}


@pytest.mark.parametrize("theme", THEMES)
def test_texts_and_marks_stand_out(theme: str) -> None:
    colours = THEMES[theme]
    grounds = ["ground", "surface", "sunken", "wash", "notice", "grave", "better", "worse"]
    for ground in grounds:
        assert contrast(colours["ink"], colours[ground]) >= 7
    for ground in ("ground", "surface", "sunken"):
        assert contrast(colours["soft"], colours[ground]) >= 4.5
        assert contrast(colours["accent"], colours[ground]) >= 4.5
        assert contrast(colours["strong-line"], colours[ground]) >= 3
    assert contrast(colours["accent"], colours["wash"]) >= 4.5
    assert colours["surface"] == {"light": LIGHT, "dark": DARK}[theme]


def test_the_dark_theme_is_the_same_by_choice_and_by_system() -> None:
    assert variables(':root:not([data-theme="light"]) {') == THEMES["dark"]
    assert set(THEMES["light"]) == set(THEMES["dark"])


def test_models_keep_their_colours_and_stand_out() -> None:
    names = (*MODELS, "almt", "p-rmf", "oracle", *(f"another-{i}" for i in range(30)))
    for style, own in zip(styles(names).values(), model_styles(names), strict=True):
        assert (own["light"], own["marker"], own["line"]) == (style.colour, style.marker, style.line)
        assert contrast(own["light_edge"], LIGHT) >= CONTRAST
        assert contrast(own["dark"], DARK) >= CONTRAST
        if contrast(style.colour, DARK) >= CONTRAST:
            assert own["dark"] == style.colour


def test_the_bound_stands_out_on_both_grounds() -> None:
    (oracle,) = model_styles(["oracle"])
    assert min(contrast(oracle["light"], LIGHT), contrast(oracle["dark"], DARK)) > 10


def test_known_contrasts() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert luminance("#ff0000") == pytest.approx(0.2126)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 0xFFFFFF), st.sampled_from([LIGHT, DARK]))
def test_any_colour_can_be_made_readable(colour: int, ground: str) -> None:
    assert contrast(readable(f"#{colour:06x}", ground, 4.5), ground) >= 4.5
