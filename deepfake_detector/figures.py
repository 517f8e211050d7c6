"""The charts of the run report, as SVG that comes back byte for byte; each from the table that `dvc plots` draws too."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from deepfake_detector.plot_tables import CHANCE, OPERATING_POINT

MARKS = "os^Dvx"
REAL, FAKE, GREY = "#0072b2", "#d55e00", "#999999"
STYLE = {
    "svg.hashsalt": "deepfake-detector",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.3,
}


def curves(table: pd.DataFrame, x: str, y: str, x_label: str, y_label: str, title: str) -> str:
    """A line per `curve`, the chance line dashed, the operating points as dots."""
    with _axes(title, x_label, y_label, 4.6, 4.2) as (axes, drawn):
        for name, own in table.groupby("curve", sort=False):
            if name == CHANCE:
                axes.plot(own[x], own[y], "--", color=GREY, linewidth=1)
            elif name == OPERATING_POINT:
                axes.plot(own[x], own[y], "o", color="black", markersize=4, label=name)
            else:
                axes.plot(own[x], own[y], linewidth=1.3, label=name)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.legend(loc="best", fontsize=7)
    return drawn()


def reliability(table: pd.DataFrame, curve: str) -> str:
    own = table[table["curve"] == curve]
    with _axes(f"Reliability, {curve}", "mean probability of fake", "share of fakes", 3.6, 3.4) as (axes, drawn):
        axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1)
        for scaling, colour in (("before scaling", FAKE), ("after scaling", REAL)):
            rows = own[own["scaling"] == scaling]
            axes.plot(
                rows["fake_probability"], rows["share"], "o-", color=colour, markersize=3, linewidth=1, label=scaling
            )
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.legend(loc="upper left", fontsize=7)
    return drawn()


def histogram(table: pd.DataFrame, curve: str, threshold: float) -> str:
    own = table[table["curve"] == curve]
    with _axes(f"Scores, {curve}", "probability of fake", "count", 3.6, 3.4) as (axes, drawn):
        for label, colour in (("real", REAL), ("fake", FAKE)):
            rows = own[own["label"] == label]
            axes.bar(rows["fake_probability"], rows["count"], width=0.045, color=colour, alpha=0.6, label=label)
        axes.axvline(threshold, color="black", linestyle=":", linewidth=1, label="threshold")
        axes.legend(fontsize=7)
    return drawn()


def bars(table: pd.DataFrame, curve: str, title: str) -> str:
    """ROC-AUC by `name` with its interval, where there is one."""
    own = table[(table["curve"] == curve) & table["roc_auc"].notna()].iloc[::-1]
    with _axes(f"{title}, {curve}", "ROC-AUC, 95 % interval", "", 6.0, 0.9 + 0.28 * len(own)) as (axes, drawn):
        places = np.arange(len(own))
        axes.barh(places, own["roc_auc"], height=0.6, color=REAL, alpha=0.6)
        axes.hlines(places, own["roc_auc_low"], own["roc_auc_high"], color="black", linewidth=1.5)
        axes.set_yticks(places, own["name"], fontsize=7)
        axes.set(xlim=(0, 1))
        axes.axvline(0.5, color=GREY, linestyle="--", linewidth=1)
    return drawn()


def robustness(table: pd.DataFrame) -> str:
    own = table[table["of"] == "video"]
    with _axes("Robustness, videos", "level (0: clean)", "ROC-AUC", 5.2, 3.8) as (axes, drawn):
        for number, (name, rows) in enumerate(own.groupby("corruption", sort=False)):
            axes.plot(rows["level"], rows["roc_auc"], "o-", markersize=3, linewidth=1.2, color=f"C{number}", label=name)
        axes.axhline(0.5, color=GREY, linestyle="--", linewidth=1)
        axes.set_xticks(range(6))
        axes.legend(fontsize=7, loc="lower left")
    return drawn()


def gauge(fake_probability: float, low: float, high: float) -> str:
    """A score on its way from REAL to FAKE, with the band between."""
    title = f"Probability of fake: {fake_probability:.0%}"
    with _axes(title, "", "", 6.4, 1.3) as (axes, drawn):
        for left, right, colour in ((0, low, REAL), (low, high, GREY), (high, 1, FAKE)):
            axes.barh(0, right - left, left=left, color=colour, alpha=0.45)
        axes.plot([fake_probability] * 2, [-0.55, 0.55], color="black", linewidth=3)
        axes.text(0.01, 0, "REAL", va="center")
        axes.text(0.99, 0, "FAKE", va="center", ha="right")
        axes.set(xlim=(0, 1), ylim=(-0.6, 0.6), yticks=[])
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.grid(visible=False)
    return drawn()


def timeline(table: pd.DataFrame, low: float, high: float) -> str:
    """Every face judged, by second; a line and a mark per person, the band in grey."""
    with _axes("Through the clip", "second", "probability of fake", 7.6, 3.0) as (axes, drawn):
        axes.axhspan(low, max(high, low + 0.004), color=GREY, alpha=0.35)
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


def training(table: pd.DataFrame) -> list[str]:
    """Loss and validation ROC-AUC by epoch."""
    drawings = []
    for title, names in (
        ("Loss", ["train_loss", "val_frame_log_loss", "val_video_log_loss"]),
        ("Validation ROC-AUC", ["val_frame_roc_auc", "val_video_roc_auc"]),
    ):
        with _axes(title, "epoch", "", 4.0, 3.0) as (axes, drawn):
            for name in names:
                axes.plot(table["epoch"], table[name], "o-", markersize=3, linewidth=1.2, label=name.replace("_", " "))
            axes.legend(fontsize=7)
        drawings.append(drawn())
    return drawings


@contextmanager
def _axes(title: str, x_label: str, y_label: str, width: float, height: float) -> Iterator:
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
    return f'<svg role="img" aria-label="{escape(title)}"' + text[text.index("<svg") + len("<svg") :]
