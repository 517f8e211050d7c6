"""Face detectors: OpenCV's Haar cascade and YuNet, the same for training and serving.

A detector is a class and its entry in DETECTORS, and its name in settings.FaceDetectorName.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import cv2
import cv2.data
import numpy as np

from deepfake_detector import UserError
from deepfake_detector.faces.settings import YUNET
from deepfake_detector.storage import assets
from deepfake_detector.storage.assets import Asset
from deepfake_detector.storage.files import file_hash

HAAR_NEIGHBOURS = 6
HAAR_STEP = 1.1
SMALLEST = 0.08  # smallest Haar face, as a share of the picture's shorter side
YUNET_LEAST = 64  # pixels a side; YuNet reads memory it never wrote in pictures of half that
OVERLAP = 0.3  # YuNet: boxes that share more than this are one face
MOST_FACES = 32  # of one frame; a picture of a crowd must not fill the memory


@dataclass(frozen=True)
class Face:
    """A detected face: box in pixels of the upright frame (left, top, width, height) and the
    detector's score.

    `points` are the eyes, the nose and the corners of the mouth, from left to right, each as x and
    y in pixels; a detector that finds boxes alone leaves them out.
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
    """Finds faces in an RGB uint8 picture; `sha256` is the hash of the file it was loaded from.

    `file` is that file: where it lies inside an installed package, or the asset to fetch.
    """

    file: ClassVar[Path | Asset]
    sha256: str

    def __init__(self, path: Path, detect_size: int, min_score: float) -> None: ...

    def detect(self, image: np.ndarray) -> list[Face]: ...


def load_detector(name: str, detect_size: int, min_score: float, asset_sha256: str) -> FaceDetector:
    """The detector `name`, looking at pictures scaled to `detect_size` pixels on their longer side.

    Raises UserError where there is no such detector, or its file is missing or another one.
    """
    path = detector_file(name, asset_sha256)
    return DETECTORS[name](path, detect_size, min_score)


def detector_file(name: str, asset_sha256: str) -> Path:
    """The file of the detector `name`, its hash checked where it is an asset.

    Raises UserError as `load_detector` does.
    """
    if name not in DETECTORS:
        raise UserError(
            f"unknown face detector {name!r} (known are {', '.join(DETECTORS)})",
            "install a newer version of this project",
        )
    file = DETECTORS[name].file
    if isinstance(file, Asset):
        return assets.locate(file, asset_sha256)
    if not file.is_file():
        raise UserError(f"{file}: not there", "install the packages of requirements.txt again")
    return file


class Haar:
    """OpenCV's frontal-face cascade (Viola and Jones 2001) on a grey picture equalised in tiles.

    Equalised, because the cascade misses dark faces first; in tiles (CLAHE), because a bright
    background otherwise takes the whole range. The score is the weight of the last stage passed.
    """

    file: ClassVar[Path | Asset] = (
        Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
    )

    def __init__(self, path: Path, detect_size: int, min_score: float) -> None:
        self.sha256 = file_hash(path)
        self._cascade = cv2.CascadeClassifier(str(path))
        self._equaliser = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8))
        self._detect_size, self._min_score = detect_size, min_score

    def detect(self, image: np.ndarray) -> list[Face]:
        small, scale = _scaled(image, self._detect_size)
        grey = self._equaliser.apply(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
        least = max(24, round(SMALLEST * min(grey.shape)))
        boxes, _, weights = self._cascade.detectMultiScale3(
            grey,
            scaleFactor=HAAR_STEP,
            minNeighbors=HAAR_NEIGHBOURS,
            minSize=(least, least),
            outputRejectLevels=True,
        )
        faces = [
            Face(*_scaled_back(box, scale), float(weight))
            for box, weight in zip(boxes, weights, strict=True)
            if weight >= self._min_score
        ]
        return _ordered(faces)


class YuNet:
    """OpenCV's YuNet (Wu, Peng and Yu 2023). The score is its confidence, 0..1."""

    file: ClassVar[Path | Asset] = YUNET

    def __init__(self, path: Path, detect_size: int, min_score: float) -> None:
        # a second thread doubles the processor time and saves nothing; others use the
        # cores meanwhile
        cv2.setNumThreads(1)
        self.sha256 = file_hash(path)
        self._net = cv2.FaceDetectorYN.create(
            str(path), "", (detect_size, detect_size), min_score, OVERLAP
        )
        self._detect_size = detect_size

    def detect(self, image: np.ndarray) -> list[Face]:
        small, scale = _scaled(image, self._detect_size)
        below, right = (max(0, YUNET_LEAST - side) for side in small.shape[:2])
        small = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_CONSTANT)
        self._net.setInputSize(small.shape[1::-1])
        _, found = self._net.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        rows = [] if found is None else found
        return _ordered([_yunet_face(row, scale) for row in rows])


def _yunet_face(row: np.ndarray, scale: float) -> Face:
    """From a row of YuNet's output: box, five points (those on the picture's left first), score."""
    points = tuple(float(value) / scale for value in row[4:14])
    return Face(*_scaled_back(row[:4], scale), float(row[14]), points)


def _scaled_back(box: Iterable[float], scale: float) -> tuple[float, float, float, float]:
    left, top, width, height = (float(value) / scale for value in box)
    return left, top, width, height


def _scaled(image: np.ndarray, longest: int) -> tuple[np.ndarray, float]:
    scale = longest / max(image.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=interpolation), scale


def _ordered(faces: list[Face]) -> list[Face]:
    """The largest first, so many as count."""
    return sorted(faces, key=lambda face: (-face.width * face.height, face.x, face.y))[:MOST_FACES]


DETECTORS: Mapping[str, type[FaceDetector]] = {"haar": Haar, "yunet": YuNet}
