"""A picture as JPEG leaves it."""

import cv2
import numpy as np


def as_jpeg(image: np.ndarray, quality: int) -> bytes:
    """`image` (RGB uint8) as a JPEG file of this quality, 1 to 100."""
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return bytes(data)


def through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """`image` (RGB uint8) encoded at this quality, 1 to 100, and decoded again."""
    data = np.frombuffer(as_jpeg(image, quality), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB))
