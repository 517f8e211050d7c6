"""The more people, the higher the score from which one is called fake, so that false alarms stay as
rare as with one."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_detector.scoring.people import MOST, fake_from

EIGHTHS = st.integers(-400, 400).map(lambda eighths: eighths / 8)
LOGITS = st.lists(EIGHTHS, min_size=1, max_size=40)


@given(LOGITS, EIGHTHS)
def test_thresholds_rise_with_the_number_of_people_from_that_of_one(reals, threshold):
    found = fake_from(np.array(reals), threshold)
    assert len(found) == MOST
    assert found[0] == threshold
    assert np.isfinite(found).all()
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(found))


@given(LOGITS, EIGHTHS, EIGHTHS, st.sampled_from([0.25, 1, 4]))
def test_thresholds_move_with_the_scores(reals, threshold, shift, scale):
    plain = np.array(fake_from(np.array(reals), threshold))
    moved = fake_from(np.array(reals) * scale + shift, threshold * scale + shift)
    assert moved == pytest.approx(plain * scale + shift, abs=1e-3)


@pytest.mark.parametrize("count", [30, 100, 1000])
@pytest.mark.parametrize("share", [0.03, 0.1])
@pytest.mark.parametrize("shape", ["normal", "logistic", "gumbel"])
def test_false_alarms_are_about_as_rare_with_many_people_as_with_one(shape, share, count):
    """At the threshold for one person eight have 22 to 65 % of them."""
    rng = np.random.default_rng(1)
    everybody = np.sort(getattr(rng, shape)(size=200_000))
    rates = np.zeros(MOST)
    for _ in range(100):
        reals = getattr(rng, shape)(size=count)
        thresholds = fake_from(reals, np.quantile(reals, 1 - share))
        below = np.searchsorted(everybody, thresholds) / len(everybody)
        rates += 1 - below ** np.arange(1, MOST + 1)
    rates /= 100
    assert rates.max() < rates[0] + 0.055
    assert rates.min() > rates[0] / 4


def test_where_every_real_person_passes_nothing_more_is_asked_of_several():
    assert fake_from(np.array([1.0, 2.0, 3.0]), 0.5) == [0.5] * MOST


@pytest.mark.parametrize("above", [5, 20, 35, 36, 40, 600])
def test_thresholds_rise_by_as_much_however_rarely_a_real_passes(above):
    """Where next to none does, k people need log k excesses more: p / k of single ones."""
    reals = np.arange(100.0)  # the excess of the highest fifth is 10.3
    found = np.array(fake_from(reals, 79.2 + 10.3 * above))
    assert found - found[0] == pytest.approx(10.3 * np.log(np.arange(1, MOST + 1)), rel=0.03)


@pytest.mark.parametrize(
    ("threshold", "two", "four"),
    [
        # half of them pass 49.5; single ones may as seldom as 1 - .5^(1/2), 1 - .5^(1/4)
        (50.0, 50 + 70.01 - 49.5, 50 + 79.2 - 10.3 * math.log(0.159104 / 0.2) - 49.5),
        # of the highest fifth, 10.3 above 79.2 on average, so many pass 95: .2 exp(-15.8 / 10.3)
        (95.0, *(79.2 - 10.3 * math.log(part / 0.2) for part in (0.0218040, 0.0109623))),
    ],
    ids=["among the scores", "in the tail"],
)
def test_thresholds_worked_out_by_hand(threshold, two, four):
    found = fake_from(np.arange(100.0), threshold)
    assert (found[1], found[3]) == (pytest.approx(two, abs=0.02), pytest.approx(four, abs=0.02))
