"""What the world does to a face in a video, done to training crops: moved, recoloured, blurred, compressed, covered."""

from functools import cache

import cv2
import numpy as np

from deepfake_detector.faces.cutting import resize
from deepfake_detector.training.settings import Augment

GREY = np.array([0.299, 0.587, 0.114])  # of red, green, blue in a pixel's brightness (ITU-R BT.601)
BLOCK = 4  # pixels a side of H.264's smallest transform
DEAD_ZONE = 1 / 6  # H.264's encoders round a coefficient up only from 1 - 1/6 of a step on


def augment(
    crop: np.ndarray, size: int, strengths: Augment, rng: np.random.Generator
) -> np.ndarray:
    """A changed copy of `crop`, (any, the same, 3) RGB uint8, at `size` pixels a side.

    The same generator state gives the same pixels.
    """
    crop = resize(_moved(crop, strengths, rng), size)
    crop = _coloured(crop, *(1 + rng.uniform(-strengths.colour, strengths.colour, 3)))
    if rng.random() < strengths.downscale:
        crop = resize(resize(crop, max(16, round(size * rng.uniform(0.35, 0.9)))), size)
    if rng.random() < strengths.blur:
        crop = cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.3, 1.5))
    if rng.random() < strengths.noise:
        noisy = crop + rng.standard_normal(crop.shape, np.float32) * np.float32(rng.uniform(1, 8))
        crop = np.clip(noisy, 0, 255).astype(np.uint8)
    if rng.random() < strengths.blocks:
        crop = _blocky(crop, int(rng.integers(26, 41)), rng.integers(0, BLOCK, 2))
    if rng.random() < strengths.jpeg:
        swapped = cv2.cvtColor(crop, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(
            ".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 101))]
        )
        crop = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    if rng.random() < strengths.erase:
        crop = _erased(crop, rng)
    return crop


def _moved(crop: np.ndarray, strengths: Augment, rng: np.random.Generator) -> np.ndarray:
    size = crop.shape[0]
    angle = rng.uniform(-strengths.rotate, strengths.rotate)
    zoom = 1 + rng.uniform(-strengths.scale, strengths.scale)
    shift = rng.uniform(-strengths.shift, strengths.shift, 2) * size
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), angle, zoom)
    matrix[:, 2] += shift
    if rng.random() < strengths.flip:
        matrix = np.array([[-1, 0, size - 1], [0, 1, 0]]) @ np.vstack([matrix, [0, 0, 1]])
    return cv2.warpAffine(
        crop, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _coloured(
    crop: np.ndarray, brightness: float, contrast: float, saturation: float
) -> np.ndarray:
    """Each a factor, 1 for unchanged; contrast is about the mean grey."""
    mean = np.array(cv2.mean(crop)[:3]) @ GREY
    mixing = np.zeros((3, 4))
    mixing[:, :3] = contrast * (saturation * np.eye(3) + (1 - saturation) * GREY)
    mixing[:, 3] = mean * (brightness - contrast)
    return cv2.transform(crop, mixing)


def _blocky(crop: np.ndarray, quantiser: int, offset: np.ndarray) -> np.ndarray:
    """What a video encoder leaves at `quantiser` (H.264's QP, 0..51): coarse 4 x 4 blocks, colours at half resolution.

    H.264's transform and quantiser without its prediction (Richardson, The H.264 Advanced Video Compression Standard,
    2010, chapter 7). `offset`: how far the crop is from the encoder's grid, down and across.
    """
    step = 0.625 * 2 ** (quantiser / 6)
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
    coefficients = (blocks.astype(np.float32) - 128) @ _transform().T
    levels = np.floor(np.abs(coefficients) / step + DEAD_ZONE)
    decoded = (np.sign(coefficients) * levels * np.float32(step)) @ _transform() + 128
    pixels = np.clip(np.rint(decoded), 0, 255).astype(np.uint8)
    return pixels.reshape(rows, columns, BLOCK, BLOCK).transpose(0, 2, 1, 3).reshape(plane.shape)


@cache
def _transform() -> np.ndarray:
    """The two-dimensional discrete cosine transform of a block as one orthonormal (16, 16) matrix."""
    one = cv2.dct(np.eye(BLOCK, dtype=np.float32), flags=cv2.DCT_ROWS).T
    return np.kron(one, one)


def _erased(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With a rectangle of 2 to 15 % of the area in one colour (random erasing, Zhong et al. 2020)."""
    size = crop.shape[0]
    area, ratio = rng.uniform(0.02, 0.15) * size * size, np.exp(rng.uniform(-0.7, 0.7))
    height, width = (
        min(size, max(1, round(side))) for side in (np.sqrt(area * ratio), np.sqrt(area / ratio))
    )
    top, left = rng.integers(0, size - height + 1), rng.integers(0, size - width + 1)
    crop = crop.copy()
    crop[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return crop
