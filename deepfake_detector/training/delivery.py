"""What phones, platforms and messengers do to a picture on its way, one function each.

Each takes a crop (size, size, 3) RGB uint8 and a generator, which decides how much is done, and
returns a new crop of that size. Codecs see the crop where its frame happened to lie on their grid.
"""

from collections.abc import Callable, Iterable

import cv2
import numpy as np

from deepfake_detector.media import sharpening
from deepfake_detector.media.h264 import through_h264
from deepfake_detector.media.jpeg import through_jpeg

KERNELS = (
    cv2.INTER_NEAREST,
    cv2.INTER_LINEAR,
    cv2.INTER_CUBIC,
    cv2.INTER_AREA,
    cv2.INTER_LANCZOS4,
)
THUMBNAIL = (0.25, 0.8)  # side of the smaller picture, as a fraction of the side
LEAST_SIDE = 16  # pixels; no picture is made smaller than this
WEBP_QUALITY = (20, 95)  # 0 (coarse) to 100 (fine), both ends included
JPEG_QUALITY = (40, 95)  # the same, of each of two savings
CRF = (23, 40)  # of H.264; 0 (fine) to 51 (coarse), both ends included
MACROBLOCK, JPEG_BLOCK = 16, 8  # pixels a side of what H.264 and WebP, and JPEG, code as one
SHARPENED = (0.3, 1.2)  # of the detail that is added
DETAIL = (0.6, 2.0)  # standard deviation of what counts as detail, pixels
DENOISED = (8.0, 30.0)  # grey levels; smaller differences are taken for noise
NOISE_SPACE = (1.0, 2.5)  # standard deviation of what is averaged, pixels
COLOUR_NOISE = 2.0  # how much wider colours are averaged than greys

Picture = np.ndarray


def denoised(crop: Picture, rng: np.random.Generator) -> Picture:
    """Denoised as phones do it: greys averaged where they differ little (bilateral filter, Tomasi
    and Manduchi 1998), colours more widely."""
    deviation, space = rng.uniform(*DENOISED), rng.uniform(*NOISE_SPACE)
    luma, *chroma = cv2.split(cv2.cvtColor(crop, cv2.COLOR_RGB2YCrCb))
    planes = [
        cv2.bilateralFilter(luma, 0, deviation, space),
        *(cv2.bilateralFilter(plane, 0, deviation, COLOUR_NOISE * space) for plane in chroma),
    ]
    return cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YCrCb2RGB)


def sharpened(crop: Picture, rng: np.random.Generator) -> Picture:
    """Sharpened as phones do it: greys alone, by an unsharp mask."""
    return sharpening.sharpened(crop, rng.uniform(*SHARPENED), rng.uniform(*DETAIL))


def h264_coded(crop: Picture, rng: np.random.Generator) -> Picture:
    """Coded as a keyframe of a clip."""
    crf, offset = int(rng.integers(*CRF, endpoint=True)), rng.integers(0, MACROBLOCK, 2)
    return _on_grid(crop, offset, lambda padded: through_h264(padded, crf))


def thumbnailed(crop: Picture, rng: np.random.Generator) -> Picture:
    """Made smaller and large again, each by a kernel of its own."""
    size = crop.shape[0]
    side = max(LEAST_SIDE, round(size * rng.uniform(*THUMBNAIL)))
    down, up = (KERNELS[number] for number in rng.integers(0, len(KERNELS), 2))
    small = cv2.resize(crop, (side, side), interpolation=down)
    return cv2.resize(small, (size, size), interpolation=up)


def webp_coded(crop: Picture, rng: np.random.Generator) -> Picture:
    """Saved as WebP."""
    quality, offset = _quality(WEBP_QUALITY, rng), rng.integers(0, MACROBLOCK, 2)
    return _on_grid(crop, offset, lambda padded: through_webp(padded, quality))


def jpeg_coded_twice(crop: Picture, rng: np.random.Generator) -> Picture:
    """Saved, cut, and saved again: the second grid of blocks is never the first."""
    first, second = (_quality(JPEG_QUALITY, rng) for _ in range(2))
    offset = divmod(int(rng.integers(1, JPEG_BLOCK**2)), JPEG_BLOCK)
    once = through_jpeg(crop, first)
    return _on_grid(once, offset, lambda padded: through_jpeg(padded, second))


def through_webp(picture: Picture, quality: int) -> Picture:
    """An RGB uint8 picture as it comes out of a WebP file of that quality, 1 to 100."""
    swapped = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".webp", swapped, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB))


def _quality(limits: tuple[int, int], rng: np.random.Generator) -> int:
    return int(rng.integers(*limits, endpoint=True))


def _on_grid(crop: Picture, offset: Iterable[int], codec: Callable[[Picture], Picture]) -> Picture:
    """`crop` through `codec`, on whose grid of blocks it lies `offset` pixels down and across."""
    down, across = (int(value) for value in offset)
    padded = cv2.copyMakeBorder(crop, down, 0, across, 0, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(codec(padded)[down:, across:])
