"""Limits of quality reach as far as copies of validation clips show that verdicts hold."""

import math
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import few

from deepfake_detector.scoring.quality import Limit, clip_measures, fit_limits, in_words, outside


def clips(*rows: tuple[float, bool, float]) -> pd.DataFrame:
    """Of a sharpness ratio, clean or not, and a wrong, right or no (NaN) verdict."""
    table = pd.DataFrame(rows, columns=["sharpness_ratio", "clean", "wrong"])
    return table.assign(flatness=0.5)


CLEAN = [(4.0, True, 0.0), (6.0, True, 1.0)]


def copies(*values: float, wrong: tuple[float, ...] = ()) -> list[tuple[float, bool, float]]:
    return [(one, False, float(one in wrong)) for one in values]


@pytest.mark.parametrize(
    ("rows", "least", "most"),
    [
        ([], 4, 6),
        (copies(3, 2, 1), 1, 6),  # all right: up to the furthest
        (copies(3, 2, 1, wrong=(1,)), 1.5, 6),  # half-way to the wrong one
        (copies(3, 2, 1, wrong=(3, 2, 1)), 4, 6),
        (copies(3.5, 3.4, 3.3, 3.2, 3, 2, wrong=(3, 2)), 3.1, 6),  # one wrong is paid for by four
        (copies(7, 8), 4, 8),
        (copies(3, 3, wrong=(3,)), 4, 6),  # equal ones go together
        (copies(3, 2, wrong=(3,)), 4, 6),  # a right one does not pay for one nearer
        (copies(5, 5, 5, wrong=(5,)), 4, 6),  # inside the clean range nothing is asked
        ([(3.0, False, math.nan), *copies(2, wrong=(2,))], 4, 6),  # no verdict tells nothing
    ],
)
def test_limits_move_outwards_while_verdicts_hold(rows, least, most):
    found = fit_limits(clips(*CLEAN, *rows), error=0.25, clean_outside=0)["sharpness_ratio"]
    assert (found.least, found.most) == (least, most)


@pytest.mark.parametrize("count", [5, 10, 60])
def test_few_clean_clips_leave_room_for_the_next(count):
    """Of clips drawn like those, about one of a hundred lies beyond each end."""
    rng = np.random.default_rng(1)
    beyond = []
    for _ in range(200):
        values = rng.normal(0.6, 0.02, count)
        table = clips(
            *((value, True, 0.0) for value in values), *copies(0.1, 1.1, wrong=(0.1, 1.1))
        )
        limit = fit_limits(table, error=0.05, clean_outside=0.01)["sharpness_ratio"]
        others = rng.normal(0.6, 0.02, 100)
        beyond += [(others < limit.least).mean(), (others > limit.most).mean()]
    assert 0.003 < np.mean(beyond) < 0.017


@pytest.mark.parametrize(
    ("ratios", "outside", "room"),
    [
        ([0.5, 0.6], 0.05, 6.313752),  # Student's quantile with 1, 2 and 4 degrees of freedom
        ([0.5, 0.6, 0.7], 0.05, 2.919986),
        ([0.5, 0.6, 0.7, 0.8, 0.9], 0.05, 2.131847),
        ([0.5], 0.05, None),  # no spread to go by: the limit is the clip itself
        ([0.5, 0.6, 0.7, 0.8], 0.25, None),  # as many as may lie outside are there
    ],
)
def test_the_room_left_is_that_of_the_next_clip_of_a_normal_distribution(ratios, outside, room):
    table = clips(*((one, True, 0.0) for one in ratios), *copies(9.0, wrong=(9.0,)))
    most = fit_limits(table, error=0.05, clean_outside=outside)["sharpness_ratio"].most
    seen = sorted(ratios)[len(ratios) - 1 - int(outside * len(ratios))]
    if room is None:
        assert most == seen
        return
    count, spread = len(ratios), statistics.stdev(ratios)
    expected = statistics.mean(ratios) + room * spread * math.sqrt(1 + 1 / count)
    assert expected <= most < expected + 1e-4
    assert most > seen


def test_no_limit_is_below_zero():
    rows = [(value, True, 0.0) for value in (0.01, 0.02, 0.09)]
    limit = fit_limits(clips(*rows), error=0.05, clean_outside=0.01)["sharpness_ratio"]
    assert limit.least is None
    assert limit.most > 0.09


def test_a_fraction_of_the_clean_clips_may_lie_outside():
    table = clips(*((float(value), True, 0.0) for value in range(100)), *copies(-5, wrong=(-5,)))
    found = fit_limits(table, error=0.05, clean_outside=0.02)["sharpness_ratio"]
    assert (found.least, found.most) == (2, 97)


def test_what_one_measure_keeps_out_does_not_count_for_the_next():
    table = clips(*CLEAN, *copies(3, wrong=(3,)), *copies(5))
    table["flatness"] = [0.1, 0.2, 0.6, 0.9]
    found = fit_limits(table, error=0.05, clean_outside=0)
    assert (found["sharpness_ratio"].least, found["flatness"].most) == (4, 0.9)
    kept_out_by_none = table.assign(sharpness_ratio=5.0)
    assert fit_limits(kept_out_by_none, error=0.05, clean_outside=0)["flatness"].most == 0.2


def test_a_face_with_more_detail_than_all_validation_is_judged():
    """A model that learned from compressed crops judges clips as cameras make them."""
    table = clips(*CLEAN, *copies(5, 5, wrong=(5,)))
    table["flatness"] = [0.5, 0.6, 0.2, 0.9]
    limit = fit_limits(table, error=0.05, clean_outside=0)["flatness"]
    assert (limit.least, limit.most) == (None, 0.6)


values = st.integers(0, 20).map(float)
wrongs = st.sampled_from([0.0, 1.0, math.nan])
tables = st.lists(st.tuples(values, st.booleans(), wrongs), min_size=1, max_size=30).map(
    lambda rows: clips((10.0, True, 0.0), *rows)
)


@given(tables, st.floats(0, 1))
@few
def test_clean_clips_are_inside_and_those_let_in_are_seldom_wrong(table, error):
    found = fit_limits(table, error, 0)["sharpness_ratio"]
    least = -math.inf if found.least is None else found.least
    most = math.inf if found.most is None else found.most
    ratio = table["sharpness_ratio"]
    clean = ratio[table["clean"]]
    assert least <= clean.min() <= clean.max() <= most
    for let_in in (
        table[(ratio < clean.min()) & (ratio >= least)],
        table[(ratio > clean.max()) & (ratio <= most)],
    ):
        decided = let_in["wrong"].dropna()
        assert len(decided) == 0 or decided.mean() <= error + 1e-6


LIMITS = {"sharpness_ratio": Limit(least=0.5, most=0.7), "flatness": Limit(least=None, most=0.3)}


@pytest.mark.parametrize(
    ("ratio", "flatness", "said"),
    [
        (0.5, 0.3, ""),
        (0.7, 0.0, ""),
        (0.49, 0.2, "sharpness ratio 0.49, checked from 0.5"),
        (0.7001, 0.2, "sharpness ratio 0.7001, checked up to 0.7"),
        (
            0.4,
            0.4,
            "sharpness ratio 0.4, checked from 0.5; flatness 0.4, checked up to 0.3",
        ),
    ],
)
def test_what_is_outside_is_said_with_the_limits(ratio, flatness, said):
    assert outside({"sharpness_ratio": ratio, "flatness": flatness}, LIMITS) == said
    assert outside({"sharpness_ratio": ratio, "flatness": flatness}, {}) == ""


def test_limits_are_told_with_their_ends():
    assert in_words(LIMITS) == "sharpness ratio from 0.5 up to 0.7; flatness up to 0.3"
    nothing = Limit(least=None, most=None)
    assert in_words({"flatness": nothing}) == "flatness of any value"


def test_a_clip_has_the_median_of_its_faces():
    faces = [{"sharpness_ratio": one, "flatness": 1 / 3} for one in (1.0, 9.0, 2.0)]
    assert clip_measures(faces) == {"sharpness_ratio": 2.0, "flatness": 0.3333}
