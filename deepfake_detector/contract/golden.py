"""A drawn face that comes out the same on every machine, and what a model made of it when it was
exported.

Drawn by integer arithmetic alone, so that it is the same with every library, version and processor.
A model that finds another face in it, or another logit, computes something else here than where it
was made.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from deepfake_detector import UserError
from deepfake_detector.contract import Crop, Golden
from deepfake_detector.faces.cutting import cut, given_crop
from deepfake_detector.faces.detection import FaceDetector
from deepfake_detector.faces.face import Face

# crops -> logits, activation maps
Judge = Callable[[list[np.ndarray]], tuple[np.ndarray, np.ndarray]]
PIXELS = 1.0  # that a box may differ by
REMEDY = "install the versions of requirements.txt, or export the model again"
SIDE = 256
BACKGROUND, HAIR, SKIN, SHADE, LIPS, WHITE, DARK = (
    (168, 180, 196),
    (58, 42, 34),
    (214, 168, 142),
    (178, 128, 104),
    (168, 84, 82),
    (238, 236, 232),
    (36, 28, 26),
)
ELLIPSES = (  # colour, centre x and y, half-axes, in pixels; later ones lie above
    ((92, 104, 136), 128, 262, 104, 50),  # shoulders
    (SHADE, 128, 206, 30, 44),  # neck
    (HAIR, 128, 104, 72, 78),
    (SKIN, 128, 126, 58, 76),
    (SHADE, 128, 190, 22, 6),  # below the mouth
    (HAIR, 128, 52, 52, 20),
    (SHADE, 104, 112, 19, 11),  # eye sockets
    (SHADE, 152, 112, 19, 11),
    (DARK, 104, 98, 18, 4),  # brows
    (DARK, 152, 98, 18, 4),
    (WHITE, 104, 113, 13, 6),
    (WHITE, 152, 113, 13, 6),
    (DARK, 104, 113, 6, 6),
    (DARK, 152, 113, 6, 6),
    (SHADE, 122, 134, 4, 20),  # nose
    (SHADE, 128, 150, 13, 6),
    (DARK, 122, 152, 3, 2),
    (DARK, 134, 152, 3, 2),
    (LIPS, 128, 174, 22, 8),
    (DARK, 128, 173, 20, 2),
)
BLURS = 2


def image() -> np.ndarray:
    """The drawn face, (256, 256, 3) RGB uint8."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.int64)
    picture = np.empty((SIDE, SIDE, 3), np.int64)
    picture[:] = BACKGROUND
    picture -= ((x + y) // 16)[..., None]  # light from the upper left
    for colour, centre_x, centre_y, half_x, half_y in ELLIPSES:
        inside = ((x - centre_x) * half_y) ** 2 + ((y - centre_y) * half_x) ** 2 <= (
            half_x * half_y
        ) ** 2
        shaded = np.array(colour) - (np.abs(x - 116) // 4)[..., None]
        picture[inside] = shaded[inside]
    for _ in range(BLURS):
        picture = _blurred(picture)
    return picture.clip(0, 255).astype(np.uint8)


def sample(faces: FaceDetector, crop: Crop, judge: Judge, tolerance: float) -> Golden:
    """What a face detector and a network make of the drawn face; the logit to a tenth of its
    tolerance, as digits after that differ between processors."""
    boxes = tuple(_box(face) for face in faces.detect(image()))
    (logit,), _ = judge([_crop(boxes, crop)])
    digits = 1 - math.floor(math.log10(tolerance))
    return Golden(boxes=boxes, logit=round(float(logit), digits), tolerance=tolerance)


def check(expected: Golden, faces: FaceDetector, crop: Crop, judge: Judge, source: str) -> None:
    """Raises UserError, saying what differs, unless the boxes agree to a pixel and the logit to its
    tolerance.

    The network sees the expected box, so that a fraction of a pixel in the detector is not taken
    for another network.
    """
    boxes = [_box(face) for face in faces.detect(image())]
    if (
        len(boxes) != len(expected.boxes)
        or np.abs(np.subtract(boxes, expected.boxes)).max(initial=0) > PIXELS
    ):
        raise UserError(
            f"{source}: the face detector finds other faces here than where the model was "
            f"exported: {boxes} in the drawn sample, expected {list(expected.boxes)}",
            REMEDY,
        )
    (logit,), _ = judge([_crop(expected.boxes, crop)])
    if not abs(logit - expected.logit) <= expected.tolerance:
        raise UserError(
            f"{source}: the network computes something else here than where it was exported: "
            f"logit {logit:.6f} of the drawn sample, expected {expected.logit:.6f} to "
            f"{expected.tolerance:g}",
            REMEDY,
        )


def _box(face: Face) -> tuple[float, float, float, float]:
    return round(face.x, 3), round(face.y, 3), round(face.width, 3), round(face.height, 3)


def _crop(boxes: Sequence[tuple[float, float, float, float]], crop: Crop) -> np.ndarray:
    if not boxes:
        return given_crop(image(), crop.size)
    return cut(image(), Face(*boxes[0], score=1.0), crop.margin, crop.size)


def _blurred(picture: np.ndarray) -> np.ndarray:
    """Mean of each pixel's 3 x 3 neighbours, rounded down."""
    wide = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    moved = (
        wide[down : down + SIDE, across : across + SIDE] for down in range(3) for across in range(3)
    )
    return sum(moved, np.zeros_like(picture)) // 9
