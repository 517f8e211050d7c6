"""When validation shows that a model tells real from fake."""

import numpy as np
import pytest

from deepfake_detector.scoring.proof import why_unproven


def clips(groups: int, apart: float, each: int = 4):
    """Labels, scores and groups: every group has as many real and fake clips."""
    labels = np.tile([0, 1], groups * each)
    scores = np.random.default_rng(1).normal(apart * labels, 1)
    return labels, scores, np.repeat(np.arange(groups), 2 * each)


@pytest.mark.parametrize(
    ("groups", "apart", "least", "why"),
    [
        (8, 3.0, 6, ""),
        (8, 0.0, 6, "its ROC-AUC on validation may be as low as 0."),
        (8, -3.0, 6, "its ROC-AUC on validation may be as low as 0.0"),
        (5, 3.0, 6, "validation has 5 source groups of a class, and 6 are the least"),
        (8, 3.0, 9, "validation has 8 source groups of a class, and 9 are the least"),
        (1, 3.0, 2, "validation has 1 source group of a class"),
        (1, 0.0, 1, ""),  # no interval to go by
    ],
)
def test_it_takes_groups_of_each_class_and_a_roc_auc_above_chance(groups, apart, least, why):
    found = why_unproven(*clips(groups, apart), least)
    assert found.startswith(why) and bool(found) == bool(why)


def test_one_group_of_more_than_half_of_a_class_shows_nothing():
    labels = np.r_[np.tile([0, 1], 20), np.ones(21)].astype(int)
    groups = np.r_[np.arange(40) // 2, np.full(21, 20)]
    for swapped, name in ((labels, "fake"), (1 - labels, "real")):
        said = why_unproven(swapped, swapped, groups, 6)
        assert said.startswith(f"one source group has 21 of the 41 {name} clips of validation")
    assert not why_unproven(labels[:-1], labels[:-1], groups[:-1], 6)


def test_groups_of_the_scarcer_class_count():
    labels = np.array([0] * 20 + [1] * 20)
    groups = np.r_[np.arange(20), np.repeat([20, 21], 10)]
    for swapped in (labels, 1 - labels):
        said = why_unproven(swapped, swapped, groups, 6)
        assert said.startswith("validation has 2 source groups")
