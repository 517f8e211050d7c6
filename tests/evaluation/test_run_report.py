"""The run's page: every figure as the metrics have it, words where something is missing."""

import html
import json
import re
from pathlib import Path

import pytest
from made import LIMITS, QUALITY

from deepfake_detector.evaluation import breakdown, run_report
from deepfake_detector.pages.html_page import Chart
from deepfake_detector.training.settings import Train

NOTHING_DRAWN = {"items": 0, "data_sets": {}, "ties": {}, "remedy": ""}
RECIPE = {"network": "resnet34", "init": "random", "input_size": 80, "seed": 3, "fakes": "all"}


@pytest.fixture(scope="module")
def metrics() -> dict:
    """The committed figures of the demo."""
    names = ("split", "verify", "train", "evaluation", "robustness")
    found = {name: json.loads(Path(f"metrics/{name}.json").read_text()) for name in names}
    found["split"] |= {"drawn_away": NOTHING_DRAWN, "sources": {"demo": {"items": 9, "named": 9}}}
    return found


def test_the_chart_of_slices_names_the_facts_that_are_drawn():
    facts = ("face size", "sharpness", "brightness", "frames with a face")
    assert all(fact in run_report.CHARTS["slices"] for fact in facts)


def test_the_headline_table_has_every_figure_with_its_interval(metrics):
    for level in metrics["evaluation"]["val"].values():
        level["interval_reason"] = "too few groups"
    places = {part: metrics["evaluation"][part] for part in ("test", "val")}
    summary = breakdown.summary(metrics["evaluation"])
    section = run_report.headline(summary, places | {"theirs": places["val"]})
    table = {row["figure"]: row for row in section.rows}
    own = metrics["evaluation"]["test"]["video"]
    assert table["ROC-AUC"]["test (in-set), videos"] == (
        f"{own['roc_auc']:.3f} ({own['roc_auc_low']:.3f} to {own['roc_auc_high']:.3f})"
    )
    assert table["count"]["test (in-set), videos"] == str(own["count"])
    assert table["count"]["theirs (held out), videos"] == table["count"]["val, videos"]
    assert set(table) == set(breakdown.HEADLINE.values())
    assert "too few groups" in section.text[2]  # of validation


@pytest.mark.parametrize(
    ("summary", "told"),
    [
        (
            {"val_auc": 0.9, "test_auc": 0.8, "test_lo": 0.7, "test_hi": 0.95},
            "0.800 (0.700 to 0.950) on test (in-set).",
        ),
        ({"val_auc": 0.9, "val_loss": 0.5}, "0.900 on val."),
        (
            {"test_auc": 0.8, "held_auc": 0.5, "held_set": "theirs"},
            "0.800 on test (in-set); 0.500 on theirs (held out), the lowest of those held out.",
        ),
        ({}, "undefined."),
    ],
)
def test_the_headline_is_the_summary_in_a_sentence(summary, told):
    assert run_report.headline(summary, {}).text[0] == f"ROC-AUC by video: {told}"


def test_in_short_it_tells_what_was_learned_from_and_what_came_out(metrics):
    text = " ".join(
        run_report.in_short(
            metrics["split"], metrics["train"], metrics["evaluation"], "shares", RECIPE
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
    section = run_report.in_short(
        metrics["split"], metrics["train"], {"test": lacking}, "shares", RECIPE
    )
    assert any("one class is missing" in line for line in section.text)


def short(metrics: dict, evaluation: dict | None = None, **split: object) -> str:
    """What is told in short of the committed figures with others in their place."""
    found = metrics["evaluation"] if evaluation is None else evaluation
    split = metrics["split"] | split
    return " ".join(run_report.in_short(split, metrics["train"], found, "shares", RECIPE).text)


def test_in_set_and_held_out_clips_are_told_apart(metrics):
    test, val = (metrics["evaluation"][part] for part in ("test", "val"))
    text = short(metrics, {"val": val, "test": test, "held_out": {"theirs": val}})
    assert f"On test (in-set), {test['video']['count']} clips of groups" in text
    assert f"On theirs (held out), {val['video']['count']} clips of groups" in text
    assert "On val" not in text
    text = short(metrics, {"val": val, "held_out": {"theirs": test}})
    assert "On val, " in text
    assert "On theirs (held out), " in text
    items = metrics["split"]["items"]
    counted = {"groups": 2, "real": 4, "fake": 5}
    text = short(metrics, items=items | {"held_out": {"theirs": counted}})
    assert "theirs (held out) 4 real and 5 fake of 2 groups" in text


def test_of_few_clips_no_share_is_told(metrics):
    cells = {"true_real": 17, "false_fake": 3, "true_fake": 18, "false_real": 1}
    own = metrics["evaluation"]["test"] | {"video": metrics["evaluation"]["test"]["video"] | cells}
    assert (
        "of 20 real clips 3 are called fake, 19 fake clips are too few to say how many are found."
    ) in short(metrics, {"test": own})


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ({"a": (9, 9)}, "are named in 1 of 1 data sets."),
        (
            {"a": (9, 9), "b": (9, 0), "c": (9, 9)},
            "are named in 2 of 3 data sets, not in b (0 of 9 items): the same person",
        ),
        ({"a": (9, 4)}, "are named in 0 of 1 data sets, not in a (4 of 9 items): the same person"),
    ],
)
def test_of_people_it_says_what_is_known(metrics, sources, told):
    known = {name: {"items": items, "named": named} for name, (items, named) in sources.items()}
    assert told in short(metrics, sources=known)


def test_what_a_held_out_set_drew_away_is_counted_and_named_with_the_remedy(metrics):
    assert "not in training" not in short(metrics)
    drawn = {"items": 7, "data_sets": {"mine": 7}, "ties": {"source anna": "drawn away x"}}
    text = short(metrics, drawn_away=drawn | {"remedy": "Mend it."})
    assert "7 items (7 of mine) are in test, not in training" in text
    assert "source anna: drawn away x. Mend it." in text
    ties = {f"source {number}": "x" for number in range(run_report.NAMED + 2)}
    text = short(metrics, drawn_away=drawn | {"ties": ties, "remedy": "Mend it."})
    assert "; and 2 more in metrics/split.json. Mend it." in text


def test_other_material_stands_beside_the_set_learned_from(metrics):
    own = metrics["evaluation"]["test"]
    found = {"test": own, "held_out": {"theirs": own}}
    section = run_report.across_sets(found, ["mine"])
    assert [
        (row["data set, or method of one"], row["seen in training"], row["of"])
        for row in section.rows
    ] == [
        ("mine", "yes", "test (in-set), frames"),
        ("mine", "yes", "test (in-set), videos"),
        ("theirs", "no", "theirs (held out), frames"),
        ("theirs", "no", "theirs (held out), videos"),
    ]
    assert "not known" in run_report.across_sets({"test": own}, ["mine"]).text[0]
    sets = {"mine": {"test": own}, "yours": {"test": own}}
    assert "not known" in run_report.across_sets({"data_sets": sets}, [*sets]).text[0]


def test_it_tells_how_far_other_material_is_from_the_set_learned_from():
    def measured(auc: float | None) -> dict:
        return {"video": {"count": 4, "roc_auc": auc, "coverage": 1.0}}

    sets = {"a": {"val": measured(0.875)}, "b": {"val": measured(1.0), "test": measured(0.75)}}
    found = {"data_sets": sets, "held_out": {"c": measured(0.5), "d": measured(None)}}
    assert run_report.across_sets(found, ["a", "b"]).text[1:] == [
        "ROC-AUC by video is 0.500 on c (held out) and 0.875 on a, val, which was learned from: "
        "-0.375.",
        "ROC-AUC by video is 0.500 on c (held out) and 0.750 on b, test (in-set), which was "
        "learned from: -0.250.",
    ]


@pytest.mark.parametrize(
    ("left", "told"),
    [(0, "clips of groups that training never saw: ROC-AUC"), (1, "clips: ROC-AUC")],
)
def test_clips_are_called_unseen_only_where_no_leak_is_left(metrics, left, told):
    split = metrics["split"] | {"leaks": {"found": 1, "left": left, "by_name": {"source 605": "x"}}}
    text = run_report.in_short(
        split, metrics["train"], metrics["evaluation"], "official", RECIPE
    ).text
    assert any(told in line for line in text)


def test_it_is_told_how_much_of_each_class_no_figure_counts(metrics):
    shares = {"one": {"real": 0.0005, "fake": 0.033}, "two": {"fake": 0.5}}
    section = run_report.data_checks(metrics["verify"] | {"dropped_shares": shares})
    assert section.text[1] == (
        "Dropped, duplicates among them: of one 0.1% of the real ones, 3.3% of the fake ones; of two "
        "50.0% of the fake ones. No figure counts these."
    )
    section = run_report.data_checks(metrics["verify"] | {"dropped_shares": {}})
    assert not any("Dropped" in line for line in section.text)


@pytest.mark.parametrize(("fakes", "told"), [("all", False), ("none", True)])
def test_it_is_told_where_no_fakes_were_learned_from(metrics, fakes, told):
    text = run_report.in_short(
        metrics["split"],
        metrics["train"],
        metrics["evaluation"],
        "shares",
        RECIPE | {"fakes": fakes},
    ).text
    assert any("None of train's fakes were learned from" in line for line in text) == told


def test_the_robustness_table_has_a_row_per_corruption(metrics):
    section = run_report.robustness(metrics["robustness"], Chart("<svg>"))
    assert len(section.rows) == 10
    cell = metrics["robustness"]["video"]["blur"]["5"]
    row = next(row for row in section.rows if row["corruption"] == "blur")
    assert row["level 5"] == f"{cell['roc_auc']:.3f} ({cell['accuracy']:.2f})"


@pytest.mark.parametrize(
    ("drop", "aucs", "told"),
    [
        (0.25, (0.9, 0.8), "25.0%"),
        (0.25, (0.9, None), "25.0% (without 1 of 2 cases, which left a class no face)"),
        (None, (None, None), "undefined (without 2 of 2 cases, which left a class no face)"),
        (None, (), "undefined"),
    ],
)
def test_a_drop_says_what_it_leaves_out(drop, aucs, told):
    levels = {str(level): {"roc_auc": auc} for level, auc in enumerate(aucs, start=1)}
    figures = {"none": {"0": {"roc_auc": None}}, "blur": levels, "mean_relative_drop": drop}
    assert run_report.drop_in_words(figures) == told


def test_the_quality_table_has_a_row_for_each_corruption_and_level():
    section = run_report.quality(LIMITS, QUALITY)
    assert section.rows == [
        {
            "corruption": "blur",
            "level": "5",
            "with a verdict": "0.00",
            "without limits": "1.00",
            "accuracy": "undefined",
            "accuracy without limits": "0.800",
        }
    ]
    assert "at most 5.0% of the verdicts are wrong" in section.text[0]


def test_the_page_is_one_file_that_needs_nothing_else(in_toy_project):
    page = Path("plots/run_report.html").read_text()
    assert run_report.DEMONSTRATION in page
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert page.count("<svg") == len(run_report.CHARTS)
    for title in (
        "In short",
        "How good it is",
        "Limits of face quality",
        "Robustness to corrupted frames",
        "Limits",
    ):
        anchor = re.search(rf'<h2 id="(.+?)">{title}</h2>', page)[1]
        assert f'<a href="#{anchor}">{title}</a>' in page
    for name in run_report.CHARTS:
        assert html.escape(run_report.CHARTS[name], quote=False) in page


def test_each_setting_that_is_another_than_by_default_is_told(metrics):
    settings = Train(seed=7, augment={"jpeg": 0.25})
    section = run_report.training(metrics["train"], settings, Chart("<svg>"))
    found = {row["setting"]: (row["here"], row["by default"]) for row in section.rows}
    usual = Train()
    assert found == {"seed": (7, usual.seed), "augment.jpeg": (0.25, usual.augment.jpeg)}
    assert run_report.training(metrics["train"], usual, Chart("<svg>")).rows == []
