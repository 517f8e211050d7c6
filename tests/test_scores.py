"""Figures, probabilities and curves against brute force, scikit-learn and pen and paper."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import BOTH_CLASSES, STEPS, arrays, few
from sklearn import metrics

from deepfake_detector import scores, tables

# from frames to a clip


@pytest.mark.parametrize(
    ("tracks", "sampled", "too_small", "logit", "track", "reason"),
    [
        ({0: [1.0] * 8}, 32, 0, 1.0, 0, ""),
        ({0: [1.0] * 7}, 32, 0, None, None, "too few faces: 7 of at least 8"),
        ({0: [1.0] * 3}, 6, 0, 1.0, 0, ""),
        ({0: [1.0] * 2}, 6, 0, None, None, "too few faces: 2 of at least 3"),
        ({0: [1.0] * 2}, 5, 0, None, None, "too few faces: 2 of at least 3"),
        ({0: [-2.0]}, 1, 0, -2.0, 0, ""),
        ({0: [-1.0] * 8, 1: [3.0] * 8}, 16, 0, 3.0, 1, ""),
        ({0: [-1.0] * 8, 1: [3.0] * 7}, 16, 0, -1.0, 0, ""),
        ({2: [1.0] * 8, 1: [1.0] * 8}, 16, 0, 1.0, 1, ""),
        ({}, 16, 0, None, None, "no face"),
        ({}, 16, 2, None, None, "faces too small"),
        ({0: [1.0]}, 16, 2, None, None, "too few faces: 1 of at least 8"),
        ({}, 0, 0, None, None, "no face"),
    ],
    ids=[
        "enough",
        "too few",
        "half of few frames",
        "less than half",
        "half rounds up",
        "a picture",
        "highest track",
        "a short track does not count",
        "of equals the first",
        "no face",
        "too small",
        "some too small",
        "unreadable",
    ],
)
def test_a_clip_is_the_highest_track_that_was_seen_often_enough(tracks, sampled, too_small, logit, track, reason):
    assert scores.score_clip(tracks, sampled, 8, too_small) == scores.ClipScore(logit, track, reason)


def test_logits_are_averaged_and_not_probabilities():
    logits = [6.0, -2.0, -2.0]
    clip = scores.probability(scores.score_clip({0: logits}, 3, 3).logit, 1)
    assert np.mean(scores.probability(np.array(logits), 1)) < 0.5 < clip
    assert clip == pytest.approx(1 / (1 + math.exp(-2 / 3)))


def test_a_table_of_faces_is_scored_clip_by_clip():
    def face(item: str, frame: int | None, track: int | None = 0, status: str = "ok") -> dict:
        return {"item": item, "frame": frame, "track": track, "status": status}

    faces = [
        *(face("two people", frame, track) for frame in range(4) for track in (0, 1)),
        *(face("half seen", frame, None if frame else 0, "no face" if frame else "ok") for frame in range(4)),
        face("far away", 0, status="face too small"),
        face("broken", None, None, "no video stream"),
    ]
    logits = [row | {"logit": row["frame"] + 10.0 * row["track"]} for row in faces if row["status"] == "ok"]
    table = scores.score_clips(tables.make(faces, tables.FACES), pd.DataFrame(logits), 3).set_index("item")
    expected = {
        "two people": (scores.score_clip({0: range(4), 1: range(10, 14)}, 4, 3), 4, 4),
        "half seen": (scores.score_clip({0: [0]}, 4, 3), 4, 1),
        "far away": (scores.score_clip({}, 1, 3, too_small=1), 1, 0),
        "broken": (scores.score_clip({}, 0, 3), 0, 0),
    }
    assert set(table.index) == set(expected)
    for item, (clip, sampled, with_face) in expected.items():
        row = table.loc[item]
        assert (None if math.isnan(row["logit"]) else row["logit"], row["reason"]) == (clip.logit, clip.reason)
        assert (row["frames_sampled"], row["frames_with_face"]) == (sampled, with_face)
    assert table.loc["two people", "logit"] == 11.5


# from a logit to a probability and a verdict


@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(0.5, 20))
def test_probability_is_the_softmax_of_two_logits_over_the_temperature(real, fake, temperature):
    softmax = math.exp(fake / temperature) / (math.exp(real / temperature) + math.exp(fake / temperature))
    assert scores.probability(fake - real, temperature) == pytest.approx(softmax, rel=1e-9)


@pytest.mark.parametrize(("logit", "expected"), [(1e308, 1), (-1e308, 0), (0, 0.5)])
@pytest.mark.filterwarnings("error")
def test_extreme_logits_give_probabilities(logit, expected):
    assert scores.probability(logit, 1.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("probability", "low", "high", "verdict"),
    [
        (0.6, 0.4, 0.6, "FAKE"),
        (0.5999, 0.4, 0.6, "INCONCLUSIVE"),
        (0.4001, 0.4, 0.6, "INCONCLUSIVE"),
        (0.4, 0.4, 0.6, "REAL"),
        (0.5, 0.5, 0.5, "FAKE"),
        (0.4999, 0.5, 0.5, "REAL"),
        (1.0, 0.0, 1.0, "FAKE"),
        (0.0, 0.0, 1.0, "REAL"),
    ],
)
def test_the_ends_of_the_band_are_decided(probability, low, high, verdict):
    assert scores.decide(probability, low, high) == verdict


# figures


def test_figures_are_those_worked_out_by_hand():
    figures = scores.figures([0, 0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.6, 0.7, 0.4, 0.8, 0.9], 0.5)
    surprise = math.log(0.9) + math.log(0.8) + math.log(0.4) + math.log(0.3) + math.log(0.4 * 0.8 * 0.9)
    assert figures == pytest.approx(
        {
            "count": 7,
            "roc_auc": 10 / 12,
            "pr_auc": 13 / 15,
            "accuracy": 4 / 7,
            "balanced_accuracy": 7 / 12,
            "precision": 1 / 2,
            "recall": 2 / 3,
            "f1": 4 / 7,
            "log_loss": -surprise / 7,
            "brier": 1.31 / 7,
            "eer": 1 / 3,
            "tpr_at_fpr_1": 2 / 3,
            "tpr_at_fpr_5": 2 / 3,
            "true_real": 2,
            "false_fake": 2,
            "false_real": 1,
            "true_fake": 2,
        }
    )


@few
@given(BOTH_CLASSES, STEPS)
def test_figures_are_those_of_scikit_learn(rows, step):
    labels, probabilities = arrays(rows)
    threshold = step / 20
    predicted = probabilities >= threshold
    figures = scores.figures(labels, probabilities, threshold)
    expected = {
        "roc_auc": metrics.roc_auc_score(labels, probabilities),
        "pr_auc": metrics.average_precision_score(labels, probabilities),
        "accuracy": metrics.accuracy_score(labels, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, predicted),
        "precision": metrics.precision_score(labels, predicted) if predicted.any() else None,
        "recall": metrics.recall_score(labels, predicted),
        "f1": metrics.f1_score(labels, predicted),
        "log_loss": metrics.log_loss(labels, probabilities),
        "brier": metrics.brier_score_loss(labels, probabilities),
    }
    assert {name: figures[name] for name in expected} == pytest.approx(expected)
    cells = [figures[name] for name in ("true_real", "false_fake", "false_real", "true_fake")]
    assert cells == metrics.confusion_matrix(labels, predicted).ravel().tolist()


@few
@given(BOTH_CLASSES)
def test_an_equal_error_rate_lies_on_the_roc_curve(rows):
    labels, probabilities = arrays(rows)
    eer = scores.figures(labels, probabilities, 0.5)["eer"]
    false_alarms, recall, _ = metrics.roc_curve(labels, probabilities, drop_intermediate=False)
    assert metrics.auc(false_alarms, recall) == pytest.approx(metrics.roc_auc_score(labels, probabilities))
    if eer not in false_alarms:  # else a step of the curve: any recall between its ends
        assert np.interp(eer, false_alarms, recall) == pytest.approx(1 - eer)


NEED_BOTH = {"roc_auc", "pr_auc", "balanced_accuracy", "eer", "tpr_at_fpr_1", "tpr_at_fpr_5"}


@pytest.mark.parametrize(
    ("labels", "probabilities", "none"),
    [
        ([], [], NEED_BOTH | {"accuracy", "precision", "recall", "f1", "log_loss", "brier"}),
        ([0, 0], [0.2, 0.4], NEED_BOTH | {"precision", "recall", "f1"}),
        ([0, 0], [0.2, 0.9], NEED_BOTH | {"recall", "f1"}),
        ([1, 1], [0.2, 0.4], NEED_BOTH | {"precision"}),
        ([1, 1], [0.2, 0.9], NEED_BOTH),
        ([0, 1], [0.2, 0.4], {"precision"}),
        ([0, 1], [0.0, 1.0], set()),
    ],
)
def test_what_is_undefined_is_none_and_nothing_warns(labels, probabilities, none):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = scores.figures(labels, probabilities, 0.5)
    assert {name for name, value in figures.items() if value is None} == none
    assert all(math.isfinite(value) for value in figures.values() if value is not None)


# curves


@pytest.mark.parametrize("count", [4, 5000])
def test_curves_have_their_ends_and_at_most_500_points(count):
    rng = np.random.default_rng(1)
    labels = np.arange(count) % 4 == 0
    probabilities = rng.random(count)
    roc, pr = scores.roc_points(labels, probabilities), scores.pr_points(labels, probabilities)
    assert (roc[0], roc[-1]) == ((0, 0), (1, 1))
    assert (pr[0], pr[-1]) == ((0, 1), (1, 0.25))
    for points in (roc, pr):
        assert len(points) <= 500
        assert [x for x, _ in points] == sorted(x for x, _ in points)


def test_a_short_curve_is_drawn_point_by_point():
    assert scores.roc_points([0, 1, 0, 1], [0.1, 0.3, 0.5, 0.9]) == [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)]
    assert scores.pr_points([0, 1], [0.2, 0.8]) == [(0, 1), (1, 1), (1, 0.5)]


@given(st.lists(st.floats(0, 1), max_size=50))
def test_a_histogram_counts_every_score_once(probabilities):
    bins = scores.histogram(np.array(probabilities))
    assert len(bins) == 20
    assert sum(count for _, count in bins) == len(probabilities)


def test_a_histogram_counts_in_the_right_bin():
    assert [one for one in scores.histogram(np.array([0.0, 0.26, 0.27, 1.0])) if one[1]] == [
        (pytest.approx(0.025), 1),
        (pytest.approx(0.275), 2),
        (pytest.approx(0.975), 1),
    ]
