"""OpenCV's frontal-face cascade (Viola and Jones 2001), which its package brings along."""

from pathlib import Path
from typing import ClassVar

import cv2
import cv2.data
import numpy as np

from deepfake_detector.faces.detection_size import TILE, Reach
from deepfake_detector.faces.face import Face
from deepfake_detector.storage.assets import Asset
from deepfake_detector.storage.files import file_hash

NEIGHBOURS = 6
STEP = 1.1
WINDOW = 24  # pixels a side: the cascade looks at no less


class Haar:
    """The cascade on a grey picture equalised in tiles.

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

    def scaled(self, picture: np.ndarray, scale: float) -> np.ndarray:
        """The picture, its sides times `scale`: shrunk by area, enlarged bilinearly."""
        size = tuple(max(1, round(side * scale)) for side in picture.shape[1::-1])
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        return cv2.resize(picture, size, interpolation=interpolation)

    def find(self, picture: np.ndarray) -> list[Face]:
        """The faces in an RGB uint8 picture, in its pixels and in the cascade's order; they have no
        points."""
        grey = self._equaliser.apply(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
        boxes, _, weights = self._cascade.detectMultiScale3(
            grey,
            scaleFactor=STEP,
            minNeighbors=NEIGHBOURS,
            minSize=(WINDOW, WINDOW),
            outputRejectLevels=True,
        )
        if grey.size > TILE**2:  # it would keep all its memory, 60 bytes a pixel, to the end
            self._cascade = cv2.CascadeClassifier(str(self._path))
        return [
            Face(float(left), float(top), float(width), float(height), float(weight))
            for (left, top, width, height), weight in zip(boxes, weights, strict=True)
            if weight >= self._min_score
        ]
