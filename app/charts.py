"""The charts of the page: where a score lies, and how it went through a clip."""

from typing import NamedTuple

import altair as alt
import pandas as pd

from deepfake_detector.pages.looks import BLUE, GREY, ORANGE


class Colours(NamedTuple):
    """Colours of letters and marks, and of what is behind them. A chart has a ground of its own:
    where the theme of the page changes, a chart keeps its colours until the page is drawn again."""

    ink: str
    ground: str


COLOURS = {  # by theme of the page
    "light": Colours("#222222", "#ffffff"),
    "dark": Colours("#e8e8e8", "#171614"),
}
PEOPLE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#a07800")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
NAMED = 0.2  # of the gauge, where a zone is wide enough for its name on a phone
ROOM = 1.03  # of the clip's length, so that the last point is not cut in half
POINT = "point"  # name of the selection on the timeline


def gauge(fake_probability: float, low: float, high: float, page: Colours) -> alt.LayerChart:
    """The score between 0 and 1, with what is REAL (up to `low`), what is FAKE (from `high`) and
    the band between."""
    zones = pd.DataFrame(
        [(0.0, low, "REAL"), (low, high, "no verdict"), (high, 1.0, "FAKE")],
        columns=["from", "to", "zone"],
    )
    zones = zones[zones["to"] > zones["from"]]
    x = alt.X("from:Q", title=None, axis=None, scale=alt.Scale(domain=[0, 1]))
    colours = alt.Scale(domain=["REAL", "no verdict", "FAKE"], range=[BLUE, GREY, ORANGE])
    areas = (
        alt.Chart(zones)
        .mark_rect(opacity=0.3)
        .encode(
            x,
            x2="to:Q",
            y=alt.value(6),
            y2=alt.value(28),
            color=alt.Color("zone:N", scale=colours, legend=None),
        )
    )
    named = zones.assign(middle=(zones["from"] + zones["to"]) / 2)[
        zones["to"] - zones["from"] > NAMED
    ]
    names = (
        alt.Chart(named)
        .mark_text(color=page.ink, fontSize=13)
        .encode(alt.X("middle:Q"), y=alt.value(46), text="zone:N")
    )
    score = alt.Chart(pd.DataFrame([{"score": fake_probability}]))
    mark = score.mark_rule(color=page.ink, strokeWidth=4).encode(
        alt.X("score:Q"), y=alt.value(0), y2=alt.value(34)
    )
    return _styled(areas + names + mark, 56, page)


def timeline(
    moments: pd.DataFrame, low: float, high: float, frame: int, page: Colours
) -> alt.LayerChart:
    """Every face judged (report.timeline), a line and a shape per person, `frame` marked; a point
    can be chosen."""
    people = sorted(moments["person"].unique())
    rows = moments.assign(who=[f"person {person}" for person in moments["person"]])
    names = [f"person {person}" for person in people]
    legend = None if len(people) == 1 else alt.Legend(orient="bottom", columns=3, symbolOpacity=1)
    areas = [
        alt.Chart(pd.DataFrame([{"from": start, "to": end}]))
        .mark_rect(color=colour, opacity=0.12)  # no scale: it would split the legend of the lines
        .encode(y="from:Q", y2="to:Q")
        for start, end, colour in ((0.0, low, BLUE), (low, high, GREY), (high, 1.0, ORANGE))
    ]
    ends = alt.Chart(pd.DataFrame({"end": [low, high]})).mark_rule(color=GREY).encode(y="end:Q")
    chosen = (
        alt.Chart(rows[rows["frame"] == frame].head(1))
        .mark_rule(color=page.ink, strokeWidth=1.5, strokeDash=[4, 3])
        .encode(x="second:Q")
    )
    base = alt.Chart(rows).encode(
        x=alt.X(
            "second:Q",
            title="seconds into the clip",
            scale=alt.Scale(domain=[0, ROOM * rows["second"].max()]),
            axis=alt.Axis(grid=False, tickMinStep=0.5),
        ),
        y=alt.Y(
            "fake_probability:Q",
            title="probability of fake",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format="%", tickCount=5),
        ),
        color=alt.Color(
            "who:N",
            title=None,
            scale=alt.Scale(domain=names, range=list(PEOPLE[: len(names)])),
            legend=legend,
        ),
        tooltip=[
            alt.Tooltip("who:N", title="who"),
            alt.Tooltip("second:Q", format=".1f"),
            alt.Tooltip("fake_probability:Q", title="probability of fake", format=".0%"),
        ],
    )
    shapes = alt.Scale(domain=names, range=list(SHAPES[: len(names)]))
    points = (
        base.mark_point(filled=True, size=90, opacity=1)
        .encode(shape=alt.Shape("who:N", title=None, scale=shapes, legend=legend))
        .add_params(alt.selection_point(name=POINT, fields=["frame"], on="click"))
    )
    line = base.mark_line(strokeWidth=1.5)
    return _styled(alt.LayerChart(layer=[*areas, ends, chosen, line, points]), 260, page)


def _styled(chart: alt.LayerChart, height: int, page: Colours) -> alt.LayerChart:
    """In the page's letters; Streamlit's own theme leaves a phone hardly any room for the lines."""
    text = {
        "labelFontSize": 12,
        "labelColor": page.ink,
        "titleFontSize": 12,
        "titleColor": page.ink,
    }
    return (
        chart.properties(height=height)
        .configure(font='"Source Sans", sans-serif', background=page.ground)
        .configure_axis(**text, titleFontWeight="normal", titlePadding=8)
        .configure_legend(labelFontSize=13, labelColor=page.ink)
        .configure_view(stroke=None)
    )
