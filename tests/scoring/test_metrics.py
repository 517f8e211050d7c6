"""Figures and curves against brute force, scikit-learn and pen and paper."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import BOTH_CLASSES, STEPS, arrays, few
from scipy.stats import binom
from sklearn import metrics as theirs
from sklearn.calibration import calibration_curve

from deepfake_detector.scoring import metrics

# figures


def test_figures_are_those_worked_out_by_hand():
    figures = metrics.figures([0, 0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.6, 0.7, 0.4, 0.8, 0.9], 0.5)
    surprise = (
        math.log(0.9) + math.log(0.8) + math.log(0.4) + math.log(0.3) + math.log(0.4 * 0.8 * 0.9)
    )
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


@pytest.mark.slow
@few
@given(BOTH_CLASSES, STEPS)
def test_figures_are_those_of_scikit_learn(rows, step):
    labels, probabilities = arrays(rows)
    threshold = step / 20
    predicted = probabilities >= threshold
    figures = metrics.figures(labels, probabilities, threshold)
    expected = {
        "roc_auc": theirs.roc_auc_score(labels, probabilities),
        "pr_auc": theirs.average_precision_score(labels, probabilities),
        "accuracy": theirs.accuracy_score(labels, predicted),
        "balanced_accuracy": theirs.balanced_accuracy_score(labels, predicted),
        "precision": theirs.precision_score(labels, predicted) if predicted.any() else None,
        "recall": theirs.recall_score(labels, predicted),
        "f1": theirs.f1_score(labels, predicted),
        "log_loss": theirs.log_loss(labels, probabilities),
        "brier": theirs.brier_score_loss(labels, probabilities),
    }
    assert {name: figures[name] for name in expected} == pytest.approx(expected)
    cells = [figures[name] for name in ("true_real", "false_fake", "false_real", "true_fake")]
    assert cells == theirs.confusion_matrix(labels, predicted).ravel().tolist()


@pytest.mark.slow
@few
@given(BOTH_CLASSES)
def test_an_equal_error_rate_lies_on_the_roc_curve(rows):
    labels, probabilities = arrays(rows)
    eer = metrics.figures(labels, probabilities, 0.5)["eer"]
    false_alarms, recall, _ = theirs.roc_curve(labels, probabilities, drop_intermediate=False)
    assert theirs.auc(false_alarms, recall) == pytest.approx(
        theirs.roc_auc_score(labels, probabilities)
    )
    if eer not in false_alarms:  # else a step of the curve: any recall between its ends
        assert np.interp(eer, false_alarms, recall) == pytest.approx(1 - eer)


def test_recall_at_few_false_alarms_counts_the_fakes_above_so_many_reals():
    reals = np.arange(200) / 200
    fakes = [0.9875, 0.9825, 0.9475, 0.9425]  # below 2, 3, 10 and 11 of the reals
    found = metrics.figures([0] * 200 + [1] * 4, [*reals, *fakes], 0.5)
    assert (found["tpr_at_fpr_1"], found["tpr_at_fpr_5"]) == (0.25, 0.75)


NEED_BOTH = {"roc_auc", "pr_auc", "balanced_accuracy", "eer", "tpr_at_fpr_1", "tpr_at_fpr_5"}


@pytest.mark.parametrize(
    ("labels", "probabilities", "none"),
    [
        ([], [], NEED_BOTH | {"accuracy", "precision", "recall", "f1", "log_loss", "brier"}),
        ([0, 0], [0.2, 0.4], NEED_BOTH | {"precision", "recall", "f1"}),
        ([0, 0], [0.2, 0.9], NEED_BOTH | {"recall", "f1"}),
        ([1, 1], [0.2, 0.4], NEED_BOTH | {"precision"}),
        ([1, 1], [0.2, 0.9], NEED_BOTH),
        ([0], [0.2], NEED_BOTH | {"precision", "recall", "f1"}),
        ([1], [0.9], NEED_BOTH),
        ([0, 1], [0.2, 0.4], {"precision"}),
        ([0, 1], [0.0, 1.0], set()),
    ],
)
def test_what_is_undefined_is_none_and_nothing_warns(labels, probabilities, none):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = metrics.figures(labels, probabilities, 0.5)
    assert {name for name, value in figures.items() if value is None} == none
    assert all(math.isfinite(value) for value in figures.values() if value is not None)


# reliability


def test_a_calibration_error_worked_out_by_hand():
    labels, probabilities = [0, 1, 1, 1], [0.91, 0.93, 0.21, 1.0]
    last, first = abs((0.91 + 0.93) / 2 - 1 / 2) * 2 / 4, abs(0.21 - 1) / 4
    assert metrics.expected_calibration_error(labels, probabilities) == pytest.approx(last + first)
    assert metrics.expected_calibration_error([1, 0], [0.88, 0.95]) == pytest.approx(0.535)
    assert metrics.expected_calibration_error([], []) is None


ROWS = st.lists(st.tuples(st.integers(0, 1), st.floats(0.001, 0.999)), min_size=1, max_size=150)


@given(ROWS)
@few
def test_a_calibration_error_is_made_of_scikit_learns_bins(rows):
    labels, probabilities = (np.array(column) for column in zip(*rows, strict=True))
    shares, means = calibration_curve(labels, probabilities, n_bins=15)
    counts, _ = np.histogram(probabilities, np.linspace(0, 1, 16) + 1e-12)
    wanted = (np.abs(shares - means) * counts[counts > 0]).sum() / len(rows)
    assert metrics.expected_calibration_error(labels, probabilities) == pytest.approx(wanted)


ENOUGH_ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.floats(0.001, 0.999)), min_size=20, max_size=150
)


@given(st.one_of(ROWS, ENOUGH_ROWS))
@few
def test_reliability_has_bins_of_equal_count_with_exact_intervals(rows):
    labels, probabilities = (np.array(column) for column in zip(*rows, strict=True))
    found = metrics.reliability(labels, probabilities)
    assert len(found) == (min(10, len(rows) // 10) if len(rows) >= 20 else 0)
    counts = [one.count for one in found]
    assert not found or (sum(counts) == len(rows) and max(counts) - min(counts) <= 1)
    assert [one.fake_probability for one in found] == sorted(one.fake_probability for one in found)
    for one in found:
        fakes, tail = round(one.share * one.count), 0.025
        if fakes:
            assert binom.sf(fakes - 1, one.count, one.share_low) == pytest.approx(tail)
        if fakes < one.count:
            assert binom.cdf(fakes, one.count, one.share_high) == pytest.approx(tail)
        assert one.share_low <= one.share <= one.share_high


def test_reliability_of_twenty_scores_worked_out_by_hand():
    """Half of the higher ten are fake, and one of the lower."""
    probabilities = np.r_[np.linspace(0.9, 0.6, 10), np.linspace(0.1, 0.4, 10)]
    labels = np.r_[np.tile([1, 0], 5), np.repeat([0, 1], [9, 1])]
    low, high = metrics.reliability(list(labels), list(probabilities))
    assert (low.fake_probability, low.share, low.count) == (pytest.approx(0.25), 0.1, 10)
    assert (high.fake_probability, high.share, high.count) == (pytest.approx(0.75), 0.5, 10)
    assert (low.share_low, low.share_high) == pytest.approx((0.002529, 0.445016), abs=1e-6)
    assert (high.share_low, high.share_high) == pytest.approx((0.187086, 0.812914), abs=1e-6)
    assert metrics.reliability(labels[1:], probabilities[1:]) == []


# curves


@pytest.mark.parametrize("count", [4, 5000])
def test_curves_have_their_ends_and_at_most_500_points(count):
    rng = np.random.default_rng(1)
    labels = np.arange(count) % 4 == 0
    probabilities = rng.random(count)
    roc, pr = metrics.roc_points(labels, probabilities), metrics.pr_points(labels, probabilities)
    assert (roc[0], roc[-1]) == ((0, 0), (1, 1))
    assert (pr[0], pr[-1]) == ((0, 1), (1, 0.25))
    for points in (roc, pr):
        assert len(points) <= 500
        assert [x for x, _ in points] == sorted(x for x, _ in points)


def test_a_long_curve_is_drawn_with_500_points():
    rng = np.random.default_rng(1)
    labels, probabilities = np.arange(5000) % 2, rng.random(5000)
    assert len(metrics.roc_points(labels, probabilities)) == 500
    assert len(metrics.pr_points(labels, probabilities)) == 500


def test_a_short_curve_is_drawn_point_by_point():
    assert metrics.roc_points([0, 1, 0, 1], [0.1, 0.3, 0.5, 0.9]) == [
        (0, 0),
        (0, 0.5),
        (0.5, 0.5),
        (0.5, 1),
        (1, 1),
    ]
    assert metrics.pr_points([0, 1], [0.2, 0.8]) == [(0, 1), (1, 1), (1, 0.5)]


@given(st.lists(st.floats(0, 1), max_size=50))
def test_a_histogram_counts_every_score_once(probabilities):
    bins = metrics.histogram(np.array(probabilities))
    assert len(bins) == 20
    assert sum(count for _, count in bins) == len(probabilities)


@pytest.mark.parametrize(
    ("probabilities", "bins"),
    [
        ([0.0, 0.26, 0.27, 1.0], [(0.025, 1), (0.275, 2), (0.975, 1)]),
        ([0.26, 0.27, 0.31], [(0.275, 2), (0.325, 1)]),
    ],
    ids=["with both ends", "in the middle"],
)
def test_a_histogram_counts_in_the_right_bin(probabilities, bins):
    found = [one for one in metrics.histogram(np.array(probabilities)) if one[1]]
    assert found == [(pytest.approx(middle), count) for middle, count in bins]
