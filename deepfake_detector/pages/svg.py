"""Charts as SVG that comes back byte for byte."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from deepfake_detector.common.percent import percent
from deepfake_detector.pages.looks import BLUE, GREY, ORANGE

MARKS = "os^Dvx"
NAMED = 0.08  # of the height, where a zone has room for its name
STYLE: dict = {
    "svg.hashsalt": "deepfake-detector",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.3,
}


def gauge(fake_probability: float, low: float, high: float) -> str:
    """A score on its way from REAL to FAKE, with the band between."""
    title = f"Probability of fake: {percent(fake_probability)}"
    with chart(title, "", "", 6.4, 1.3) as (axes, drawn):
        for left, right, colour in ((0, low, BLUE), (low, high, GREY), (high, 1, ORANGE)):
            axes.barh(0, right - left, left=left, color=colour, alpha=0.45)
        axes.plot([fake_probability] * 2, [-0.55, 0.55], color="black", linewidth=3)
        if low > 0:
            axes.text(0.01, 0, "REAL", va="center")
        if high < 1:
            axes.text(0.99, 0, "FAKE", va="center", ha="right")
        axes.set(xlim=(0, 1), ylim=(-0.6, 0.6), yticks=[])
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.grid(visible=False)
    return drawn()


def timeline(table: pd.DataFrame, low: float, high: float) -> str:
    """Every face judged, by second; a line and a mark per person. What is REAL is blue, what is
    FAKE orange, the band between grey."""
    with chart("Through the clip", "second", "probability of fake", 7.6, 3.0) as (axes, drawn):
        axes.axhspan(-0.02, low, color=BLUE, alpha=0.15)
        axes.axhspan(low, max(high, low + 0.004), color=GREY, alpha=0.35)
        axes.axhspan(high, 1.02, color=ORANGE, alpha=0.15)
        beside = axes.get_yaxis_transform()
        for name, start, end in (("REAL", 0.0, low), ("FAKE", high, 1.0)):
            if end - start > NAMED:
                axes.text(1.01, (start + end) / 2, name, transform=beside, va="center")
        for number, (person, rows) in enumerate(table.groupby("person")):
            mark = MARKS[number % len(MARKS)]
            axes.plot(
                rows["second"],
                rows["fake_probability"],
                f"{mark}-",
                markersize=4,
                linewidth=1,
                label=f"person {person}",
            )
        axes.set(ylim=(-0.02, 1.02))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.legend(fontsize=7, loc="best")
    return drawn()


@contextmanager
def chart(
    title: str, x_label: str, y_label: str, width: float, height: float
) -> Iterator[tuple[Axes, Callable[[], str]]]:
    """Axes to draw on (sizes in inches), and a function that gives the SVG afterwards."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes: Axes = figure.subplots()
        axes.set(title=title, xlabel=x_label, ylabel=y_label)
        yield axes, lambda: _svg(figure, title)


def _svg(figure: Figure, title: str) -> str:
    with matplotlib.rc_context(STYLE):
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return (
        f'<svg role="img" aria-label="{escape(title)}"' + text[text.index("<svg") + len("<svg") :]
    )
