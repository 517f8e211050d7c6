"""Perceptual hashes of pictures: near-duplicates differ in few bits."""

import cv2
import imagehash
import numpy as np
from PIL import Image

SIDE = 64  # pixels; what pictures are shrunk to
FLAT = 4.0  # standard deviation of grey values; below it pictures are alike for want of content


def perceptual_hash(image: np.ndarray) -> str:
    """64 bits as 16 hex digits for an RGB uint8 picture of any size; empty where it has too little
    contrast."""
    grey = shrunk(image)
    return "" if grey.std() < FLAT else str(imagehash.phash(Image.fromarray(grey)))


def shrunk(image: np.ndarray) -> np.ndarray:
    """SIDE x SIDE grey values."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    # OpenCV halves many times faster than it shrinks by another ratio
    while min(grey.shape) >= 8 * SIDE:
        grey = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
