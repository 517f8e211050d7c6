"""Named corruptions of a picture at five levels, as videos suffer on their way.

A corruption is one function, decorated with its values by level, and its name in
settings.Corruption. Levels as in the robustness protocol of DeeperForensics-1.0 (Jiang et al. 2020)
and its followers, with JPEG, downsizing and sharpening added. Pictures are RGB uint8 and keep
their size.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import cv2
import numpy as np

from deepfake_detector.media.h264 import through_h264
from deepfake_detector.media.jpeg import through_jpeg
from deepfake_detector.media.sharpening import sharpened

BLOCK = 8  # pixels a side
DETAIL = 1.0  # standard deviation of what is sharpened, pixels
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601

Change = Callable[[np.ndarray, Any, np.random.Generator], np.ndarray]


class Corruption(NamedTuple):
    """A function of picture, value and generator, and its value by level, from little to much."""

    change: Change
    values: tuple[float, ...]


# by the name of the function, in the order of tables and charts
CORRUPTIONS: dict[str, Corruption] = {}


def corrupt(image: np.ndarray, name: str, level: int, key: tuple[int, ...]) -> np.ndarray:
    """`image` with the corruption `name` of CORRUPTIONS at `level` 1..5.

    Random numbers depend on key, name and level alone, not on other corruptions. Raises KeyError
    for an unknown name.
    """
    change, values = CORRUPTIONS[name]
    rng = np.random.default_rng([*key, crc32(name.encode()), level])
    return change(image, values[level - 1], rng)


def cells(names: Collection[str], levels: Sequence[int]) -> list[tuple[str, int]]:
    """Each of the corruptions `names` at each level, in the order of CORRUPTIONS."""
    return [(name, level) for name in CORRUPTIONS if name in names for level in levels]


def key_of(seed: int, item: str, frame: int) -> tuple[int, ...]:
    """A key of `corrupt`: every frame of every item has randomness of its own."""
    return seed, crc32(item.encode()), frame


def _corruption(*values: float) -> Callable[[Change], Change]:
    """A decorator: the function becomes an entry of CORRUPTIONS, with these values by level."""

    def enter(change: Change) -> Change:
        CORRUPTIONS[change.__name__] = Corruption(change, values)
        return change

    return enter


@_corruption(0.4, 0.3, 0.2, 0.1, 0.0)  # factor
def saturation(image: np.ndarray, factor: float, _rng: np.random.Generator) -> np.ndarray:
    """Less colour: `factor` 1 is the picture, 0 its grey."""
    return cv2.transform(image, factor * np.eye(3, dtype=np.float32) + (1 - factor) * GREY)


@_corruption(0.85, 0.725, 0.6, 0.475, 0.35)  # factor, about the mid grey
def contrast(image: np.ndarray, factor: float, _rng: np.random.Generator) -> np.ndarray:
    """Less contrast: distances from the mid grey times `factor`."""
    return cv2.convertScaleAbs(image, alpha=factor, beta=127.5 * (1 - factor))


@_corruption(16, 32, 48, 64, 80)  # grey blocks per 256 pixels of the shorter side
def blocks(image: np.ndarray, per_256: int, rng: np.random.Generator) -> np.ndarray:
    """Grey blocks of 8 by 8 pixels at random places."""
    height, width = image.shape[:2]
    count = max(min(height, width) // 256 * per_256, per_256 // 16)
    changed = image.copy()
    for top, left in rng.integers(
        0, (max(1, height - BLOCK + 1), max(1, width - BLOCK + 1)), (count, 2)
    ):
        changed[top : top + BLOCK, left : left + BLOCK] = 127
    return changed


@_corruption(0.001, 0.002, 0.005, 0.01, 0.05)  # variance, of pixels 0..1
def noise(image: np.ndarray, variance: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise, independent in every pixel and channel."""
    deviation = np.float32(255 * variance**0.5)
    return np.clip(
        np.rint(image + rng.standard_normal(image.shape, np.float32) * deviation), 0, 255
    ).astype(np.uint8)


@_corruption(7, 9, 13, 17, 21)  # kernel's side in pixels, six standard deviations
def blur(image: np.ndarray, side: int, _rng: np.random.Generator) -> np.ndarray:
    """Gaussian blur."""
    return cv2.GaussianBlur(image, (side, side), side / 6)


@_corruption(0.5, 1.0, 1.5, 2.0, 3.0)  # of the detail that is added
def sharpness(image: np.ndarray, amount: float, _rng: np.random.Generator) -> np.ndarray:
    """Unsharp masking: `amount` times the detail finer than DETAIL is added."""
    return sharpened(image, amount, DETAIL)


@_corruption(2, 3, 4, 5, 6)  # side of a coarse pixel
def pixelation(image: np.ndarray, side: int, _rng: np.random.Generator) -> np.ndarray:
    """Coarse pixels: scaled down by `side`, and up again by repetition."""
    size = image.shape[1::-1]
    small = cv2.resize(
        image, [max(1, length // side) for length in size], interpolation=cv2.INTER_LINEAR
    )
    return cv2.resize(small, size, interpolation=cv2.INTER_NEAREST)


@_corruption(30, 32, 35, 38, 40)  # CRF, a frame by itself
def h264(image: np.ndarray, crf: int, _rng: np.random.Generator) -> np.ndarray:
    """Compression as an H.264 key frame."""
    return through_h264(image, crf)


@_corruption(90, 70, 50, 30, 15)  # quality
def jpeg(image: np.ndarray, quality: int, _rng: np.random.Generator) -> np.ndarray:
    """Compression as a JPEG."""
    return through_jpeg(image, quality)


@_corruption(384, 256, 192, 128, 64)  # pixels of the shorter side, then enlarged again
def downsize(image: np.ndarray, shorter: int, _rng: np.random.Generator) -> np.ndarray:
    """Scaled to `shorter` pixels on the shorter side, and enlarged again; a copy where the picture
    is no larger."""
    size = image.shape[1::-1]
    scale = shorter / min(size)
    if scale >= 1:
        return image.copy()
    small = cv2.resize(
        image, [max(1, round(side * scale)) for side in size], interpolation=cv2.INTER_AREA
    )
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
