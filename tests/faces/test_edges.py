"""How much of a crop lies outside its picture is told for each item, as `cut` fills it in."""

import numpy as np
import pandas as pd
import pytest

from deepfake_detector.faces.cutting import cut, filled_in
from deepfake_detector.faces.edges import shares_filled_in, warning
from deepfake_detector.faces.face import Face
from deepfake_detector.storage import tables

WIDTH, HEIGHT = 80, 60


@pytest.mark.parametrize(
    ("box", "margin", "expected"),
    [
        ((20, 20, 20, 20), 1.0, 0.0),
        ((20, 20, 20, 20), 2.0, 0.0),  # the square ends at the edge
        ((-10, 20, 20, 20), 1.0, 0.5),
        ((-10, -10, 20, 20), 1.0, 0.75),
        ((70, 50, 20, 20), 1.0, 0.75),
        ((0, 0, 80, 60), 1.0, 0.25),  # as wide as the picture, and square
        ((0, 0, 80, 60), 2.0, 1 - 80 * 60 / 160**2),
        ((200, 20, 20, 20), 1.0, 1.0),
    ],
)
def test_the_part_outside_is_that_of_the_square_that_is_cut(box, margin, expected):
    assert filled_in(Face(*box, 1.0), margin, WIDTH, HEIGHT) == pytest.approx(expected)


@pytest.mark.parametrize("margin", [1.0, 1.5, 3.0])
def test_it_is_the_part_that_repeats_the_edge(margin):
    """A picture that is black but for its edge: white in the crop is what was filled in, and a line
    of one pixel."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[[0, -1]] = picture[:, [0, -1]] = 255
    face = Face(5, 5, 40, 40, 1.0)
    white = (cut(picture, face, margin, round(40 * margin)) > 127).mean()
    assert white == pytest.approx(filled_in(face, margin, WIDTH, HEIGHT), abs=0.06)


def row(item: str, frame: int, x: float, track: int = 0, status: str = "ok") -> dict:
    box = {"x": x, "y": 20, "width": 20, "height": 20}
    return {"item": item, "frame": frame, "track": track, "status": status} | box


def test_an_item_has_the_median_of_its_dominant_track():
    faces = [
        *(row("a", frame, x) for frame, x in enumerate([20, -5, -10])),
        row("a", 0, -20, track=1),
        row("a", 3, -20, status="face too small"),
        row("b", 0, 70),
        {"item": "c", "frame": 0, "status": "no face"},
        row("elsewhere", 0, 0),
    ]
    frames = [
        {"item": item, "frame": frame, "status": "ok", "width": WIDTH, "height": HEIGHT}
        for item in "abc"
        for frame in range(4)
    ]
    found = shares_filled_in(
        tables.make(faces, tables.FACES), tables.make(frames, tables.FRAMES), 1.0
    )
    assert found.to_dict() == {"a": 0.25, "b": 0.5}


def test_without_a_face_there_is_nothing_to_tell():
    nothing = tables.make([], tables.FACES), tables.make([], tables.FRAMES)
    found = shares_filled_in(*nothing, 1.3)
    assert found.empty
    assert isinstance(found, pd.Series) and found.dtype == float


@pytest.mark.parametrize(
    ("margin", "sides", "sentences"),
    [
        (
            1.3,
            [60, 60, 60],
            [
                "set: the pictures are tight, so 41% of a crop repeats their edge; "
                "with crop_faces.margin 1 it would be 0%"
            ],
        ),
        (
            1.3,
            [60, 60, 30],
            [
                "set: the pictures are tight, so 41% of a crop repeats their edge; "
                "with crop_faces.margin 1 it would be 0%"
            ],
        ),
        (1.3, [60, 30, 30], []),
        (1.1, [60, 60, 60], []),  # 17 %
        (1.0, [90, 90, 90], []),  # as small as it can be made
        (1.3, [], []),
    ],
)
def test_tight_pictures_are_told_with_the_remedy(margin, sides, sentences):
    """Of a data set's items the one in the middle counts; a picture is 60 pixels a side."""
    faces = [
        row(f"set/real/{place}", 0, 30 - side / 2)
        | {"y": 30 - side / 2, "width": side, "height": side}
        for place, side in enumerate(sides)
    ]
    roomy = row("roomy/real/0", 0, 20)
    frames = [
        {"item": one["item"], "frame": 0, "status": "ok", "width": 60, "height": 60}
        for one in [*faces, roomy]
    ]
    found = warning(
        tables.make([*faces, roomy], tables.FACES), tables.make(frames, tables.FRAMES), margin
    )
    assert found == sentences
