"""The charts of the run report, each from the table that `dvc plots` draws too."""

import numpy as np
import pandas as pd

from deepfake_detector.evaluation.plot_tables import CHANCE, OPERATING_POINT
from deepfake_detector.pages.svg import FAKE, GREY, REAL, chart


def curves(table: pd.DataFrame, x: str, y: str, x_label: str, y_label: str, title: str) -> str:
    """A line per `curve`, the chance line dashed, the operating points as dots."""
    with chart(title, x_label, y_label, 4.6, 4.2) as (axes, drawn):
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
    with chart(f"Reliability, {curve}", "mean probability of fake", "share of fakes", 3.6, 3.4) as (
        axes,
        drawn,
    ):
        axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1)
        for scaling, colour in (("before scaling", FAKE), ("after scaling", REAL)):
            rows = own[own["scaling"] == scaling]
            axes.plot(
                rows["fake_probability"],
                rows["share"],
                "o-",
                color=colour,
                markersize=3,
                linewidth=1,
                label=scaling,
            )
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.legend(loc="upper left", fontsize=7)
    return drawn()


def histogram(table: pd.DataFrame, curve: str, threshold: float) -> str:
    own = table[table["curve"] == curve]
    with chart(f"Scores, {curve}", "probability of fake", "count", 3.6, 3.4) as (axes, drawn):
        for label, colour in (("real", REAL), ("fake", FAKE)):
            rows = own[own["label"] == label]
            axes.bar(
                rows["fake_probability"],
                rows["count"],
                width=0.045,
                color=colour,
                alpha=0.6,
                label=label,
            )
        axes.axvline(threshold, color="black", linestyle=":", linewidth=1, label="threshold")
        axes.legend(fontsize=7)
    return drawn()


def bars(table: pd.DataFrame, curve: str, title: str) -> str:
    """ROC-AUC by `name` with its interval, where there is one."""
    own = table[(table["curve"] == curve) & table["roc_auc"].notna()].iloc[::-1]
    with chart(f"{title}, {curve}", "ROC-AUC, 95 % interval", "", 6.0, 0.9 + 0.28 * len(own)) as (
        axes,
        drawn,
    ):
        places = np.arange(len(own))
        axes.barh(places, own["roc_auc"], height=0.6, color=REAL, alpha=0.6)
        axes.hlines(places, own["roc_auc_low"], own["roc_auc_high"], color="black", linewidth=1.5)
        axes.set_yticks(places, own["name"], fontsize=7)
        axes.set(xlim=(0, 1))
        axes.axvline(0.5, color=GREY, linestyle="--", linewidth=1)
    return drawn()


def robustness(table: pd.DataFrame) -> str:
    own = table[table["of"] == "video"]
    with chart("Robustness, videos", "level (0: clean)", "ROC-AUC", 5.2, 3.8) as (axes, drawn):
        for number, (name, rows) in enumerate(own.groupby("corruption", sort=False)):
            axes.plot(
                rows["level"],
                rows["roc_auc"],
                "o-",
                markersize=3,
                linewidth=1.2,
                color=f"C{number}",
                label=name,
            )
        axes.axhline(0.5, color=GREY, linestyle="--", linewidth=1)
        axes.set_xticks(range(6))
        axes.legend(fontsize=7, loc="lower left")
    return drawn()


def training(table: pd.DataFrame) -> list[str]:
    """Loss and validation ROC-AUC by epoch."""
    drawings = []
    for title, names in (
        ("Loss", ["train_loss", "val_frame_log_loss", "val_video_log_loss"]),
        ("Validation ROC-AUC", ["val_frame_roc_auc", "val_video_roc_auc"]),
    ):
        with chart(title, "epoch", "", 4.0, 3.0) as (axes, drawn):
            for name in names:
                axes.plot(
                    table["epoch"],
                    table[name],
                    "o-",
                    markersize=3,
                    linewidth=1.2,
                    label=name.replace("_", " "),
                )
            axes.legend(fontsize=7)
        drawings.append(drawn())
    return drawings
