"""What charts are drawn from: every line there, named, within its ends; nothing for what is not
there."""

import math

import numpy as np
import pandas as pd
import pytest
from test_breakdown import rows

from deepfake_detector.evaluation import breakdown, plot_tables
from deepfake_detector.scoring import metrics

TABLE = pd.concat([rows(split="val", seed=1), rows()], ignore_index=True).assign(
    **dict.fromkeys(breakdown.FACTS, np.arange(160.0))
)
LEVELS = {"frame": TABLE, "video": TABLE}
SPLITS = ["val", "test"]
WHOLE = ["val, frames", "val, videos", "test, frames", "test, videos"]


@pytest.mark.parametrize("draw", [plot_tables.roc, plot_tables.pr])
def test_curves_are_drawn_of_each_split_and_level_with_the_operating_points(draw):
    found = draw(LEVELS, SPLITS, 0.5)
    curves = list(dict.fromkeys(found["curve"]))
    assert curves[:4] == WHOLE
    points = found[found["curve"] == "at the threshold"]
    assert len(points) == 4
    figures = metrics.figures(rows()["label"], rows()["fake_probability"], 0.5)
    assert points["recall"].iloc[-1] == figures["recall"]
    assert ("chance" in curves) == (draw is plot_tables.roc)


def test_each_of_several_data_sets_has_curves_of_its_own():
    two = pd.concat([TABLE, rows(data_set="other", seed=2)])
    found = plot_tables.roc({"video": two}, SPLITS, 0.5)
    assert {"test, one, videos", "test, other, videos", "test, videos"} <= set(found["curve"])
    assert "val, one, videos" not in set(found["curve"])  # the only one there


def test_one_class_alone_has_no_curve():
    reals = TABLE[TABLE["label"] == 0]
    assert set(plot_tables.roc({"video": reals}, SPLITS, 0.5)["curve"]) == {"chance"}
    assert plot_tables.pr({"video": reals}, SPLITS, 0.5).columns.tolist() == [
        "curve",
        "recall",
        "precision",
    ]


def test_confusion_cells_are_the_figures():
    found = plot_tables.confusion(LEVELS, SPLITS, 0.5)
    figures = metrics.figures(rows()["label"], rows()["fake_probability"], 0.5)
    cells = found[found["curve"] == "test, videos"].set_index(["actual", "predicted"])
    assert cells.loc[("real", "fake"), "count"] == figures["false_fake"]
    assert cells.loc[("fake", "fake"), "share"] == pytest.approx(figures["recall"])
    assert cells["share"].sum() == pytest.approx(2)


def test_reliability_is_drawn_before_and_after_scaling():
    found = plot_tables.reliability_diagram(LEVELS, SPLITS)
    counts = found.groupby(["curve", "scaling"])["count"].sum()
    assert sorted({curve for curve, _ in counts.index}) == sorted(WHOLE)
    assert (counts == 80).all()
    ends = found.set_index("curve")["share_low"].notna()
    assert ends["test, videos"].all()
    assert not ends["test, frames"].any()


def test_what_could_not_be_judged_is_in_no_chart():
    unknown = TABLE.assign(logit=math.nan, fake_probability=math.nan)
    assert plot_tables.histogram({"video": unknown}, SPLITS)["count"].sum() == 0
    assert plot_tables.reliability_diagram({"video": unknown}, SPLITS).empty
    assert plot_tables.slices({"video": unknown}, SPLITS, 0.5).empty


@pytest.mark.slow
def test_bars_name_what_they_stand_for():
    figures = breakdown.all_figures(LEVELS, SPLITS, 0.5)
    methods = plot_tables.methods(figures["methods"])
    assert set(methods["name"]) == {"one/swap", "one/reenact"}
    assert sorted(set(methods["curve"])) == sorted(WHOLE)
    slices = plot_tables.slices(LEVELS, ["test"], 0.5)
    assert slices["name"].iloc[0] == "face size 80 to 106"
    assert len(slices) == 2 * 3 * len(breakdown.FACTS)
