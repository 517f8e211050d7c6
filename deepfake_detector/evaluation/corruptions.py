"""Named corruptions of a picture at five levels: what happens to videos on their way, and how much of it.

Levels as in the robustness protocol of DeeperForensics-1.0 (Jiang et al. 2020) and its followers, with JPEG and downsizing added.
Pictures are RGB uint8 and keep their size. What is random is drawn from the generator that is handed in.
"""

import io
from collections.abc import Callable, Mapping

import av
import cv2
import numpy as np

LEVELS = (1, 2, 3, 4, 5)
SATURATION = (0.4, 0.3, 0.2, 0.1, 0.0)  # factor
CONTRAST = (0.85, 0.725, 0.6, 0.475, 0.35)  # factor, about the mid grey
BLOCKS = (16, 32, 48, 64, 80)  # grey blocks per 256 pixels of the shorter side
NOISE = (0.001, 0.002, 0.005, 0.01, 0.05)  # variance, of pixels 0..1
BLUR = (7, 9, 13, 17, 21)  # kernel's side in pixels, six standard deviations
PIXELATION = (2, 3, 4, 5, 6)  # side of a coarse pixel
CRF = (30, 32, 35, 38, 40)  # of H.264, a frame by itself
JPEG = (90, 70, 50, 30, 15)  # quality
DOWNSIZE = (384, 256, 192, 128, 64)  # pixels of the shorter side, then enlarged again
BLOCK = 8  # pixels a side
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601

Corruption = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]


def corrupt(image: np.ndarray, name: str, level: int, rng: np.random.Generator) -> np.ndarray:
    """`image` with the corruption `name` of CORRUPTIONS at `level` 1..5."""
    return CORRUPTIONS[name](image, level - 1, rng)


def _saturation(image: np.ndarray, level: int, _rng: np.random.Generator) -> np.ndarray:
    factor = SATURATION[level]
    return cv2.transform(image, factor * np.eye(3, dtype=np.float32) + (1 - factor) * GREY)


def _contrast(image: np.ndarray, level: int, _rng: np.random.Generator) -> np.ndarray:
    return cv2.convertScaleAbs(image, alpha=CONTRAST[level], beta=127.5 * (1 - CONTRAST[level]))


def _blocks(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    count = max(min(height, width) // 256 * BLOCKS[level], BLOCKS[level] // 16)
    changed = image.copy()
    for top, left in rng.integers(
        0, (max(1, height - BLOCK + 1), max(1, width - BLOCK + 1)), (count, 2)
    ):
        changed[top : top + BLOCK, left : left + BLOCK] = 127
    return changed


def _noise(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    deviation = np.float32(255 * NOISE[level] ** 0.5)
    return np.clip(
        np.rint(image + rng.standard_normal(image.shape, np.float32) * deviation), 0, 255
    ).astype(np.uint8)


def _blur(image: np.ndarray, level: int, _rng: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(image, (BLUR[level], BLUR[level]), BLUR[level] / 6)


def _pixelation(image: np.ndarray, level: int, _rng: np.random.Generator) -> np.ndarray:
    size = image.shape[1::-1]
    small = cv2.resize(
        image, [max(1, side // PIXELATION[level]) for side in size], interpolation=cv2.INTER_LINEAR
    )
    return cv2.resize(small, size, interpolation=cv2.INTER_NEAREST)


def _h264(image: np.ndarray, level: int, _rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    even = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    buffer = io.BytesIO()
    options = {"crf": str(CRF[level]), "x264-params": "cpu-independent=1"}
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.thread_count = 1
        stream.height, stream.width, stream.pix_fmt = *even.shape[:2], "yuv420p"
        for packet in (*stream.encode(av.VideoFrame.from_ndarray(even, "rgb24")), *stream.encode()):
            container.mux(packet)
    buffer.seek(0)
    with av.open(buffer) as container:
        frame = next(container.decode(video=0))
    return np.ascontiguousarray(frame.to_ndarray(format="rgb24")[:height, :width])


def _jpeg(image: np.ndarray, level: int, _rng: np.random.Generator) -> np.ndarray:
    swapped = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, JPEG[level]])
    return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)


def _downsize(image: np.ndarray, level: int, _rng: np.random.Generator) -> np.ndarray:
    size = image.shape[1::-1]
    scale = DOWNSIZE[level] / min(size)
    if scale >= 1:
        return image.copy()
    small = cv2.resize(
        image, [max(1, round(side * scale)) for side in size], interpolation=cv2.INTER_AREA
    )
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)


CORRUPTIONS: Mapping[str, Corruption] = {
    "saturation": _saturation,
    "contrast": _contrast,
    "blocks": _blocks,
    "noise": _noise,
    "blur": _blur,
    "pixelation": _pixelation,
    "h264": _h264,
    "jpeg": _jpeg,
    "downsize": _downsize,
}
