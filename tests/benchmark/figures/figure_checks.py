"""Checks of every figure: nothing lies outside the page, and no text is too small to read."""

from __future__ import annotations

from collections.abc import Iterator

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
