"""Every face that is to be judged is shown to the detector at a size that it finds, whatever the
size of the picture, and told of once."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_detector.faces.detection import FaceDetector
from deepfake_detector.faces.detection_size import TILE, Reach, merged, scales, tiles
from deepfake_detector.faces.face import Face
from deepfake_detector.faces.haar import Haar
from deepfake_detector.faces.yunet import YuNet

REACH = Reach(16, 300)
sides = st.integers(16, 9000)


@pytest.mark.parametrize(
    ("width", "height", "detect_size", "min_face", "passes"),
    [
        (1280, 720, 320, 64, (0.25,)),
        (640, 360, 320, 64, (0.5,)),
        (224, 224, 320, 64, (320 / 224,)),
        (1920, 1080, 320, 64, (0.25,)),
        (3840, 2160, 320, 64, (0.25, 320 / 3840)),
        (1280, 720, 320, 128, (0.25,)),
        (1280, 720, 320, 8, (1.0, 0.25)),
        (8000, 8000, 320, 16, (1.0, 2 * 16 / 300, 320 / 8000)),
    ],
    ids=[
        "720p as it was",
        "smaller",
        "enlarged as it was",
        "1080p larger",
        "4K larger, and once more for faces that fill it",
        "nothing so small is judged",
        "never enlarged for a small face",
        "three passes",
    ],
)
def test_a_picture_is_shown_as_large_as_the_least_face_asks_for(
    width, height, detect_size, min_face, passes
):
    assert scales(height, width, detect_size, min_face, REACH) == pytest.approx(passes)


@given(sides, sides, st.integers(64, 4096), st.integers(8, 2048))
def test_every_face_that_is_judged_is_of_a_size_that_is_found_in_one_of_the_passes(
    height, width, detect_size, min_face
):
    passes = scales(height, width, detect_size, min_face, REACH)
    shortest, overview = min(height, width), detect_size / max(height, width)
    faces = np.geomspace(max(min_face, REACH.least), max(shortest, min_face, REACH.least), 50)
    trusted = max(REACH.most, overview * shortest)  # whoever set detect_size has seen it work
    for side in faces[faces <= shortest]:
        shown = [side * scale for scale in passes]
        assert any(REACH.least - 1e-6 <= one <= trusted + 1e-6 for one in shown)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_tiles_cover_the_picture_and_hold_every_face_whole(height, width):
    parts = tiles(height, width, REACH)
    for side, spans in (
        (height, sorted({rows.indices(height)[:2] for rows, _ in parts})),
        (width, sorted({columns.indices(width)[:2] for _, columns in parts})),
    ):
        assert spans[0][0] == 0
        assert spans[-1][1] == side
        assert all(end - start <= TILE for start, end in spans)
        assert all(before[1] - after[0] >= REACH.most for before, after in pairwise(spans))


class Sees:
    """Finds the bright squares of a picture, if they are of a size within its reach."""

    reach = REACH
    sha256 = ""
    scaled = Haar.scaled

    def find(self, picture: np.ndarray) -> list[Face]:
        import cv2

        count, _, boxes, _ = cv2.connectedComponentsWithStats(
            (picture[..., 0] > 100).astype(np.uint8)
        )
        return [
            Face(float(left), float(top), float(width), float(height), float(width))
            for left, top, width, height, _ in boxes[1:count]
            if self.reach.least - 1 <= max(width, height) <= self.reach.most
        ]


@pytest.mark.parametrize("side", [64, 100, 400, 2000])
@pytest.mark.parametrize("place", [0.0, 0.33, 0.5, 1.0])
def test_a_face_of_a_4k_picture_is_found_once_where_it_is(side, place):
    picture = np.zeros((2160, 3840, 3), np.uint8)
    left, top = round(place * (3840 - side)), round(place * (2160 - side))
    picture[top : top + side, left : left + side] = 255
    detector = FaceDetector(Sees(), 320, 64)
    (face,) = detector.detect(picture)
    assert [face.x, face.y, face.width] == pytest.approx([left, top, side], abs=13)
    assert detector.least_face(2160, 3840) == 64
    assert FaceDetector(Sees(), 320, 10_000).least_face(2160, 3840) == 192


@pytest.mark.parametrize("size", [(1081, 1923), (1920, 1080), (719, 1283)])
@pytest.mark.parametrize("min_face", [64, 47, 33, 24, 17])
@pytest.mark.parametrize("scaled", [Haar.scaled, YuNet.scaled])
def test_a_face_is_where_it_is_whatever_the_picture_is_scaled_by(
    monkeypatch, scaled, size, min_face
):
    monkeypatch.setattr(Sees, "scaled", scaled)
    side = 100
    top, left = (length - side for length in size)
    picture = np.zeros((*size, 3), np.uint8)
    picture[top:, left:] = 255
    found = FaceDetector(Sees(), 320, min_face).detect(picture)
    (face,) = found
    shown = 16 / min_face
    assert [face.x, face.y, face.width, face.height] == pytest.approx(
        [left, top, side, side], abs=1.5 / shown
    )


@pytest.mark.parametrize("kind", [Haar, YuNet])
@pytest.mark.parametrize(
    ("size", "scale", "expected"),
    [((1080, 1920), 0.344, (372, 660)), ((2, 10_000), 0.032, (1, 320)), ((1, 1), 320, (320, 320))],
    ids=["1080p", "a strip", "one pixel"],
)
def test_a_picture_of_any_shape_can_be_scaled(kind, size, scale, expected):
    picture = np.full((*size, 3), 90, np.uint8)
    small = kind.scaled(None, picture, scale)
    assert small.shape == (*expected, 3)
    assert (small == 90).all()


def test_what_two_passes_found_is_one_face_and_neighbours_are_two():
    seen_better, seen_worse = Face(10, 10, 40, 40, 0.9), Face(12, 14, 44, 40, 0.7)
    part, neighbour = Face(20, 20, 10, 10, 0.6), Face(45, 10, 40, 40, 0.5)
    found = merged([[seen_worse, neighbour], [part, seen_better]])
    assert found == [seen_better, neighbour]


def test_nothing_beside_the_picture_is_a_face():
    """As a detector may think that fills up small pictures."""

    class Beside(Sees):
        def find(self, picture: np.ndarray) -> list[Face]:
            return [Face(-30, 0, 20, 20, 0.9), Face(-9, 0, 20, 20, 0.9), Face(310, 0, 40, 40, 0.9)]

    assert [
        face.x for face in FaceDetector(Beside(), 320, 64).detect(np.zeros((320, 320, 3), np.uint8))
    ] == [-9]
