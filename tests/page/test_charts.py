"""What a chart shows can be read on its own ground, whatever theme the page changes to."""

import pandas as pd
import pytest

from app import charts
from app.charts import COLOURS

READABLE = 4.5  # contrast of letters (WCAG 2.2, AA)
MOMENTS = pd.DataFrame(
    {"person": [1, 1], "frame": [0, 1], "second": [0.0, 1.0], "fake_probability": [0.2, 0.9]}
)


def luminance(colour: str) -> float:
    """Relative, as WCAG defines it."""
    levels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("page", COLOURS.values(), ids=COLOURS)
def test_letters_are_read_on_the_ground_of_their_chart(page):
    low, high = sorted(luminance(colour) for colour in page)
    assert (high + 0.05) / (low + 0.05) >= READABLE
    drawn = charts.gauge(0.5, 0.3, 0.7, page), charts.timeline(MOMENTS, 0.3, 0.7, 0, page)
    for chart in drawn:
        config = chart.to_dict()["config"]
        assert config["background"] == page.ground
        assert config["axis"]["labelColor"] == page.ink
