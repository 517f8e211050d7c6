"""The model's card: every figure as the metrics have it, and in words what is missing, drawn or not
known."""

import copy
import json
from pathlib import Path

import pandas as pd
import pytest
from made import LIMITS, QUALITY
from ruamel.yaml import YAML

from deepfake_detector.datasets.settings import DataSet, FolderSet
from deepfake_detector.evaluation import breakdown, model_card, run_report
from deepfake_detector.scoring.decision import Decision, Validation

NAMES = ("split", "verify", "train", "evaluation", "export", "robustness")
DEMO = {"demo": DataSet(layout="demo", root="data/raw/demo", use="train")}
MINE = {"mine": FolderSet(layout="folder", root="/clips", use="train", kind="media")}
THEIRS = {"theirs": FolderSet(layout="folder", root="/theirs", use="test", kind="media")}
DECISION = Decision(
    min_faces=8,
    temperature=1.25,
    threshold=0.4,
    band_low=0.3,
    band_high=0.45,
    several=(),
    recalibrated="",
    unproven="",
    validation=Validation(
        real_clips=20,
        fake_clips=19,
        inconclusive=5,
        wrong_outside_band=2,
        real_scores=(),
        fake_scores=(),
    ),
)


@pytest.fixture
def metrics() -> dict:
    """The committed figures of the demo."""
    found = {name: json.loads(Path(f"metrics/{name}.json").read_text()) for name in NAMES}
    found["split"] |= {"drawn_away": {"items": 0}, "sources": {"demo": {"items": 9, "named": 9}}}
    found["quality"] = QUALITY
    found["summary"] = breakdown.summary(found["evaluation"])
    return found


def items(method: str = "swap") -> pd.DataFrame:
    counts = (("real", "train", 3), ("real", "test", 2), (method, "train", 4), (method, "val", 1))
    rows = [
        {"data_set": "demo", "method": kind, "part": part}
        for kind, part, count in counts
        for _ in range(count)
    ]
    return pd.DataFrame(rows)


def card(
    metrics: dict,
    data_sets: dict = DEMO,
    decision: Decision = DECISION,
    dealt: pd.DataFrame | None = None,
) -> str:
    recipe = {"network": "resnet34", "init": "random", "input_size": 80, "seed": 1, "fakes": "all"}
    return model_card.card(
        metrics, decision, LIMITS, items() if dealt is None else dealt, data_sets, "shares", recipe
    )


def rows_below(text: str, title: str) -> list[list[str]]:
    """The cells of the table under a heading, its head first."""
    section = text.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [rows[0], *rows[2:]]


@pytest.mark.parametrize(("part", "title"), [("test", "test (in-set)"), ("val", "val")])
def test_it_has_every_headline_figure_of_the_split_that_was_read_last(metrics, part, title):
    if part == "val":
        del metrics["evaluation"]["test"]
    head, *rows = rows_below(card(metrics), "How good it is")
    assert head == ["figure", f"{title}, frames", f"{title}, videos"]
    cells = {row[0]: row[1:] for row in rows}
    for level, place in (("frame", 0), ("video", 1)):
        own = metrics["evaluation"][part][level]
        for name, figure in breakdown.HEADLINE.items():
            assert cells[figure][place] == run_report.with_interval(own, name)
    assert cells["ROC-AUC"][1].startswith(f"{metrics['evaluation'][part]['video']['roc_auc']:.3f}")


def test_its_interval_is_that_of_the_metrics(metrics):
    own = metrics["evaluation"]["test"]["video"]
    told = f"{own['roc_auc']:.3f} ({own['roc_auc_low']:.3f} to {own['roc_auc_high']:.3f})"
    assert (
        "| ROC-AUC | "
        f"{run_report.with_interval(metrics['evaluation']['test']['frame'], 'roc_auc')} | {told} |"
        in card(metrics)
    )


def test_a_missing_interval_is_said(metrics):
    assert "Where there is no interval" not in card(metrics)
    del metrics["evaluation"]["test"]
    for level in metrics["evaluation"]["val"].values():
        level["interval_reason"] = "too few groups"
    assert "Where there is no interval: too few groups." in card(metrics)


def test_it_tells_what_quality_is_judged_and_what_that_costs(metrics):
    section = card(metrics).split("## Limits of face quality\n")[1].split("\n## ")[0]
    assert "sharpness ratio from 0.53 up to 0.77; flatness of any value" in section
    assert "99.0% keep a verdict (100.0% without limits), of all copies 45.0% (100.0%)" in section
    assert "on copies is 0.954 (0.800)" in section


def test_its_head_is_what_hugging_face_reads(metrics):
    head = card(metrics).split("---\n")[1]
    content = YAML(typ="safe", pure=True).load(head)
    assert content["license"] == "mit"
    assert content["library_name"] == "onnx"
    assert content["pipeline_tag"] == "image-classification"
    assert "roc_auc" in content["metrics"]
    assert {"deepfake-detection", "resnet34"} <= set(content["tags"])


def test_the_network_is_the_one_that_was_trained(metrics):
    text = card(metrics)
    assert "A network (resnet34) that judges each face" in text
    assert "resnet34 from random weights at 80 pixels" in text
    assert "resnet18" not in text.lower()


def test_a_demonstration_says_so_first(metrics):
    assert (
        card(metrics)
        .split("# Deepfake detector\n\n")[1]
        .startswith(f"> **{run_report.DEMONSTRATION}**\n")
    )


@pytest.mark.parametrize("data_sets", [MINE, DEMO | MINE])
def test_what_has_seen_real_clips_is_no_demonstration_and_not_under_our_licence(metrics, data_sets):
    text = card(metrics, data_sets)
    assert run_report.DEMONSTRATION not in text
    content = YAML(typ="safe", pure=True).load(text.split("---\n")[1])
    assert (content["license"], content["license_name"]) == ("other", "terms-of-the-training-data")


def test_a_test_set_of_real_clips_leaves_it_a_demonstration(metrics):
    assert run_report.DEMONSTRATION in card(metrics, DEMO | THEIRS)


def test_without_another_data_set_the_cross_set_figure_is_said_to_be_unknown(metrics):
    assert "How the detector does on another data set is not known" in card(metrics)


def test_another_data_set_stands_beside_the_one_learned_from(metrics):
    own = metrics["evaluation"]["test"]
    worse = {level: figures | {"roc_auc": 0.5, "count": 12} for level, figures in own.items()}
    for level in worse.values():
        del level["roc_auc_low"], level["roc_auc_high"]
    metrics["evaluation"]["held_out"] = {"theirs": worse}
    metrics["evaluation"]["methods"]["theirs/swap"] = {"theirs": worse}
    text = card(metrics, DEMO | THEIRS)
    assert "not known" not in text
    seen = f"{own['video']['roc_auc']:.3f}"
    assert f"is 0.500 on theirs (held out) and {seen} on demo, test (in-set)" in text
    assert ["theirs", "no", "theirs (held out), videos", "12", "0.500", "1.000"] in rows_below(
        text, "On data sets and methods not seen in training"
    )
    places = [row[:2] for row in rows_below(text, "By method")[1:]]
    assert places == [
        ["demo/reenact", "test (in-set)"],
        ["demo/swap", "test (in-set)"],
        ["theirs/swap", "theirs (held out)"],
    ]
    head = rows_below(text, "How good it is")[0]
    assert head[1:] == [
        f"{one}, {level}"
        for one in ("test (in-set)", "theirs (held out)")
        for level in ("frames", "videos")
    ]


def test_the_files_are_told_with_size_and_parity(metrics):
    metrics["export"] |= {
        "bytes": {"fp32": 44_700_000, "int8": 11_310_000},
        "largest_logit_difference": {"fp32_below": 0.0001, "int8": 0.25},
        "val_video_roc_auc": {"torch": 0.9, "fp32": 0.9, "int8": 0.875},
    }
    text = card(metrics)
    assert rows_below(text, "What it is")[1:] == [
        ["detector.onnx", "fp32", "44.7 MB", "below 0.0001", "0.900"],
        ["detector.int8.onnx", "int8", "11.3 MB", "0.25", "0.875"],
    ]
    assert "withheld" not in text


def test_a_withheld_file_is_said_to_be(metrics):
    metrics["export"]["withheld"] = {
        "int8": "on validation int8 loses 0.050 of the ROC-AUC by video"
    }
    assert (
        "detector.int8.onnx is withheld and refuses to load: on validation int8 loses 0.050"
        in card(metrics)
    )


def test_items_are_counted_by_data_set_method_and_split(metrics):
    assert rows_below(card(metrics), "Items by data set, method and split") == [
        ["data set", "method", "train", "val", "test"],
        ["demo", "real", "3", "0", "2"],
        ["demo", "swap", "4", "1", "0"],
    ]


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.3, 0.45, "FAKE from 0.45, REAL up to 0.3, INCONCLUSIVE otherwise."),
        (0.0, 0.45, "FAKE from 0.45, never REAL, INCONCLUSIVE otherwise."),
        (0.4, 0.4, "FAKE from 0.4, REAL below; there is no inconclusive band."),
    ],
)
def test_the_decision_is_told_in_words(metrics, low, high, told):
    text = card(metrics, decision=DECISION.model_copy(update={"band_low": low, "band_high": high}))
    assert f"the temperature 1.250. Threshold 0.4: {told}" in text
    assert (
        "All fitted on 39 validation clips: 5 of them are inconclusive, 2 of the others wrong."
        in text
    )


def test_the_worst_corruption_is_named(metrics):
    drop = metrics["robustness"]["video"]["mean_relative_drop"]
    metrics["robustness"]["video"]["noise"]["3"]["roc_auc"] = 0.25
    text = card(metrics)
    assert f"mean relative drop {drop:.1%}." in text
    assert "The worst is noise at level 3: 0.250." in text


def test_an_undefined_corruption_is_counted_and_not_taken_for_the_worst(metrics):
    levels = [
        own
        for name, own in metrics["robustness"]["video"].items()
        if name not in ("none", "mean_relative_drop")
    ]
    cells = sum(len(own) for own in levels)
    metrics["robustness"]["video"]["blur"]["5"]["roc_auc"] = None
    drop = metrics["robustness"]["video"]["mean_relative_drop"]
    text = card(metrics)
    told = (
        f"mean relative drop {drop:.1%} (without 1 of {cells} cases, which left a class no face)."
    )
    assert told in text
    assert "The worst is blur at level 5" not in text


def test_each_data_set_is_named_with_its_terms(metrics):
    assert rows_below(card(metrics, DEMO | THEIRS), "Licences of the data")[1:] == [
        ["demo", "demo", "train", "this project's LICENSE (drawn by it)"],
        ["theirs", "folder", "test", "its publisher's or owner's own"],
    ]


def test_leaks_that_are_left_are_named_and_no_clip_is_called_unseen(metrics):
    assert "of groups that training never saw" in card(metrics)
    metrics["split"]["leaks"] = {"found": 1, "left": 1, "by_name": {"source 605": "train a; val b"}}
    text = card(metrics)
    assert "1 leaks between its sides found, 1 left. Left: source 605: train a; val b." in text
    assert "never saw" not in text


def test_names_are_not_taken_for_markdown(metrics):
    text = card(metrics, dealt=items("a|b<img>*"))
    assert "| demo | a\\|b\\<img\\>\\* | 4 | 1 | 0 |" in text


def test_limits_shortcuts_and_near_duplicates_are_told(metrics):
    text = card(metrics)
    for line in (
        *run_report.LIMITS,
        *run_report.data_checks(metrics["verify"]).text,
        *model_card.INTENDED_USE,
    ):
        assert line in text


def test_the_same_facts_give_the_same_bytes(metrics):
    shuffled = items().sample(frac=1, random_state=1)
    assert card(copy.deepcopy(metrics)).encode() == card(metrics, dealt=shuffled).encode()


def test_an_unproven_model_says_why_and_that_it_judges_nothing(metrics):
    unproven = DECISION.model_copy(update={"unproven": "too few groups"})
    assert "Unproven: too few groups. Every verdict is INCONCLUSIVE." in card(
        metrics, decision=unproven
    )
    assert "Unproven" not in card(metrics)
