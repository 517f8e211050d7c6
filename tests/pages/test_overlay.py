"""The overlay marks the regions that raised the score, and only those."""

import numpy as np
import pytest

from deepfake_detector.pages import overlay

GREY = np.full((80, 80, 3), 100, np.uint8)
LEFT = np.array([[4.0, 4.0, -4.0]] * 3)
SURE = 0.999  # nothing reaches it: no outline
STRIDE = 30  # so the left 30 pixels are 4 and the right 20 are -4


def test_what_points_to_fake_turns_orange_and_the_rest_stays():
    drawn = overlay.draw(GREY, LEFT, STRIDE, 1.0, SURE)
    assert (drawn[:, -16:] == 100).all()
    share = overlay.STRONGEST * 4 / overlay.FULL
    assert np.abs(drawn[:, :8] - (100 * (1 - share) + np.array(overlay.ORANGE) * share)).max() <= 2
    assert (GREY == 100).all()


@pytest.mark.parametrize(("weaker", "temperature"), [(LEFT / 4, 1.0), (LEFT, 4.0)])
def test_the_scale_is_the_logit_of_a_region(weaker, temperature):
    weak = overlay.draw(GREY, weaker, STRIDE, temperature, SURE)
    strong, stronger, full = (
        overlay.draw(GREY, times * LEFT, STRIDE, 1.0, SURE) for times in (1, 2, 9)
    )
    reds = [int(one[0, 0, 0]) for one in (GREY, weak, strong, stronger)]
    assert reds == sorted(set(reds)), (
        "where a probability would be 1 one can still tell more from less"
    )
    assert np.array_equal(full[:, :8], stronger[:, :8]), "no more than the strongest"


def test_a_region_that_alone_reaches_the_threshold_is_outlined():
    only_tinted = overlay.draw(GREY, LEFT, STRIDE, 1.0, SURE)
    outlined = overlay.draw(GREY, LEFT, STRIDE, 1.0, 0.9)
    changed = (outlined != only_tinted).any(2)
    assert changed[40, 25:45].any()
    assert not changed[20:60, 8:16].any()
    assert not changed[:, -16:].any()


@pytest.mark.parametrize("activation", [-LEFT.clip(0), np.zeros((2, 2)), np.full((1, 1), -9.0)])
def test_where_nothing_points_to_fake_nothing_is_drawn(activation):
    assert np.array_equal(overlay.draw(GREY, activation, STRIDE, 1.0, 0.6), GREY)


def test_a_place_of_the_map_is_drawn_every_stride_from_the_corner_on():
    spread = overlay.spread(np.arange(9.0).reshape(3, 3), 80, 32)
    for row, column in ((0, 0), (1, 2), (2, 1)):
        assert spread[32 * row, 32 * column] == pytest.approx(3 * row + column, abs=0.1)
    assert spread[79, 79] == 8
