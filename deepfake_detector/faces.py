"""Find faces in a frame, follow them through a clip, cut them out: the same code for training and for serving."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from deepfake_detector import UserError, assets
from deepfake_detector.files import file_hash

HAAR_FILE = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
HAAR_NEIGHBOURS = 6
HAAR_STEP = 1.1
SMALLEST = 0.08  # smallest Haar face, as a share of the picture's shorter side
YUNET_LEAST = 64  # pixels a side; YuNet reads memory it never wrote in pictures of half that
OVERLAP = 0.3  # YuNet: boxes that share more than this are one face
REACH = 1.0  # a face moves at most this many box sides between two sampled frames
GROWTH = 2.0  # and grows or shrinks at most by this factor
MOST_FACES = 32  # of one frame; a picture of a crowd must not fill the memory
QUALITY_SIDE = 128
# where the eyes, the nose and the corners of the mouth are in a box round a face from the front, as shares of its sides
CANONICAL = ((0.31, 0.40), (0.69, 0.40), (0.50, 0.60), (0.35, 0.78), (0.65, 0.78))
READY_MARGIN = 1.3  # of a ready crop, whose real margin nobody knows


@dataclass(frozen=True)
class Face:
    """A detected face: box in pixels of the upright frame (left, top, width, height) and the detector's score.

    `points` are the eyes, the nose and the corners of the mouth, from left to right, each as x and y in pixels; a detector
    that finds boxes alone leaves them out.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    points: tuple[float, ...] = ()

    @property
    def side(self) -> float:
        return max(self.width, self.height)


class FaceDetector(Protocol):
    """Finds faces in an RGB uint8 picture; `sha256` is the hash of the file it was loaded from."""

    sha256: str

    def detect(self, image: np.ndarray) -> list[Face]: ...


def load_detector(name: str, detect_size: int, min_score: float, yunet_sha256: str) -> FaceDetector:
    """The detector `haar` or `yunet`, looking at pictures scaled to `detect_size` pixels on their longer side."""
    if name == "haar":
        return Haar(detect_size, min_score)
    return YuNet(assets.locate("yunet", yunet_sha256), detect_size, min_score)


class Haar:
    """OpenCV's frontal-face cascade (Viola and Jones 2001) on a grey picture equalised in tiles.

    Equalised, because the cascade misses dark faces first; in tiles (CLAHE), because a bright background otherwise takes
    the whole range. The score is the weight of the last stage passed.
    """

    def __init__(self, detect_size: int, min_score: float) -> None:
        self.sha256 = file_hash(HAAR_FILE)
        self._cascade = cv2.CascadeClassifier(str(HAAR_FILE))
        self._equaliser = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8))
        self._detect_size, self._min_score = detect_size, min_score

    def detect(self, image: np.ndarray) -> list[Face]:
        small, scale = _scaled(image, self._detect_size)
        grey = self._equaliser.apply(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
        least = max(24, round(SMALLEST * min(grey.shape)))
        boxes, _, weights = self._cascade.detectMultiScale3(
            grey, scaleFactor=HAAR_STEP, minNeighbors=HAAR_NEIGHBOURS, minSize=(least, least), outputRejectLevels=True
        )
        faces = [
            Face(*(float(value) / scale for value in box), score=float(weight))
            for box, weight in zip(boxes, weights, strict=True)
            if weight >= self._min_score
        ]
        return _ordered(faces)


class YuNet:
    """OpenCV's YuNet (Wu, Peng and Yu 2023). The score is its confidence, 0..1."""

    def __init__(self, path: Path, detect_size: int, min_score: float) -> None:
        cv2.setNumThreads(
            1
        )  # a second thread doubles its processor time and saves nothing; others use the cores meanwhile
        self.sha256 = file_hash(path)
        self._net = cv2.FaceDetectorYN.create(str(path), "", (detect_size, detect_size), min_score, OVERLAP)
        self._detect_size = detect_size

    def detect(self, image: np.ndarray) -> list[Face]:
        small, scale = _scaled(image, self._detect_size)
        below, right = (max(0, YUNET_LEAST - side) for side in small.shape[:2])
        small = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_CONSTANT)
        self._net.setInputSize(small.shape[1::-1])
        _, found = self._net.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        rows = [] if found is None else found
        return _ordered([_yunet_face(row, scale) for row in rows])


def follow(frames: list[list[Face]], dominant: str = "area") -> list[list[int]]:
    """Track numbers for the faces of successive frames: the same number, the same person.

    Each frame's faces are matched to the tracks seen so far by least total distance (Hungarian method). Track 0 is the
    dominant one: with the largest sum of box areas over the clip (`dominant` is `area`), or in most frames and of these
    with the largest sum (`frames`).
    """
    last: list[Face] = []
    numbers: list[list[int]] = []
    for faces in frames:
        matched = _match(last, faces)
        row = []
        for position, face in enumerate(faces):
            track = matched.get(position, len(last))
            if track == len(last):
                last.append(face)
            last[track] = face
            row.append(track)
        numbers.append(row)
    areas, counts = np.zeros(len(last)), np.zeros(len(last))
    for faces, row in zip(frames, numbers, strict=True):
        for face, track in zip(faces, row, strict=True):
            areas[track] += face.width * face.height
            counts[track] += 1
    rank = np.empty(len(last), int)
    rank[np.lexsort((-areas, -counts if dominant == "frames" else -areas))] = np.arange(len(last))
    return [[int(rank[track]) for track in row] for row in numbers]


def cut(image: np.ndarray, face: Face, margin: float, size: int) -> np.ndarray:
    """The square round the face, `margin` times its longer side, as (size, size, 3) RGB uint8.

    What lies outside the picture repeats its edge. Shrunk by area, enlarged bilinearly.
    """
    left, top, side = _square(face, margin)
    height, width = image.shape[:2]
    part = image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    if not part.size:
        raise UserError(f"face box {face} lies outside the {width} x {height} picture")
    before, after = (max(-top, 0), max(-left, 0)), (max(top + side - height, 0), max(left + side - width, 0))
    if any(before) or any(after):
        part = cv2.copyMakeBorder(part, before[0], after[0], before[1], after[1], cv2.BORDER_REPLICATE)
    return resize(part, size)


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


def given_crop(image: np.ndarray, size: int) -> np.ndarray:
    """The central square of a picture that is a face already, at `size` pixels a side."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(image[top : top + side, left : left + side], size)


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """A square picture at `size` pixels a side: shrunk by area, enlarged bilinearly, unchanged where it fits."""
    if image.shape[:2] == (size, size):
        return np.ascontiguousarray(image)
    shrinks = size < image.shape[0]
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def quality(crop: np.ndarray) -> dict[str, float]:
    """How well a face can be seen, from its grey values at 128 pixels a side.

    `sharpness` is the variance of the Laplacian (0 is flat, below about 20 looks blurred), `brightness` the mean and
    `contrast` the standard deviation (both 0..255).
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
    return round(face.x + face.width / 2 - side / 2), round(face.y + face.height / 2 - side / 2), side


def _in_box(face: Face) -> np.ndarray:
    return np.array([(face.x + x * face.width, face.y + y * face.height) for x, y in CANONICAL])


def _yunet_face(row: np.ndarray, scale: float) -> Face:
    """From a row of YuNet's output: box, five points (those on the picture's left first), score."""
    values = [float(value) / scale for value in row[:14]]
    return Face(*values[:4], score=float(row[14]), points=tuple(values[4:]))


def _match(last: list[Face], faces: list[Face]) -> dict[int, int]:
    """Position of a face -> number of the track it continues."""
    if not last or not faces:
        return {}
    cost = np.array([[_distance(face, before) for before in last] for face in faces])
    pairs = zip(*linear_sum_assignment(np.where(np.isfinite(cost), cost, 1e6)), strict=True)
    return {int(face): int(track) for face, track in pairs if math.isfinite(cost[face, track])}


def _distance(face: Face, before: Face) -> float:
    """Distance of the centres in box sides; infinite where the two cannot be one face."""
    side = max(face.side, before.side)
    if side > GROWTH * min(face.side, before.side):
        return math.inf
    across = face.x + face.width / 2 - before.x - before.width / 2
    down = face.y + face.height / 2 - before.y - before.height / 2
    distance = math.hypot(across, down) / side
    return distance if distance <= REACH else math.inf


def _scaled(image: np.ndarray, longest: int) -> tuple[np.ndarray, float]:
    scale = longest / max(image.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=interpolation), scale


def _ordered(faces: list[Face]) -> list[Face]:
    """The largest first, so many as count."""
    return sorted(faces, key=lambda face: (-face.width * face.height, face.x, face.y))[:MOST_FACES]
