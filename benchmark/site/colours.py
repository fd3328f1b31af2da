"""Colours of the figures on the page's two grounds.

A model keeps the colour of `benchmark.figures.style`. If it does not stand out from the ground (contrast below 3:1,
WCAG 2.2, 1.4.11), its markers get an edge of the same hue that does, and on the dark ground the line does, too. Such a
grey is mirrored there: otherwise black, which stands out most on white, would be the faintest.
"""

from __future__ import annotations

from collections.abc import Iterable

from benchmark.figures.style import styles

#: Grounds of the charts, equal to `--surface` in `assets/page.css`.
LIGHT, DARK = "#ffffff", "#1a1c1f"
#: Minimum contrast of a graphical object.
CONTRAST = 3.0


def luminance(colour: str) -> float:
    """Compute the relative luminance, 0..1, of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Compute the contrast ratio of two colours, 1..21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def readable(colour: str, ground: str, least: float = CONTRAST) -> str:
    """Mix a colour with white or black until it stands out from the ground."""
    target = 255 if luminance(ground) < 0.18 else 0
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    for step in range(101):
        mixed = "#" + "".join(f"{round(p + (target - p) * step / 100):02x}" for p in parts)
        if contrast(mixed, ground) >= least:
            break
    return mixed


def mirrored(colour: str) -> str:
    """Mirror a grey that is lost on the dark ground, as far from white as it was from black; others are unchanged."""
    parts = {colour[i : i + 2] for i in (1, 3, 5)}
    if len(parts) > 1 or contrast(colour, DARK) >= CONTRAST:
        return colour
    return "#" + 3 * f"{255 - int(parts.pop(), 16):02x}"


def model_styles(models: Iterable[str]) -> list[dict[str, str]]:
    """Return the style of every model, in order: `light`, `dark` (line and fill), their `_edge`s, `marker`, `line`."""
    return [
        {
            "light": style.colour,
            "light_edge": readable(style.colour, LIGHT),
            "dark": readable(mirrored(style.colour), DARK),
            "dark_edge": readable(mirrored(style.colour), DARK, 4.5),
            "marker": style.marker,
            "line": style.line,
        }
        for style in styles(models).values()
    ]
