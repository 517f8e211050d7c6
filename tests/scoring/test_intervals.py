"""Intervals: what they hold, how often they are right, and when there are none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from deepfake_detector.scoring import intervals as rooms
from deepfake_detector.scoring import metrics, scores
from deepfake_detector.scoring.intervals import (
    WITH_INTERVAL,
    Scores,
    difference_intervals,
    intervals,
)


def made(groups: int, per_group: int, shift: float, seed: int = 0):
    """Labels, probabilities (fakes' logits higher by `shift` standard deviations) and groups with
    both classes in each."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(per_group) % 2, groups)
    logits = rng.standard_normal(groups * per_group) + shift * labels
    return (
        labels,
        scores.probability(logits, 1.0),
        np.repeat([f"g{number}" for number in range(groups)], per_group),
    )


def test_they_hold_the_figures_and_come_back():
    labels, probabilities, groups = made(30, 10, 1.0)
    found = intervals(labels, Scores(probabilities), groups)
    figures = metrics.figures(labels, probabilities, 0.5)
    assert set(found.ends) == set(WITH_INTERVAL) <= set(figures)
    assert all(low < figures[name] < high for name, (low, high) in found.ends.items())
    assert (found.exact, found.undefined, found.reason) == ((), 0, "")
    assert found == intervals(labels, Scores(probabilities), groups)
    assert found != intervals(labels, Scores(probabilities), groups, seed=1)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(1, 9), st.integers(0, 3)), min_size=2, max_size=14
    ),
    st.sampled_from([0.25, 0.5, 0.75]),
)
def test_figures_under_weights_are_those_of_the_things_repeated(rows, threshold):
    labels, tenths, times = (np.array(column) for column in zip(*rows, strict=True))
    repeated = np.repeat(np.arange(len(rows)), times)
    if len(set(labels[repeated])) < 2:
        return
    wanted = metrics.figures(labels[repeated], tenths[repeated] / 10, threshold)
    places = np.arange(len(rows))
    scored = Scores(tenths / 10, threshold)
    found = rooms._Figures(labels, scored, places, len(rows), WITH_INTERVAL)(
        times[None].astype(float)
    )[:, 0]
    for name, value in zip(WITH_INTERVAL, found, strict=True):
        assert (
            (value == pytest.approx(wanted[name])) if wanted[name] is not None else np.isnan(value)
        ), name


@pytest.mark.parametrize(("shift", "holds_chance"), [(0.0, True), (1.0, False)])
def test_they_tell_chance_from_something_learned(shift, holds_chance):
    labels, probabilities, groups = made(40, 10, shift)
    low, high = intervals(labels, Scores(probabilities), groups).ends["roc_auc"]
    assert (low <= 0.5 <= high) == holds_chance


AUC = 0.85


def simulated(seed: int, groups: int, frames: int):
    """Frames of half real and half fake groups; half of the scores' variance is the group's."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(groups) % 2, frames)
    own = np.repeat(rng.standard_normal(groups), frames) + rng.standard_normal(groups * frames)
    return (
        labels,
        own / np.sqrt(2) + labels * norm.ppf(AUC) * np.sqrt(2),
        np.repeat(np.arange(groups), frames),
    )


def share_right(groups: int, tries: int, frames_as_groups: bool = False) -> int:
    """In how many tries the true ROC-AUC lies in its interval."""
    right = 0
    for seed in range(tries):
        labels, own, names = simulated(seed, groups, 8)
        names = np.arange(len(labels)) if frames_as_groups else names
        low, high = intervals(labels, Scores(own), names, ["roc_auc"], draws=400).ends["roc_auc"]
        right += low <= AUC <= high
    return right


def test_they_are_right_about_as_often_as_they_say_and_frames_as_witnesses_are_not():
    """`python -m benchmarks.interval_coverage` tells it with more tries."""
    assert binomtest(share_right(60, 150), 150, 0.95).pvalue > 0.01
    assert share_right(60, 60, frames_as_groups=True) < 0.8 * 60


def test_frames_of_one_group_are_no_more_evidence_than_one():
    labels, probabilities, groups = made(20, 2, 0.5)
    once = intervals(labels, Scores(probabilities), groups).ends
    often = intervals(
        *(np.repeat(labels, 10), Scores(np.repeat(probabilities, 10)), np.repeat(groups, 10))
    ).ends
    for name, ends in once.items():
        assert often[name] == pytest.approx(ends, abs=1e-9), name


def test_a_paired_difference_is_surer_than_two_intervals():
    labels, probabilities, groups = made(40, 10, 0.8)
    better = np.clip(probabilities + 0.05 * labels, 0, 1)
    low, high = difference_intervals(labels, Scores(better), Scores(probabilities), groups).ends[
        "roc_auc"
    ]
    first, second = (
        intervals(labels, Scores(one), groups).ends["roc_auc"] for one in (probabilities, better)
    )
    gained = (
        metrics.figures(labels, better, 0.5)["roc_auc"]
        - metrics.figures(labels, probabilities, 0.5)["roc_auc"]
    )
    assert 0 < low < gained < high
    assert first[1] > second[0]  # apart, the two could not be told from each other


def test_nothing_differs_from_itself():
    labels, probabilities, groups = made(40, 10, 0.8)
    found = difference_intervals(labels, Scores(probabilities), Scores(probabilities), groups).ends
    assert set(found.values()) == {(0.0, 0.0)}


@pytest.mark.parametrize(("reals", "fakes"), [(5, 20), (20, 5), (0, 20), (5, 5), (0, 0)])
def test_too_few_groups_of_a_class_give_none_and_the_reason(reals, fakes):
    labels = np.repeat([0, 1], [reals, fakes])
    found = intervals(labels, Scores(np.linspace(0.1, 0.9, len(labels))), np.arange(len(labels)))
    assert (found.ends, found.reason) == ({}, "too few groups")


def test_six_groups_of_a_class_are_enough():
    labels, probabilities, groups = made(6, 4, 0.5)
    assert set(intervals(labels, Scores(probabilities), groups).ends) == set(WITH_INTERVAL)


def test_a_bound_that_says_nothing_is_replaced_by_an_exact_one():
    labels = np.repeat([0, 1], [6, 60])
    found = intervals(labels, Scores(np.r_[np.full(6, 0.2), np.full(60, 0.9)]), np.arange(66))
    assert found.ends["roc_auc"] == pytest.approx(
        (binomtest(6, 6).proportion_ci(0.95, "exact").low, 1.0)
    )
    assert found.ends["eer"] == pytest.approx(
        (0.0, binomtest(0, 6).proportion_ci(0.95, "exact").high)
    )
    assert {"roc_auc", "eer", "recall", "tpr_at_fpr_1"} <= set(found.exact)
    assert not {"log_loss", "brier"} & set(found.exact)


@pytest.mark.parametrize(("per_class", "in_a_group"), [(6, 1), (7, 1), (24, 2)])
def test_draws_that_differ_by_rounding_alone_are_equal(per_class, in_a_group):
    labels = np.repeat([0, 1], per_class)
    ordered = Scores(np.linspace(0.1, 0.9, 2 * per_class))
    groups = np.arange(2 * per_class) // in_a_group
    found = intervals(labels, ordered, groups, tuple(rooms.OF_CURVES), draws=200)
    far = (
        binomtest(per_class // in_a_group, per_class // in_a_group).proportion_ci(0.95, "exact").low
    )
    assert found.ends["roc_auc"] == found.ends["pr_auc"] == pytest.approx((far, 1.0))
    assert set(found.exact) == set(rooms.OF_CURVES)
    tied = Scores(np.where(labels, 0.9, 0.1))
    assert set(
        difference_intervals(
            labels, ordered, tied, groups, tuple(rooms.OF_CURVES), draws=200
        ).ends.values()
    ) == {(0.0, 0.0)}


def test_draws_without_a_figure_are_made_again_and_counted():
    labels = np.tile([0, 1], 8)
    probabilities = np.where(
        np.arange(16) == 1, 0.9, 0.1
    )  # one group is flagged: many draws do not hold it
    found = intervals(labels, Scores(probabilities), np.arange(16) // 2, draws=500)
    assert 100 < found.undefined < 500
    assert found.ends["precision"][1] == 1.0


def test_a_figure_that_no_draw_has_is_refused():
    labels, probabilities, groups = made(10, 4, 0.5)
    with pytest.raises(ValueError, match="no draw of groups has a value of all of precision"):
        intervals(labels, Scores(probabilities, threshold=2.0), groups, ["precision"], draws=100)
