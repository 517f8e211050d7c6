"""Probabilities as a person is told them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_detector.common.percent import MOST_DIGITS, digits_beside, percent

SHARE = st.floats(0, 1)
LIMIT = st.integers(1, 999_999).map(lambda millionths: millionths / 1e6)


@pytest.mark.parametrize(
    ("probability", "digits", "text"),
    [
        (0.5, 1, "50.0%"),
        (0.12345, 2, "12.35%"),
        (0.0006, 1, "0.1%"),
        (0.0004, 1, "under 0.1%"),
        (0.0005, 1, "under 0.1%"),
        (0.0000005, 4, "under 0.0001%"),
        (0.0, 1, "under 0.1%"),
        (0.9994, 1, "99.9%"),
        (0.9996, 1, "over 99.9%"),
        (1.0, 1, "over 99.9%"),
        (0.99996, 2, "over 99.99%"),
    ],
)
def test_no_probability_is_told_as_certainty(probability, digits, text):
    assert percent(probability, digits) == text


@given(SHARE, st.integers(1, MOST_DIGITS))
def test_what_is_told_is_within_half_of_its_last_digit(probability, digits):
    text = percent(probability, digits)
    number = float(text.split()[-1].rstrip("%")) / 100
    assert abs(number - probability) <= (1.5 if text[0] in "uo" else 0.501) * 10 ** -(digits + 2)


@given(SHARE, st.lists(LIMIT, max_size=2))
def test_a_probability_looks_like_no_limit_that_it_is_more_than_a_digit_away_from(
    probability, limits
):
    digits = digits_beside(probability, limits)
    for limit in limits:
        if abs(limit - probability) > 2e-6:
            assert percent(limit, digits) != percent(probability, digits)
