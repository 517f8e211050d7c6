"""A judged clip or picture with what was found drawn in: boxes, scores, and the time.

Example:

    from deepfake_detector.serving import annotation

    report = detector.predict(clip)
    name = "clip.annotated" + annotation.suffix(report)
    Path(name).write_bytes(annotation.annotated(clip, report))
"""

import io
import sys
from collections.abc import Iterable, Iterator
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from deepfake_detector.media.frame_sampling import Frame, sample_frames
from deepfake_detector.media.reading import LIMITS, Limits, MediaError, Source
from deepfake_detector.media.variants import MOST_BYTES
from deepfake_detector.media.writing import USUAL_RATE, h264_clip
from deepfake_detector.pages import boxes
from deepfake_detector.serving import marking
from deepfake_detector.serving.inference import Report

LONGEST, SHORTEST = 1920, 1080  # pixels: 1080p, upright or lying
CRF, PRESET = 21, "veryfast"
EVERY = sys.maxsize
MEDIA_TYPES: dict[str, Literal["video/mp4", "image/jpeg", "image/png"]] = {  # by `suffix`
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
    ".png": "image/png",
}


def suffix(report: Report) -> str:
    """Suffix of the file's name: .mp4 of a clip, .jpg of a JPEG, .png of any other picture."""
    if report.kind == "video":
        return ".mp4"
    return ".jpg" if report.facts.get("container") == "jpeg" else ".png"


def annotated(source: Source, report: Report, limits: Limits = LIMITS) -> bytes:
    """The file that the report is on, as the detector saw it (upright, square pixels), at most
    1080p, with everybody's box and number.

    A clip becomes H.264 in MP4 with the times of its frames and no sound; a picture stays one.
    Raises MediaError where the report is on a file that cannot be read, a limit is exceeded, or the
    disk has no room for the clip.
    """
    if report.verdict == "ERROR":
        raise MediaError(report.error or "cannot be read")
    try:
        return _encoded(source, report, limits)
    except OSError as error:
        raise MediaError(error.strerror or str(error)) from error


def _encoded(source: Source, report: Report, limits: Limits) -> bytes:
    frames = _drawn(sample_frames(source, EVERY, limits=limits), report)
    if report.kind == "video":
        rate = report.facts.get("frame_rate") or USUAL_RATE
        duration = report.facts.get("duration") or 0.0
        return h264_clip(frames, CRF, PRESET, rate=rate, duration=duration, most_bytes=MOST_BYTES)
    (_, image), *_ = frames
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG" if suffix(report) == ".jpg" else "PNG", quality=95)
    return buffer.getvalue()


def _drawn(frames: Iterable[Frame], report: Report) -> Iterator[tuple[float, np.ndarray]]:
    """Every frame with its second, scaled, with its boxes."""
    video = report.kind == "video"
    size: tuple[int, int] | None = None
    for frame in frames:
        height, width = frame.image.shape[:2]
        size = size or _size(width, height, even=video)
        image = frame.image
        if size != (width, height):
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        scale = size[0] / width, size[1] / height
        time = f"{frame.time:.2f} s  " if video else ""
        faces = marking.boxes_at(report, frame.time, scale)
        note = f"{time}{marking.in_short(report)}"
        yield frame.time, boxes.draw(image, faces, note, report.verdict)


def _size(width: int, height: int, even: bool) -> tuple[int, int]:
    """Width and height of the same shape within 1080p; of a clip even, as H.264 asks for."""
    longest, shortest = max(width, height), min(width, height)
    scale = min(1.0, LONGEST / longest, SHORTEST / shortest)
    step = 2 if even else 1
    return tuple(max(step, int(side * scale) // step * step) for side in (width, height))  # type: ignore[return-value]
