"""Boxes on a picture: where they are, and that they are told apart without colour."""

import numpy as np
import pytest

from deepfake_detector.pages import boxes
from deepfake_detector.pages.boxes import Box, draw

GROUND = np.full((200, 400, 3), (20, 200, 40), np.uint8)
PLACE = (100.0, 80.0, 120.0, 90.0)
COLOURS = {"FAKE": boxes.FAKE, "REAL": boxes.REAL, "INCONCLUSIVE": boxes.OTHER}


def on_right_side(drawn: np.ndarray) -> np.ndarray:
    """Of each pixel on the right side of PLACE, from top to bottom, whether a line is there."""
    return (drawn[82:168, 220] != GROUND[0, 0]).any(axis=1)


@pytest.mark.parametrize("verdict", COLOURS)
def test_a_box_lies_around_its_place_in_the_colour_of_its_verdict(verdict):
    drawn = draw(GROUND, [Box(PLACE, verdict, "1")])
    assert tuple(drawn[170, 105]) == COLOURS[verdict], "its lower side"
    changed = (drawn[80:] != GROUND[80:]).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)) + 80, np.flatnonzero(changed.any(axis=0))
    assert (rows.max(), columns.min(), columns.max()) == pytest.approx((170, 100, 220), abs=3)
    assert (drawn[90:160, 110:210] == GROUND[0, 0]).all(), "the face itself is left alone"


@pytest.mark.parametrize(
    ("verdict", "shown", "gaps"), [("FAKE", 1.0, 0), ("REAL", 0.5, 1), ("INCONCLUSIVE", 0.6, 4)]
)
def test_the_line_tells_the_verdict_without_colour(verdict, shown, gaps):
    there = on_right_side(draw(GROUND, [Box(PLACE, verdict, "1")]))
    assert there.mean() == pytest.approx(shown, abs=0.16)
    assert np.count_nonzero(np.diff(there.astype(int)) == -1) == pytest.approx(
        gaps, abs=1 if gaps > 1 else 0
    )


def test_the_signs_differ():
    labels = [boxes._label("1", verdict, 16)[:, :24] for verdict in COLOURS]
    shapes = {(label == 255).all(axis=2).tobytes() for label in labels}
    assert len(shapes) == 3


@pytest.mark.parametrize(
    "place", [(-50, -20, 80, 60), (390, 190, 300, 300), (0, 0, 400, 200), (10, 10, 0, 0)]
)
@pytest.mark.parametrize("size", [(200, 400), (3, 5), (1, 1)])
def test_a_box_beyond_the_picture_is_drawn_as_far_as_it_goes(place, size):
    image = np.zeros((*size, 3), np.uint8)
    drawn = draw(image, [Box(place, "REAL", "12 REAL 3%")], "0:01", "FAKE")
    assert drawn.shape == image.shape
    assert not image.any()


def test_the_note_stands_in_the_lower_left_corner():
    drawn = draw(GROUND, [], "0:01", "FAKE")
    assert tuple(drawn[-1, 0]) == boxes.FAKE
    assert (drawn[:150] == GROUND[:150]).all()


@pytest.mark.parametrize(
    "tops", [(90.0, 90.0, 90.0), (20.0, 25.0, 20.0)], ids=["beside each other", "near the top"]
)
def test_no_label_covers_another(tops):
    """Of faces close to each other, whose labels are wider than they are."""
    texts = ("1 no verdict, 20.9 % fake", "2 REAL, 1.0 % fake", "3 FAKE, 99.0 % fake")
    places = [(100.0 + 30 * number, top, 25.0, 30.0) for number, top in enumerate(tops)]
    numbered = [Box(place, "REAL", text) for place, text in zip(places, texts, strict=True)]
    drawn = draw(GROUND, numbered)
    for text in texts:
        label = boxes._label(text, "REAL", max(boxes.LEAST_LETTER, 400 // boxes.SMALL))
        height, width = label.shape[:2]
        windows = np.lib.stride_tricks.sliding_window_view(drawn, (height, width, 3))
        assert (windows == label).all(axis=(3, 4, 5)).any(), text
