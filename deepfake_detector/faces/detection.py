"""Face detectors: OpenCV's Haar cascade and YuNet, the same for training and serving.

A detector is a class (FaceModel) and its entry in DETECTORS, and its name in
settings.FaceDetectorName.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Protocol

import cv2
import cv2.data
import numpy as np

from deepfake_detector import UserError
from deepfake_detector.faces.detection_size import TILE, Reach, merged, scales, tiles
from deepfake_detector.faces.face import Face
from deepfake_detector.faces.settings import YUNET
from deepfake_detector.storage import assets
from deepfake_detector.storage.assets import Asset
from deepfake_detector.storage.files import file_hash

HAAR_NEIGHBOURS = 6
HAAR_STEP = 1.1
HAAR_WINDOW = 24  # pixels a side: the cascade looks at no less
YUNET_LEAST = 64  # pixels a side; YuNet reads memory it never wrote in pictures of half that
OVERLAP = 0.3  # YuNet: boxes that share more than this are one face
MOST_FACES = 32  # of one frame; a picture of a crowd must not fill the memory


class FaceModel(Protocol):
    """What finds faces in a picture as it is; `sha256` is the hash of the file it was loaded from.

    `file` is that file: where it lies inside an installed package, or the asset to fetch. `reach`
    are the sizes of the faces that it finds.
    """

    file: ClassVar[Path | Asset]
    reach: ClassVar[Reach]
    sha256: str

    def __init__(self, path: Path, min_score: float) -> None: ...

    def find(self, picture: np.ndarray) -> list[Face]:
        """The faces in an RGB uint8 picture, in its pixels."""


class FaceDetector:
    """Finds faces of `min_face` pixels and more in pictures of any size (detection_size.scales)."""

    def __init__(self, model: FaceModel, detect_size: int, min_face: int) -> None:
        self._model, self._detect_size, self._min_face = model, detect_size, min_face

    @property
    def sha256(self) -> str:
        return self._model.sha256

    def detect(self, image: np.ndarray) -> list[Face]:
        """The faces in an RGB uint8 picture, in its pixels: the largest first, so many as count."""
        height, width = image.shape[:2]
        passes = [self._found(image, scale) for scale in self._scales(height, width)]
        faces = passes[0] if len(passes) == 1 else merged(passes)
        within = [face for face in faces if _is_within(face, height, width)]
        return sorted(within, key=_largest_first)[:MOST_FACES]

    def least_face(self, height: int, width: int) -> float:
        """Side in pixels of the least face that can be found in a picture of that size."""
        return self._model.reach.least / self._scales(height, width)[0]

    def _scales(self, height: int, width: int) -> tuple[float, ...]:
        return scales(height, width, self._detect_size, self._min_face, self._model.reach)

    def _found(self, image: np.ndarray, scale: float) -> list[Face]:
        small = _scaled(image, scale)
        height, width = small.shape[:2]
        parts = tiles(height, width, self._model.reach)
        found = [
            [_moved(face, columns.start, rows.start, scale) for face in self._model.find(part)]
            for rows, columns in parts
            for part in (np.ascontiguousarray(small[rows, columns]),)
        ]
        return found[0] if len(parts) == 1 else merged(found)


def load_detector(
    name: str, detect_size: int, min_face: int, min_score: float, asset_sha256: str
) -> FaceDetector:
    """The detector `name`, for faces of `min_face` pixels and more, looking at pictures scaled to
    at least `detect_size` pixels on their longer side.

    Raises UserError where there is no such detector, or its file is missing or another one.
    """
    path = detector_file(name, asset_sha256)
    return FaceDetector(DETECTORS[name](path, min_score), detect_size, min_face)


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
    reach: ClassVar[Reach] = Reach(27)

    def __init__(self, path: Path, min_score: float) -> None:
        self.sha256, self._path = file_hash(path), path
        self._cascade = cv2.CascadeClassifier(str(path))
        self._equaliser = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8))
        self._min_score = min_score

    def find(self, picture: np.ndarray) -> list[Face]:
        grey = self._equaliser.apply(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
        boxes, _, weights = self._cascade.detectMultiScale3(
            grey,
            scaleFactor=HAAR_STEP,
            minNeighbors=HAAR_NEIGHBOURS,
            minSize=(HAAR_WINDOW, HAAR_WINDOW),
            outputRejectLevels=True,
        )
        if grey.size > TILE**2:  # it would keep all its memory, 60 bytes a pixel, to the end
            self._cascade = cv2.CascadeClassifier(str(self._path))
        return [
            Face(float(left), float(top), float(width), float(height), float(weight))
            for (left, top, width, height), weight in zip(boxes, weights, strict=True)
            if weight >= self._min_score
        ]


class YuNet:
    """OpenCV's YuNet (Wu, Peng and Yu 2023). The score is its confidence, 0..1."""

    file: ClassVar[Path | Asset] = YUNET
    reach: ClassVar[Reach] = Reach(22, 400)

    def __init__(self, path: Path, min_score: float) -> None:
        # a second thread doubles the processor time and saves nothing; others use the
        # cores meanwhile
        cv2.setNumThreads(1)
        self.sha256 = file_hash(path)
        self._net = cv2.FaceDetectorYN.create(
            str(path), "", (YUNET_LEAST, YUNET_LEAST), min_score, OVERLAP
        )

    def find(self, picture: np.ndarray) -> list[Face]:
        below, right = (max(0, YUNET_LEAST - side) for side in picture.shape[:2])
        filled = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_CONSTANT)
        self._net.setInputSize(filled.shape[1::-1])
        _, found = self._net.detect(cv2.cvtColor(filled, cv2.COLOR_RGB2BGR))
        return [] if found is None else [_yunet_face(row) for row in found]


def _yunet_face(row: np.ndarray) -> Face:
    """From a row of YuNet's output: box, five points (those on the picture's left first), score."""
    left, top, width, height, *points, score = (float(value) for value in row)
    return Face(left, top, width, height, score, tuple(points))


def _moved(face: Face, left: int, top: int, scale: float) -> Face:
    """A face of a part of the scaled picture, in pixels of the picture."""
    points = tuple(
        (value + start) / scale for value, start in zip(face.points, (left, top) * 5, strict=False)
    )
    return Face(
        (face.x + left) / scale,
        (face.y + top) / scale,
        face.width / scale,
        face.height / scale,
        face.score,
        points,
    )


def _scaled(image: np.ndarray, scale: float) -> np.ndarray:
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=interpolation)


def _is_within(face: Face, height: int, width: int) -> bool:
    """Whether the middle of a face lies in the picture: what is beside it cannot be cut out."""
    across, down = face.x + face.width / 2, face.y + face.height / 2
    return 0 <= across < width and 0 <= down < height


def _largest_first(face: Face) -> tuple[float, float, float]:
    return -face.width * face.height, face.x, face.y


DETECTORS: Mapping[str, type[FaceModel]] = {"haar": Haar, "yunet": YuNet}
