"""The mildest change that a verdict has to stand: compressed again at high quality."""

import numpy as np

from deepfake_detector.media.h264 import through_h264
from deepfake_detector.media.jpeg import through_jpeg

CRF = 20
JPEG_QUALITY = 91  # an unusual one: at its own quality a picture comes back as it is


def compressed_again(image: np.ndarray, kind: str) -> np.ndarray:
    """`image` (RGB uint8) after mild recompression: as JPEG, or where `kind` is `video` as a frame
    of H.264 coded on its own."""
    return through_h264(image, CRF) if kind == "video" else through_jpeg(image, JPEG_QUALITY)
