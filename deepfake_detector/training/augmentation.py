"""Training-time augmentation of face crops: moved, recoloured, blurred, compressed, covered.

An operation is a function and its entry in GEOMETRIC or INTENSITY; its strength is the field of the
same name in settings.Augment. Each draws from a generator of its own, so that none changes what
another does.
"""

import math
from collections.abc import Callable, Mapping
from functools import cache
from zlib import crc32

import cv2
import numpy as np

from deepfake_detector.faces.cutting import resize
from deepfake_detector.media.jpeg import through_jpeg
from deepfake_detector.training import delivery
from deepfake_detector.training.delivery import LEAST_SIDE
from deepfake_detector.training.settings import Augment

GREY = np.array([0.299, 0.587, 0.114])  # of red, green, blue in a pixel's brightness (ITU-R BT.601)
MID_GREY = 128  # of 0..255; H.264 codes the difference from it
MIRROR = np.diag([-1.0, 1.0, 1.0])  # left and right swapped
DOWNSCALED = (0.35, 0.9)  # side of the smaller picture, as a fraction of the side
BLUR = (0.3, 1.5)  # standard deviation of the Gaussian, pixels
NOISE = (1.0, 8.0)  # standard deviation of the noise, grey levels of 0..255
JPEG_QUALITY = (30, 100)  # 0 (coarse) to 100 (fine), both ends included
QP = (26, 40)  # H.264's quantisation parameter, 0 (fine) to 51 (coarse), both ends included
QP_STEP = 0.625  # H.264's quantisation step at QP 0, grey levels; it doubles with every 6 of QP
BLOCK = 4  # pixels a side of H.264's smallest transform
DEAD_ZONE = 1 / 6  # H.264's encoders round a coefficient up only from 1 - 1/6 of a step on
ERASED_AREA = (0.02, 0.15)  # of the rectangle, as a fraction of the crop's
ERASED_RATIO = (0.5, 2.0)  # height over width of the rectangle, drawn evenly on a log scale

Operation = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def augment(crop: np.ndarray, size: int, strengths: Augment, key: tuple[int, ...]) -> np.ndarray:
    """A changed copy of `crop`, (any, the same, 3) RGB uint8, at `size` pixels a side.

    The same key gives the same pixels. An operation of strength 0 is left out.
    """
    return _applied(INTENSITY, moved(crop, size, strengths, key), strengths, key)


def moved(picture: np.ndarray, size: int, strengths: Augment, key: tuple[int, ...]) -> np.ndarray:
    """`picture`, a crop or a mask of one (any, the same), moved as `augment` moves the crop of that
    key, at `size` pixels a side."""
    matrix = _applied(GEOMETRIC, np.eye(3), strengths, key)
    return resize(_warped(picture, matrix), size)


def _applied(
    operations: Mapping[str, Operation],
    value: np.ndarray,
    strengths: Augment,
    key: tuple[int, ...],
) -> np.ndarray:
    for name, operation in operations.items():
        if strength := getattr(strengths, name):
            rng = np.random.default_rng([*key, crc32(name.encode())])
            value = operation(value, strength, rng)
    return value


def _at_random(change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Operation:
    """`change` as an operation whose strength is its probability."""
    return lambda value, probability, rng: (
        change(value, rng) if rng.random() < probability else value
    )


def _rotated(matrix: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    angle = math.radians(rng.uniform(-most, most))
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]]) @ matrix


def _scaled(matrix: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    factor = 1 + rng.uniform(-most, most)
    return np.diag([factor, factor, 1]) @ matrix


def _shifted(matrix: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    right, down = rng.uniform(-most, most, 2)
    return np.array([[1, 0, right], [0, 1, down], [0, 0, 1]]) @ matrix


def _mirrored(matrix: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    return MIRROR @ matrix


def _warped(crop: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Resampled once. `matrix` moves points from the crop's centre, in fractions of its side."""
    side = crop.shape[0]
    centre = np.full(2, (side - 1) / 2)
    linear, shift = matrix[:2, :2], matrix[:2, 2]
    in_pixels = np.column_stack([linear, centre - linear @ centre + side * shift])
    return cv2.warpAffine(
        crop, in_pixels, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _recoloured(crop: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    return _coloured(crop, *(1 + rng.uniform(-most, most, 3)))


def _coloured(
    crop: np.ndarray, brightness: float, contrast: float, saturation: float
) -> np.ndarray:
    """Each a factor, 1 for unchanged; contrast is about the mean grey."""
    mean = np.array(cv2.mean(crop)[:3]) @ GREY
    mixing = np.zeros((3, 4))
    mixing[:, :3] = contrast * (saturation * np.eye(3) + (1 - saturation) * GREY)
    mixing[:, 3] = mean * (brightness - contrast)
    return cv2.transform(crop, mixing)


def _downscaled(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = crop.shape[0]
    return resize(resize(crop, max(LEAST_SIDE, round(side * rng.uniform(*DOWNSCALED)))), side)


def _blurred(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(crop, (0, 0), rng.uniform(*BLUR))


def _noisy(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    deviation = np.float32(rng.uniform(*NOISE))
    noise = rng.standard_normal(crop.shape, np.float32)
    return np.clip(np.rint(crop + noise * deviation), 0, 255).astype(np.uint8)


def _video_compressed(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _blocky(crop, int(rng.integers(*QP, endpoint=True)), rng.integers(0, BLOCK, 2))


def _blocky(crop: np.ndarray, qp: int, offset: np.ndarray) -> np.ndarray:
    """What a video encoder leaves at `qp`: coarse 4 x 4 blocks, colours at half resolution.

    H.264's transform and quantiser without its prediction (Richardson, The H.264 Advanced Video
    Compression Standard, 2010, chapter 7). `offset`: how far the crop is from the encoder's grid,
    down and across.
    """
    step = QP_STEP * 2 ** (qp / 6)
    height, width = crop.shape[:2]
    down, across = (int(value) for value in offset)
    below, right = (
        -(side + start) % (2 * BLOCK) for side, start in ((height, down), (width, across))
    )
    padded = cv2.copyMakeBorder(crop, down, below, across, right, cv2.BORDER_REPLICATE)
    luma, *chroma = cv2.split(cv2.cvtColor(padded, cv2.COLOR_RGB2YCrCb))
    size = luma.shape[1::-1]
    half = (size[0] // 2, size[1] // 2)
    coarse = [
        _quantised(cv2.resize(plane, half, interpolation=cv2.INTER_AREA), step) for plane in chroma
    ]
    planes = [
        _quantised(luma, step),
        *(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in coarse),
    ]
    decoded = cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YCrCb2RGB)
    return decoded[down : down + height, across : across + width]


def _quantised(plane: np.ndarray, step: float) -> np.ndarray:
    """A uint8 plane (sides multiples of 4) after transform, rounding to `step`, and back."""
    rows, columns = (side // BLOCK for side in plane.shape)
    blocks = (
        plane.reshape(rows, BLOCK, columns, BLOCK).transpose(0, 2, 1, 3).reshape(-1, BLOCK * BLOCK)
    )
    coefficients = (blocks.astype(np.float32) - MID_GREY) @ _transform().T
    levels = np.floor(np.abs(coefficients) / step + DEAD_ZONE)
    decoded = (np.sign(coefficients) * levels * np.float32(step)) @ _transform() + MID_GREY
    pixels = np.clip(np.rint(decoded), 0, 255).astype(np.uint8)
    return pixels.reshape(rows, columns, BLOCK, BLOCK).transpose(0, 2, 1, 3).reshape(plane.shape)


@cache
def _transform() -> np.ndarray:
    """The 2-D discrete cosine transform of a block as one orthonormal (16, 16) matrix."""
    basis = cv2.dct(np.eye(BLOCK, dtype=np.float32), flags=cv2.DCT_ROWS).T
    return np.kron(basis, basis)


def _jpeg_compressed(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return through_jpeg(crop, int(rng.integers(*JPEG_QUALITY, endpoint=True)))


def _erased(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With a rectangle in one colour (random erasing, Zhong et al. 2020)."""
    size = crop.shape[0]
    area = rng.uniform(*ERASED_AREA) * size * size
    least, most = map(math.log, ERASED_RATIO)
    ratio = math.exp(rng.uniform(least, most))
    height, width = (
        min(size, max(1, round(side)))
        for side in (math.sqrt(area * ratio), math.sqrt(area / ratio))
    )
    top, left = rng.integers(0, size - height + 1), rng.integers(0, size - width + 1)
    crop = crop.copy()
    crop[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return crop


# in the order of their application; geometric ones change a matrix, so that the picture is
# resampled once for all of them; those of delivery follow a picture from the phone to its viewers
GEOMETRIC: Mapping[str, Operation] = {
    "rotate": _rotated,
    "scale": _scaled,
    "shift": _shifted,
    "flip": _at_random(_mirrored),
}
DELIVERY: Mapping[str, Operation] = {
    "denoise": _at_random(delivery.denoised),
    "sharpen": _at_random(delivery.sharpened),
    "h264": _at_random(delivery.h264_coded),
    "thumbnail": _at_random(delivery.thumbnailed),
    "webp": _at_random(delivery.webp_coded),
    "jpeg_twice": _at_random(delivery.jpeg_coded_twice),
}
INTENSITY: Mapping[str, Operation] = {
    "colour": _recoloured,
    "downscale": _at_random(_downscaled),
    "blur": _at_random(_blurred),
    "noise": _at_random(_noisy),
    "blocks": _at_random(_video_compressed),
    "jpeg": _at_random(_jpeg_compressed),
    **DELIVERY,
    "erase": _at_random(_erased),
}
