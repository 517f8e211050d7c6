"""A judged clip or picture with what was found drawn in: boxes, scores, and the time.

from deepfake_detector.serving import annotation

found = detector.predict(clip)
Path("clip.annotated" + annotation.suffix(found)).write_bytes(annotation.annotated(clip, found))
"""

import io
import sys
import tempfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, pairwise
from typing import cast

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from deepfake_detector.media.frame_sampling import Frame, sample_frames
from deepfake_detector.media.reading import LIMITS, Limits, MediaError, Source
from deepfake_detector.pages import boxes
from deepfake_detector.serving import marking
from deepfake_detector.serving.inference import Report

LONGEST, SHORTEST = 1920, 1080  # pixels: 1080p, upright or lying
CLOCK = 90_000  # ticks a second, as in MPEG
USUAL_RATE = 25.0  # frames a second, of a clip that tells none
# cpu-independent: x264's fastest routines give other bytes from call to call
H264 = {"preset": "veryfast", "crf": "21", "x264-params": "cpu-independent=1"}
BT709 = 1  # of ITU-T H.273: primaries, transfer and matrix
EVERY = sys.maxsize


def suffix(report: Report) -> str:
    """Of the file's name: .mp4 of a clip, .jpg of a JPEG, .png of any other picture."""
    if report.kind == "video":
        return ".mp4"
    return ".jpg" if report.facts.get("container") == "jpeg" else ".png"


def annotated(source: Source, report: Report, limits: Limits = LIMITS) -> bytes:
    """The file that the report is on, as the detector saw it (upright, square pixels), at most
    1080p, with everybody's box and number.

    A clip becomes H.264 in MP4 with the times of its frames and no sound; a picture stays one.
    Raises MediaError where the report is on a file that cannot be read, or a limit is passed.
    """
    if report.verdict == "ERROR":
        raise MediaError(report.error or "cannot be read")
    frames = _drawn(sample_frames(source, EVERY, limits=limits), report)
    if report.kind == "video":
        rate = report.facts.get("frame_rate") or USUAL_RATE
        return h264(frames, rate, report.facts.get("duration") or 0.0)
    (_, image), *_ = frames
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG" if suffix(report) == ".jpg" else "PNG", quality=95)
    return buffer.getvalue()


def h264(frames: Iterable[tuple[float, np.ndarray]], rate: float, duration: float) -> bytes:
    """An MP4 of frames, each with its second, whose sides are even; `rate` is frames a second, and
    the last is shown until `duration`."""
    with tempfile.TemporaryFile() as file:
        place = f"/proc/self/fd/{file.fileno()}"  # FFmpeg reads it again to put its index in front
        with av.open(place, "w", format="mp4", options={"movflags": "faststart"}) as output:
            stream = output.add_stream(
                "libx264", rate=Fraction(rate).limit_denominator(1001), options=H264
            )
            context = stream.codec_context
            context.pix_fmt = "yuv420p"
            context.time_base = stream.time_base = Fraction(1, CLOCK)
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = ColorRange.MPEG
            for ticks, lasts, image in _timed(frames, duration, 1 / rate):
                if not ticks:
                    context.height, context.width = image.shape[:2]
                frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
                    format="yuv420p",
                    dst_colorspace=Colorspace.ITU709,
                    dst_color_range=ColorRange.MPEG,
                )
                frame.pts, frame.duration, frame.time_base = ticks, lasts, Fraction(1, CLOCK)
                output.mux(stream.encode(frame))
            output.mux(stream.encode())
        file.seek(0)
        return file.read()


def _timed(
    frames: Iterable[tuple[float, np.ndarray]], duration: float, usual: float
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Each frame with its time and how long it is shown, in ticks."""
    ticks = 0
    for (_, image), (until, following) in pairwise(chain(frames, [(duration, None)])):
        lasts = round(until * CLOCK) - ticks
        if lasts <= 0:
            lasts = 1 if following is not None else round(usual * CLOCK)
        yield ticks, lasts, cast(np.ndarray, image)
        ticks += lasts


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
        found = marking.boxes_at(report, frame.time, scale)
        note = f"{time}{marking.in_short(report)}"
        yield frame.time, boxes.draw(image, found, note, report.verdict)


def _size(width: int, height: int, even: bool) -> tuple[int, int]:
    """Width and height of the same shape within 1080p; even ones, which H.264 asks for, of a clip."""
    longest, shortest = max(width, height), min(width, height)
    scale = min(1.0, LONGEST / longest, SHORTEST / shortest)
    step = 2 if even else 1
    return tuple(max(step, int(side * scale) // step * step) for side in (width, height))  # type: ignore[return-value]
