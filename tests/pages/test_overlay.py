"""The overlay marks the places that spoke for fake, and only those."""

import numpy as np
import pytest

from deepfake_detector.pages import overlay

GREY = np.full((40, 40, 3), 100, np.uint8)
LEFT = np.array([[4.0, -4.0], [4.0, -4.0]])


def test_what_points_to_fake_turns_orange_and_the_rest_stays():
    drawn = overlay.draw(GREY, LEFT, 4.0)
    assert (drawn[:, -8:] == 100).all()
    share = overlay.STRONGEST
    assert np.abs(drawn[:, :8] - (100 * (1 - share) + np.array(overlay.ORANGE) * share)).max() <= 1
    assert (GREY == 100).all()


def test_the_scale_is_that_of_all_maps():
    assert overlay.scale_of([LEFT, 3 * LEFT]) == 12.0
    weak, strong = (overlay.draw(GREY, LEFT, scale)[0, 0, 0] for scale in (12.0, 4.0))
    assert 100 < weak < strong


@pytest.mark.parametrize("maps", [[], [-LEFT.clip(0)], [np.zeros((2, 2))]])
def test_where_nothing_points_to_fake_nothing_is_drawn(maps):
    assert overlay.scale_of(maps) == 0.0
    assert np.array_equal(overlay.draw(GREY, LEFT, overlay.scale_of(maps)), GREY)
