"""No two verdicts are told apart by one thing alone, which somebody may not see."""

import itertools

import pytest

from deepfake_detector.pages.html_page import STYLE
from deepfake_detector.pages.looks import LOOKS


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(LOOKS, 2)))
def test_two_verdicts_differ_by_sign_and_colours(one, other):
    assert LOOKS[one].sign != LOOKS[other].sign
    assert LOOKS[one].text != LOOKS[other].text
    assert LOOKS[one].ground != LOOKS[other].ground


def test_every_verdict_has_its_style_on_a_page():
    assert all(f".{word} {{ color: {look.text};" in STYLE for word, look in LOOKS.items())
