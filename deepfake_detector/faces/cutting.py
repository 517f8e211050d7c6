"""Face crops: how a face is cut out of a frame, the same for training and serving."""

import cv2
import numpy as np
import pandas as pd

from deepfake_detector import UserError
from deepfake_detector.faces.face import Face

QUALITY_SIDE = 128
# where the eyes, the nose and the corners of the mouth are in a box round a face from the front,
# as shares of its sides
CANONICAL = ((0.31, 0.40), (0.69, 0.40), (0.50, 0.60), (0.35, 0.78), (0.65, 0.78))
READY_MARGIN = 1.3  # of a ready crop, whose real margin nobody knows


def cut(image: np.ndarray, face: Face, margin: float, size: int) -> np.ndarray:
    """The square round the face, `margin` times its longer side, as (size, size, 3) RGB uint8.

    What lies outside the picture repeats its edge. Shrunk by area, enlarged bilinearly.
    """
    left, top, side = _square(face, margin)
    height, width = image.shape[:2]
    part = image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    if not part.size:
        raise UserError(f"face box {face} lies outside the {width} x {height} picture")
    before, after = (
        (max(-top, 0), max(-left, 0)),
        (max(top + side - height, 0), max(left + side - width, 0)),
    )
    if any(before) or any(after):
        part = cv2.copyMakeBorder(
            part, before[0], after[0], before[1], after[1], cv2.BORDER_REPLICATE
        )
    return resize(part, size)


def filled_in(face: Face, margin: float, width: int, height: int) -> float:
    """The fraction of that square, 0..1, which lies outside a picture of `width` x `height` pixels:
    there is nothing in it but the repeated edge."""
    left, top, side = _square(face, margin)
    across = max(min(left + side, width) - max(left, 0), 0)
    down = max(min(top + side, height) - max(top, 0), 0)
    return 1 - across * down / side**2


def points_in_crop(face: Face, margin: float) -> str:
    """The face's five points in the square that `cut` cuts: x and y of each as shares of its side.

    Where the detector found no points they are those of the CANONICAL face in its box.
    """
    left, top, side = _square(face, margin)
    points = np.reshape(face.points, (5, 2)) if face.points else _in_box(face)
    shares = ((points - (left, top)) / side).round(4) + 0.0  # which makes -0 a 0
    return " ".join(f"{share:.4f}" for share in shares.ravel())


def points_in_frame(text: str, face: Face, margin: float) -> tuple[float, ...]:
    """What `points_in_crop` was made of, to the digits it has: pixels of the frame."""
    left, top, side = _square(face, margin)
    return tuple(float(value) for value in (read_points(text) * side + (left, top)).ravel())


def points_of_ready_crop() -> str:
    """The five points of a crop that nobody looked for a face in."""
    return points_in_crop(Face(0, 0, 1000, 1000, 1.0), READY_MARGIN)


def read_points(text: str) -> np.ndarray:
    """The (5, 2) shares of the side that `points_in_crop` wrote."""
    return np.array(text.split(), float).reshape(5, 2)


def is_given(kind: str, realign: bool) -> bool:
    """Whether the pictures of an item of this `kind` are taken for crops as they are."""
    return kind == "face" and not realign


def given_items(index: pd.DataFrame, realign: bool) -> set[str]:
    """The items of the table `index` whose pictures are taken for crops as they are."""
    return {row.item for row in index.itertuples() if is_given(row.kind, realign)}


def given_crop(image: np.ndarray, size: int) -> np.ndarray:
    """The central square of a picture that is a face already, at `size` pixels a side."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(image[top : top + side, left : left + side], size)


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """A square picture at `size` pixels a side: shrunk by area, enlarged bilinearly, unchanged
    where it fits."""
    if image.shape[:2] == (size, size):
        return np.ascontiguousarray(image)
    shrinks = size < image.shape[0]
    return cv2.resize(
        image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )


def quality(crop: np.ndarray) -> dict[str, float]:
    """How well a face can be seen, from its grey values at 128 pixels a side.

    `sharpness` is the variance of the Laplacian (0 is flat, below about 20 looks blurred),
    `brightness` the mean and `contrast` the standard deviation (both 0..255).
    """
    grey = cv2.cvtColor(resize(crop, QUALITY_SIDE), cv2.COLOR_RGB2GRAY)
    mean, deviation = cv2.meanStdDev(grey)
    return {
        "sharpness": float(cv2.Laplacian(grey, cv2.CV_64F).var()),
        "brightness": float(mean[0, 0]),
        "contrast": float(deviation[0, 0]),
    }


def _square(face: Face, margin: float) -> tuple[int, int, int]:
    """Left, top and side of the crop, in pixels of the frame."""
    side = max(2, round(face.side * margin))
    return (
        round(face.x + face.width / 2 - side / 2),
        round(face.y + face.height / 2 - side / 2),
        side,
    )


def _in_box(face: Face) -> np.ndarray:
    return np.array([(face.x + x * face.width, face.y + y * face.height) for x, y in CANONICAL])
