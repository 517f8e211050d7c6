"""Frames that were looked at, kept small enough to be shown later."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from deepfake_detector.media.frame_sampling import Frame
from deepfake_detector.media.jpeg import as_jpeg

SHOWN = 960  # pixels: longest side of a frame that is kept
QUALITY = 85  # of its JPEG


@dataclass(frozen=True)
class SeenFrame:
    """One frame that was looked at: its number in the clip, its time in seconds, the factor by
    which the upright frame was scaled (`scale`, at most 1), and the picture as a JPEG."""

    frame: int
    time: float
    scale: float
    jpeg: bytes


def kept(frame: Frame) -> SeenFrame:
    """The frame, scaled down to `SHOWN` where it is larger."""
    height, width = frame.image.shape[:2]
    scale = min(1.0, SHOWN / max(height, width))
    image = frame.image
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return SeenFrame(frame.index, frame.time, scale, as_jpeg(image, QUALITY))


def picture(seen: SeenFrame) -> np.ndarray:
    """The picture of a kept frame, (height, width, 3) RGB uint8."""
    return np.asarray(Image.open(io.BytesIO(seen.jpeg)))
