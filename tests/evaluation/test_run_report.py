"""The run's page: every figure as the metrics have it, words where something is missing."""

import json
import re
from pathlib import Path

import pytest

from deepfake_detector.evaluation import breakdown, run_report


@pytest.fixture(scope="module")
def metrics() -> dict:
    """The committed figures of the demo."""
    names = ("split", "verify", "train", "evaluation", "robustness")
    return {name: json.loads(Path(f"metrics/{name}.json").read_text()) for name in names}


def test_the_headline_table_has_every_figure_with_its_interval(metrics):
    for level in metrics["evaluation"]["val"].values():
        level["interval_reason"] = "too few groups"
    section = run_report.headline(metrics["evaluation"])
    table = {row["figure"]: row for row in section.rows}
    own = metrics["evaluation"]["test"]["video"]
    assert table["ROC-AUC"]["test, videos"] == (
        f"{own['roc_auc']:.3f} ({own['roc_auc_low']:.3f} to {own['roc_auc_high']:.3f})"
    )
    assert table["count"]["test, videos"] == str(own["count"])
    assert set(table) == set(breakdown.HEADLINE.values())
    assert "too few groups" in section.text[1]  # of validation


def test_in_short_it_tells_what_was_learned_from_and_what_came_out(metrics):
    recipe = {"network": "resnet34", "init": "random", "input_size": 80}
    text = " ".join(
        run_report.in_short(
            metrics["split"], metrics["train"], metrics["evaluation"], "shares", recipe
        ).text
    )
    items = metrics["split"]["items"]["train"]
    assert (
        f"train {items['real']} real and {items['fake']} fake of {items['groups']} groups" in text
    )
    assert f"ROC-AUC {metrics['evaluation']['test']['video']['roc_auc']:.3f}" in text
    assert "0 leaks" in text


@pytest.mark.parametrize(
    ("own", "cell"),
    [
        ({"x": None}, "–"),
        ({}, "–"),
        ({"x": 7}, "7"),
        ({"x": 0.5}, "0.500"),
        ({"x": 0.5, "x_low": 0.4, "x_high": 0.6}, "0.500 (0.400 to 0.600)"),
    ],
)
def test_a_cell_tells_what_there_is(own, cell):
    assert run_report.with_interval(own, "x") == cell


def test_without_a_class_it_says_so(metrics):
    lacking = metrics["evaluation"]["test"] | {
        "video": metrics["evaluation"]["test"]["video"] | {"roc_auc": None}
    }
    recipe = {"network": "resnet34", "init": "random", "input_size": 80}
    section = run_report.in_short(
        metrics["split"], metrics["train"], {"test": lacking}, "shares", recipe
    )
    assert any("one class is missing" in line for line in section.text)


def test_other_material_stands_beside_the_set_learned_from(metrics):
    own = metrics["evaluation"]["test"]
    sets = {"mine": {"test": own}, "theirs": {"test": own}}
    section = run_report.across_sets({"data_sets": sets}, {"mine": "train", "theirs": "test"})
    assert [(row["data set"], row["seen in training"]) for row in section.rows] == [
        *[("mine", "yes")] * 2,
        *[("theirs", "no")] * 2,
    ]
    assert "not known" in run_report.across_sets({}, {"mine": "train"}).text[0]
    assert (
        "not known"
        in run_report.across_sets({"data_sets": sets}, {"mine": "train", "theirs": "train"}).text[0]
    )


def test_it_tells_how_far_other_material_is_from_the_set_learned_from():
    def measured(auc: float | None) -> dict:
        return {"video": {"count": 4, "roc_auc": auc, "coverage": 1.0}}

    sets = {"a": {"val": measured(0.875)}, "b": {"val": measured(1.0), "test": measured(0.75)}}
    sets |= {"c": {"test": measured(0.5)}, "d": {"test": measured(None)}}
    uses = {"a": "train", "b": "train", "c": "test", "d": "test"}
    assert run_report.across_sets({"data_sets": sets}, uses).text[1:] == [
        "ROC-AUC by video is 0.500 on c (test) and 0.875 on a (val), which was learned from: "
        "-0.375.",
        "ROC-AUC by video is 0.500 on c (test) and 0.750 on b (test), which was learned from: "
        "-0.250.",
    ]


@pytest.mark.parametrize(
    ("left", "told"),
    [(0, "clips of groups that training never saw: ROC-AUC"), (1, "clips: ROC-AUC")],
)
def test_clips_are_called_unseen_only_where_no_leak_is_left(metrics, left, told):
    split = metrics["split"] | {"leaks": {"found": 1, "left": left, "by_name": ["source 605"]}}
    recipe = {"network": "resnet34", "init": "random", "input_size": 80}
    text = run_report.in_short(
        split, metrics["train"], metrics["evaluation"], "official", recipe
    ).text
    assert any(told in line for line in text)


def test_the_robustness_table_has_a_row_per_corruption(metrics):
    section = run_report.robustness(metrics["robustness"], "<svg>")
    assert len(section.rows) == 9
    cell = metrics["robustness"]["video"]["blur"]["5"]
    row = next(row for row in section.rows if row["corruption"] == "blur")
    assert row["level 5"] == f"{cell['roc_auc']:.3f} ({cell['accuracy']:.2f})"


def test_the_page_is_one_file_that_needs_nothing_else(in_toy_project):
    page = Path("plots/run_report.html").read_text()
    assert run_report.DEMONSTRATION in page
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert page.count("<svg") == len(run_report.CHARTS)
    for title in ("In short", "How good it is", "When pictures suffer", "Limits"):
        assert f"<h2>{title}</h2>" in page
