"""Copies of a file as it may reach somebody else: compressed again, smaller, mirrored, a frame
later.

A copy of a clip has as many frames as the clip, shown at the same times; sound is left out. It is
made in memory, so no file is left of it.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from deepfake_detector.media import recompression
from deepfake_detector.media.frame_sampling import Frame, sample_frames
from deepfake_detector.media.h264 import even
from deepfake_detector.media.jpeg import as_jpeg
from deepfake_detector.media.reading import (
    Limits,
    MediaError,
    Source,
    check_jpeg_side,
)
from deepfake_detector.media.stills import read_image
from deepfake_detector.media.writing import h264_clip

VariantName = Literal[
    "re-encoded", "shifted", "mirrored", "messenger", "screen", "low quality", "thumbnail"
]
Change = Callable[[np.ndarray], np.ndarray]
ALL_FRAMES = 1 << 40
MOST_BYTES = 1 << 29  # of a copy, which lies in memory
PRESET = "superfast"


@dataclass(frozen=True)
class Variant:
    """How a copy is made: what happens to every picture, and how it is compressed, as H.264 with
    this CRF or JPEG of this quality. `words` say so after "copy". Where it is `shifted` every frame
    is shown at the time of the one before; a still has none."""

    name: VariantName
    words: str
    change: Change
    crf: int
    jpeg_quality: int
    shifted: bool = False


def _unchanged(image: np.ndarray) -> np.ndarray:
    return image


def _mirrored(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[:, ::-1])


def _with_longer_side(image: np.ndarray, longer: int) -> np.ndarray:
    height, width = image.shape[:2]
    scale = longer / max(height, width)
    size = [max(1, round(side * scale)) for side in (width, height)]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def _for_messenger(image: np.ndarray) -> np.ndarray:
    return image if max(image.shape) <= 848 else _with_longer_side(image, 848)


def _on_screen(image: np.ndarray) -> np.ndarray:
    return _with_longer_side(image, 1280)


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """At most 480 pixels, and half of what there was; shown at the old size."""
    height, width = image.shape[:2]
    small = _with_longer_side(image, max(1, min(480, max(height, width) // 2)))
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


MILDEST = recompression.CRF, recompression.JPEG_QUALITY
# From the mildest on; those before the messenger are compressed like the first, so they are
# harsher. The JPEG qualities are unusual ones, as that of the mildest.
VARIANTS = (
    Variant("re-encoded", "compressed again at high quality", _unchanged, *MILDEST),
    Variant("shifted", "compressed again, a frame later", _unchanged, *MILDEST, shifted=True),
    Variant("mirrored", "compressed again and mirrored", _mirrored, *MILDEST),
    Variant("messenger", "as a messenger passes it on", _for_messenger, 28, 73),
    Variant("screen", "as a recording of a screen", _on_screen, 26, 83),
    Variant("low quality", "compressed again at low quality", _unchanged, 36, 41),
    Variant("thumbnail", "as a thumbnail, enlarged again", _thumbnail, 26, 83),
)


def variants(kind: str) -> list[Variant]:
    """Variants of an `image` or a `video`, the mildest first."""
    return [variant for variant in VARIANTS if kind == "video" or not variant.shifted]


def copy(variant: Variant, source: Source, kind: str, limits: Limits) -> bytes:
    """The copy of an `image` (JPEG) or a `video` (H.264 in MP4).

    Raises MediaError where a frame cannot be read or encoded, where making the copy takes
    longer than `limits.work` or the copy gets larger than 512 MiB.
    """
    if kind == "image":
        changed = variant.change(read_image(source, limits))
        check_jpeg_side(*changed.shape[1::-1])
        return as_jpeg(changed, variant.jpeg_quality)
    frames = sample_frames(source, ALL_FRAMES, limits)
    in_place = ((frame.time, frame.image) for frame in frames)
    shown = _a_frame_later(frames) if variant.shifted else in_place
    pictures = ((moment, even(variant.change(image))) for moment, image in shown)
    in_time = _in_time(pictures, limits.work)
    return h264_clip(in_time, variant.crf, PRESET, most_bytes=MOST_BYTES)


def _a_frame_later(frames: Iterable[Frame]) -> Iterator[tuple[float, np.ndarray]]:
    """Each picture at the time of the one before it; the last twice."""
    before: Frame | None = None
    for frame in frames:
        if before is not None:
            yield before.time, frame.image
        before = frame
    if before is not None:
        yield before.time, before.image


def _in_time(
    shown: Iterable[tuple[float, np.ndarray]], seconds: float
) -> Iterator[tuple[float, np.ndarray]]:
    """The same, each of the first one's size, for at most so many seconds."""
    end, size = time.monotonic() + seconds, None
    for moment, image in shown:
        if time.monotonic() > end:
            raise MediaError(f"a copy took longer than {seconds:g} seconds")
        size = size or image.shape[1::-1]
        yield moment, image if image.shape[1::-1] == size else cv2.resize(image, size)
