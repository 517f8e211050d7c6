"""Intervals: what they hold, and when there are none."""

import numpy as np
import pytest
from sklearn import metrics

from deepfake_detector import intervals
from deepfake_detector.intervals import auc_difference_interval, auc_interval


def made(groups: int, per_group: int, shift: float, seed: int = 0):
    """Labels, scores (fakes higher by `shift` standard deviations) and groups with both classes in each."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(per_group) % 2, groups)
    scores = rng.standard_normal(groups * per_group) + shift * labels
    return labels, scores, np.repeat([f"g{number}" for number in range(groups)], per_group)


def test_it_holds_the_figure_and_comes_back():
    labels, scores, groups = made(30, 10, 1.0)
    low, high = auc_interval(labels, scores, groups)
    assert low < metrics.roc_auc_score(labels, scores) < high
    assert (low, high) == auc_interval(labels, scores, groups)


@pytest.mark.parametrize(("shift", "holds_chance"), [(0.0, True), (1.0, False)])
def test_it_tells_chance_from_something_learned(shift, holds_chance):
    low, high = auc_interval(*made(40, 10, shift))
    assert (low <= 0.5 <= high) == holds_chance


def test_it_is_right_about_as_often_as_it_says():
    """With 40 groups the interval holds the true value (here 0.5) in about 95 of 100 tries."""
    tries = [auc_interval(*made(40, 4, 0.0, seed), draws=300) for seed in range(100)]
    assert 88 <= sum(low <= 0.5 <= high for low, high in tries) <= 100


def test_frames_of_one_group_are_no_more_evidence_than_one():
    labels, scores, groups = made(20, 2, 0.5)
    once = auc_interval(labels, scores, groups)
    often = auc_interval(*(np.repeat(values, 10) for values in (labels, scores, groups)))
    assert often == pytest.approx(once, abs=1e-9)


def test_a_paired_difference_is_surer_than_two_intervals():
    labels, scores, groups = made(40, 10, 0.8)
    better = scores + 0.3 * labels
    low, high = auc_difference_interval(labels, better, scores, groups)
    first, second = auc_interval(labels, better, groups), auc_interval(labels, scores, groups)
    assert 0 < low < metrics.roc_auc_score(labels, better) - metrics.roc_auc_score(labels, scores) < high
    assert second[1] > first[0]  # apart, the two could not be told from each other
    assert auc_difference_interval(labels, scores, scores, groups) == (0, 0)


@pytest.mark.parametrize(("reals", "fakes"), [(5, 20), (20, 5), (0, 20), (5, 5)])
def test_too_few_groups_of_a_class_give_none(reals, fakes):
    labels = np.repeat([0, 1], [reals, fakes])
    assert auc_interval(labels, np.arange(len(labels)), [f"g{number}" for number in range(len(labels))]) is None


def test_groups_of_one_class_are_drawn_among_themselves():
    """No draw is without reals, though a single one in six groups holds them… six groups each."""
    labels = np.repeat([0, 1], [6, 60])
    low, high = auc_interval(labels, np.r_[np.zeros(6), np.ones(60)], np.arange(66))
    assert (low, high) == (1.0, 1.0)


def test_the_weighted_auc_is_scikit_learns():
    rng = np.random.default_rng(3)
    labels, scores = rng.integers(0, 2, 50), rng.integers(0, 10, 50) / 10
    weights = rng.integers(1, 4, (5, 50)).astype(float)
    wanted = [metrics.roc_auc_score(labels, scores, sample_weight=row) for row in weights]
    assert intervals._weighted_auc(labels, scores, weights) == pytest.approx(wanted)
