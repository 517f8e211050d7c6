"""The run report's charts: every series there and named, the same bytes on every machine, a picture
even of nothing."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pandas as pd
import pytest
from fontTools.ttLib import TTFont

from deepfake_detector.evaluation import run_charts, run_report

THRESHOLD = 0.42
NAMES = sorted(path.stem for path in Path(".dvc/plots").glob("*.json"))
TEMPLATES = {name: json.loads(Path(f".dvc/plots/{name}.json").read_text()) for name in NAMES}
TABLES = {name: pd.read_csv(f"plots/{name}.csv") for name in NAMES}  # of the committed run


def draw(**tables: pd.DataFrame) -> dict[str, str]:
    """The run report's charts by name, from the tables given."""
    templates = {name: TEMPLATES[name] for name in tables}
    return drawn(templates, tables, ["test"])


def drawn(templates: dict, tables: dict[str, pd.DataFrame], places: list[str]) -> dict[str, str]:
    charts = run_report.draw(templates, tables, places, THRESHOLD)
    return {name: chart.svg for name, chart in charts.items()}


@pytest.fixture(scope="module")
def charts() -> dict[str, str]:
    return draw(**{name: TABLES[name] for name in run_report.CHARTS})


def texts(svg: str) -> list[str]:
    return [
        node.text for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]


def marks(svg: str, kind: str) -> int:
    """How many marks of a kind stand for data (and not for an axis or a legend)."""
    groups = [
        group
        for group in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}g")
        if group.get("class", "").startswith(f"mark-{kind} role-mark")
    ]
    return sum(len(group) for group in groups)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["roc", "pr"])
def test_each_curve_is_drawn_and_named_with_its_operating_point(charts, name):
    curves = set(TABLES[name]["curve"])
    panels = 2 if name == "roc" else 1  # the second with few false alarms drawn large
    points = (TABLES[name]["curve"] == "at the threshold").sum()
    assert curves - {"chance"} <= set(texts(charts[name]))
    assert marks(charts[name], "line") == panels * len(curves - {"at the threshold"})
    assert marks(charts[name], "symbol") == panels * points


@pytest.mark.slow
@pytest.mark.parametrize("place", ["demo/swap, v2", "a, frames"])
def test_a_place_of_any_name_is_drawn(place):
    table = TABLES["confusion"]
    renamed = table.assign(curve=table["curve"].str.replace("test, ", f"{place}, ", regex=False))
    chart = drawn({"confusion": TEMPLATES["confusion"]}, {"confusion": renamed}, [place])
    assert texts(chart["confusion"]).count(f"{place}, frames") == 1
    assert "val, frames" not in texts(chart["confusion"])


@pytest.mark.slow
def test_the_axes_of_a_roc_say_what_is_called_what(charts):
    assert {
        "false positive rate (real called fake)",
        "true positive rate (fake called fake)",
    } <= set(texts(charts["roc"]))


@pytest.mark.slow
def test_scores_are_drawn_by_label_with_the_threshold_of_the_places_named(charts):
    found = texts(charts["scores"])
    assert {"test, frames", "test, videos", "real", "fake"} <= set(found)
    assert found.count("threshold") == 2
    assert "val, videos" not in found
    own = TABLES["scores"]["curve"].str.startswith("test")
    assert marks(charts["scores"], "rect") == own.sum()
    assert marks(charts["scores"], "rule") == 2


def test_a_split_that_was_not_read_is_not_waited_for():
    found = drawn({"scores": TEMPLATES["scores"]}, TABLES, ["val"])
    assert {"val, frames", "val, videos"} <= set(texts(found["scores"]))


def test_a_held_out_data_set_has_panels_beside_those_of_in_set_test():
    own = TABLES["scores"]
    theirs = own.assign(curve=own["curve"].str.replace("test", "testimony"))
    template = {"scores": TEMPLATES["scores"]}
    both = drawn(template, {"scores": pd.concat([own, theirs])}, ["test", "testimony"])
    found = set(texts(both["scores"]))
    assert {"test, videos", "testimony, videos"} <= found
    assert "val, videos" not in found
    without = drawn(template, {"scores": theirs}, ["test"])
    assert "testimony, videos" not in set(texts(without["scores"]))


def test_reliability_is_drawn_before_and_after_scaling_beside_the_diagonal(charts):
    assert {"before scaling", "after scaling"} <= set(texts(charts["reliability"]))
    assert marks(charts["reliability"], "line") == 2 * 2
    own = TABLES["reliability"][TABLES["reliability"]["curve"] == "test, videos"]
    intervals = (own["scaling"] == "after scaling").sum()
    assert marks(charts["reliability"], "rule") == 2 + intervals


@pytest.mark.parametrize("name", ["methods", "slices"])
def test_bars_are_named_and_have_their_intervals_where_there_are_some(charts, name):
    own = TABLES[name][TABLES[name]["curve"].str.startswith("test")]
    assert set(own["name"]) <= set(texts(charts[name]))
    assert marks(charts[name], "rect") == len(own)
    assert marks(charts[name], "rule") == own["roc_auc_low"].notna().sum() + 2  # and chance


def test_robustness_has_a_panel_for_each_corruption_with_chance_in_it(charts):
    corruptions = set(TABLES["robustness"]["corruption"])
    assert corruptions <= set(texts(charts["robustness"]))
    assert marks(charts["robustness"], "line") == len(corruptions)
    assert marks(charts["robustness"], "rule") == len(corruptions)
    points = (TABLES["robustness"]["of"] == "video").sum()
    assert marks(charts["robustness"], "symbol") == points


def test_training_is_drawn_figure_by_figure(charts):
    figures = set(TABLES["training"].columns) - {"epoch"}
    assert {name.replace("_", " ") for name in figures} <= set(texts(charts["training"]))
    assert marks(charts["training"], "symbol") == len(figures) * len(TABLES["training"])


@pytest.mark.parametrize("name", run_report.CHARTS)
def test_a_chart_of_one_run_is_labelled_and_says_nothing_of_revisions(charts, name):
    assert charts[name].startswith(f'<svg role="img" aria-label="{TEMPLATES[name]["title"]}"')
    assert not {"revision", "undefined", "null", "NaN"} & set(texts(charts[name]))
    assert not re.findall(r"<script|href=|\bid=", charts[name])


@pytest.mark.parametrize("name", NAMES)
def test_nothing_at_all_makes_a_picture_too(name):
    svg = run_charts.svg(TEMPLATES[name], TABLES[name].iloc[:0])
    assert all(
        float(side) < 1000 for side in re.search(r'width="(.+?)" height="(.+?)"', svg).groups()
    )


@pytest.mark.parametrize("name", run_report.CHARTS)
def test_a_table_of_nothing_is_drawn_too(name):
    """As of few clips, of which no reliability is told."""
    empty = pd.read_csv(io.StringIO(TABLES[name].iloc[:0].to_csv(index=False)))
    assert "<svg" in drawn({name: TEMPLATES[name]}, {name: empty}, ["test"])[name]


def test_what_has_no_figure_has_no_bar_and_no_interval():
    unknown = dict.fromkeys(("roc_auc", "roc_auc_low", "roc_auc_high"), float("nan"))
    svg = draw(methods=TABLES["methods"].assign(**unknown))["methods"]
    assert marks(svg, "rect") == 0
    assert marks(svg, "rule") == 2  # chance


def test_names_are_not_taken_for_markup():
    svg = draw(methods=TABLES["methods"].assign(name="<b>&"))["methods"]
    assert "<b>&" in texts(svg)


FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{}</dir></fontconfig>"""
DRAW = """
from test_run_charts import TABLES, draw
print(draw(roc=TABLES["roc"])["roc"])
"""


@pytest.mark.slow
def test_the_fonts_of_the_machine_do_not_change_a_byte(charts, tmp_path):
    font = TTFont(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"))
    for record in font["name"].names:
        if record.nameID in (1, 4, 16):
            record.string = "Arial"
    font.save(tmp_path / "wide.ttf")
    (tmp_path / "fonts.conf").write_text(FONTS.format(tmp_path))
    elsewhere = os.environ | {
        "FONTCONFIG_FILE": str(tmp_path / "fonts.conf"),
        "PYTHONPATH": str(Path(__file__).parent),
    }
    done = subprocess.run(
        [sys.executable, "-c", DRAW], env=elsewhere, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == charts["roc"]
