"""Checks of every figure: nothing lies outside the page, and no text is too small to read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

#: Points: values inside narrow cells may be this small.
SMALLEST = 4.5


def shown_texts(figure: Figure) -> Iterator[Text]:
    """Every text of a drawn figure that a reader sees."""
    for text in figure.findobj(Text):
        if text.get_text().strip() and text.get_visible() and (text.axes is None or text.axes.get_visible()):
            yield text


def texts(figure: Figure) -> list[str]:
    """Their words, lines joined."""
    return [" ".join(text.get_text().split()) for text in shown_texts(figure)]


def assert_nothing_clipped(figure: Figure) -> None:
    """All panels, legends, titles and notes lie on the page, and none of these overlaps another or a panel."""
    figure.canvas.draw()
    assert isinstance(figure.canvas, FigureCanvasAgg)
    renderer = figure.canvas.get_renderer()
    page = figure.bbox
    panels = [ax.get_tightbbox(renderer) for ax in figure.axes if ax.get_visible()]
    around = [part.get_window_extent(renderer) for part in (*figure.legends, *figure.texts)]
    assert panels, "a figure without panels"
    for box in (*panels, *around):
        assert box.x0 >= page.x0 - 1.5
        assert box.x1 <= page.x1 + 1.5
        assert box.y0 >= page.y0 - 1.5
        assert box.y1 <= page.y1 + 1.5
    for i, box in enumerate(around):
        assert not any(box.shrunk(0.99, 0.95).overlaps(other) for other in (*panels, *around[i + 1 :]))
    for text in shown_texts(figure):
        assert "\\math" not in text.get_text()  # mathematical text is off: it would stand there as it is written
        assert text.get_fontsize() >= SMALLEST


def touching_texts(figure: Figure) -> list[tuple[str, str]]:
    """Texts of a drawn figure that overlap: titles, labels, ticks, legend, annotations."""
    figure.canvas.draw()
    assert isinstance(figure.canvas, FigureCanvasAgg)
    renderer = figure.canvas.get_renderer()
    found: list[Text] = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for ax in figure.axes:
        if ax.get_visible():
            found += [*ax.texts, ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label]  # type: ignore[attr-defined]
            for axis in (ax.xaxis, ax.yaxis):
                low, high = sorted(axis.get_view_interval())
                ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
                found += [tick.label1 for tick in ticks]
    shown = [text for text in found if text.get_visible() and text.get_text().strip()]
    boxes = [text.get_window_extent(renderer) for text in shown]
    edges = np.array([(box.x0, box.x1, box.y0, box.y1) for box in boxes])
    x0, x1, y0, y1 = (edges[:, i] for i in range(4))
    wide = np.minimum(x1[:, None], x1) - np.maximum(x0[:, None], x0)
    high_ = np.minimum(y1[:, None], y1) - np.maximum(y0[:, None], y0)
    # boxes are as high as the tallest letters of a font, which leave room above and below
    over = np.triu((wide > 0.5) & (high_ > 0.3 * np.minimum(y1 - y0, (y1 - y0)[:, None])), 1)
    return [(shown[i].get_text(), shown[j].get_text()) for i, j in np.argwhere(over)]
