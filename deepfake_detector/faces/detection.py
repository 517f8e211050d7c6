"""Face detectors, the same for training and serving: faces in pictures of any size.

A detector is a class (FaceModel) in a file of its own and its entry in DETECTORS, and its name in
settings.FaceDetectorName.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from deepfake_detector import UserError
from deepfake_detector.faces.detection_size import Reach, merged, scales, tiles
from deepfake_detector.faces.face import Face
from deepfake_detector.faces.haar import Haar
from deepfake_detector.faces.settings import CropFaces
from deepfake_detector.faces.yunet import YuNet
from deepfake_detector.storage import assets
from deepfake_detector.storage.assets import Asset

MOST_FACES = 32  # of one frame; a picture of a crowd must not fill the memory


class FaceModel(Protocol):
    """What finds faces in a picture of the size that it is given.

    `file` is what it is loaded from: a path inside an installed package, or the asset to fetch.
    `sha256` is that file's hash. `reach` are the sizes of the faces that it finds.
    """

    file: ClassVar[Path | Asset]
    reach: ClassVar[Reach]
    sha256: str

    def __init__(self, path: Path, min_score: float) -> None: ...

    def scaled(self, picture: np.ndarray, scale: float) -> np.ndarray:
        """An RGB uint8 picture, its sides times `scale`, as `find` is to see it."""

    def find(self, picture: np.ndarray) -> list[Face]:
        """The faces in an RGB uint8 picture, in its pixels."""


class FaceDetector:
    """Finds faces of `min_face` pixels and more in pictures of any size (detection_size.scales)."""

    def __init__(self, model: FaceModel, detect_size: int, min_face: int) -> None:
        self._model, self._detect_size, self._min_face = model, detect_size, min_face

    @property
    def sha256(self) -> str:
        """Hash of the detector's file."""
        return self._model.sha256

    def detect(self, image: np.ndarray) -> list[Face]:
        """The MOST_FACES largest faces in an RGB uint8 picture, in its pixels, largest first."""
        height, width = image.shape[:2]
        passes = [self._faces_at(scale, image) for scale in self._scales(height, width)]
        faces = passes[0] if len(passes) == 1 else merged(passes)
        within = [face for face in faces if _is_within(face, height, width)]
        return sorted(within, key=_largest_first)[:MOST_FACES]

    def least_face(self, height: int, width: int) -> float:
        """Side in pixels of the smallest face that can be found in a picture of that size."""
        return self._model.reach.least / self._scales(height, width)[0]

    def _scales(self, height: int, width: int) -> tuple[float, ...]:
        return scales(height, width, self._detect_size, self._min_face, self._model.reach)

    def _faces_at(self, scale: float, image: np.ndarray) -> list[Face]:
        small = self._model.scaled(image, scale)
        height, width = small.shape[:2]
        parts = tiles(height, width, self._model.reach)
        by_tile = [
            [_moved(face, columns.start, rows.start, scale) for face in self._model.find(part)]
            for rows, columns in parts
            for part in (np.ascontiguousarray(small[rows, columns]),)
        ]
        return by_tile[0] if len(parts) == 1 else merged(by_tile)


def load_detector(
    name: str, detect_size: int, min_face: int, min_score: float, asset_sha256: str
) -> FaceDetector:
    """The detector `name`, for faces of `min_face` pixels and more, looking at pictures scaled to
    at least `detect_size` pixels on their longer side.

    Raises UserError where there is no such detector, or its file is missing or another one.
    """
    path = detector_file(name, asset_sha256)
    return FaceDetector(DETECTORS[name](path, min_score), detect_size, min_face)


def detector_of(settings: CropFaces) -> FaceDetector:
    """The detector that params.yaml names. Raises UserError as `load_detector` does."""
    return load_detector(
        settings.detector,
        settings.detect_size,
        settings.min_face,
        settings.min_score,
        settings.detector_sha256,
    )


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


def _moved(face: Face, left: int, top: int, scale: float) -> Face:
    """A face of a part of the scaled picture, in pixels of the picture."""
    points = tuple(
        (value + (left, top)[place % 2]) / scale for place, value in enumerate(face.points)
    )
    return Face(
        (face.x + left) / scale,
        (face.y + top) / scale,
        face.width / scale,
        face.height / scale,
        face.score,
        points,
    )


def _is_within(face: Face, height: int, width: int) -> bool:
    """Whether the middle of a face lies in the picture: what is beside it cannot be cut out."""
    across, down = face.x + face.width / 2, face.y + face.height / 2
    return 0 <= across < width and 0 <= down < height


def _largest_first(face: Face) -> tuple[float, float, float]:
    return -face.width * face.height, face.x, face.y


DETECTORS: Mapping[str, type[FaceModel]] = {"haar": Haar, "yunet": YuNet}
