"""Open media files safely, and read stills as RGB arrays.

Only this wing decodes media: training and serving see the same pixels. Sources are paths or bytes.
FFmpeg reads through a Python file object and a list of container formats, so a file cannot make it
open another one.
"""

import io
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import av
import numpy as np
from PIL import Image, UnidentifiedImageError

from deepfake_detector import UserError

Source = Path | bytes

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".3gp", ".gif"}
)
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,gif"
OPTIONS = {
    "format_whitelist": CONTAINERS,
    "protocol_whitelist": "pipe",
    "max_streams": "64",
}  # of FFmpeg
ORIENTATION = 0x0112  # EXIF tag
UPRIGHT = {  # what makes a picture upright, by the value of that tag
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# PyAV's log level stays unset: any level calls Python from FFmpeg's threads, and closing a file
# then deadlocks
Image.MAX_IMAGE_PIXELS = None  # the limit above is checked before anything is decoded


class MediaError(UserError):
    """A file that gives no picture; the text says why."""


@dataclass(frozen=True)
class Limits:
    """What a file may ask for: `pixels` of one frame (8K video has 33 million), `duration` of a
    video and `work` on it, in seconds."""

    pixels: int = 64_000_000
    duration: float = math.inf
    work: float = math.inf


LIMITS = Limits()


def read_image(source: Source, limits: Limits = LIMITS) -> np.ndarray:
    """A still as RGB uint8, upright by its EXIF orientation, 16-bit greys scaled to 8.

    Raises MediaError where it is empty, damaged, too large or no image.
    """
    refuse_empty(source)
    try:
        with opened(source) as file, still(file) as image:
            check_size(*image.size, limits.pixels)
            image.load()  # a TIFF turns itself upright here
            turn = UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
            upright = image.transpose(turn) if turn is not None else image
            if upright.mode.startswith("I") or upright.mode == "F":
                return _eight_bit(np.asarray(upright))
            return np.array(upright.convert("RGB"))
    except MediaError:
        raise
    except UnidentifiedImageError as error:
        raise MediaError("not an image that can be read") from error
    except (OSError, ValueError, TypeError, SyntaxError, EOFError) as error:
        raise MediaError(f"damaged image: {error}") from error


def reason(error: Exception) -> str:
    """Why a file gave nothing, for a table or a report."""
    return (
        str(error)
        if isinstance(error, MediaError)
        else f"cannot be read: {getattr(error, 'strerror', None) or error}"
    )


@contextmanager
def opened(source: Source, seconds: float = math.inf) -> Iterator["MediaFile"]:
    """The source as a file that can be read for so many seconds."""
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
        yield MediaFile(file, seconds)


def still(file: "MediaFile") -> Image.Image:
    """The picture in a file, opened and not yet decoded."""
    return Image.open(cast(IO[bytes], file), formats=IMAGE_FORMATS)


@contextmanager
def video(file: "MediaFile", threads: int = 0, limits: Limits = LIMITS) -> Iterator[av.VideoStream]:
    """The video stream of a file, which `threads` can decode (0: one per core).

    The only place that chooses it: the first one. `stream.container` is what it lies in. Raises
    MediaError where there is none.
    """
    try:
        opening = av.open(file, "r", options=OPTIONS, metadata_errors="replace")
    except av.error.MemoryError as error:  # what FFmpeg says of too many streams as well
        raise MediaError(
            f"more than {OPTIONS['max_streams']} streams in it, or too little memory"
        ) from error
    with opening as container:
        if not container.streams.video:
            raise MediaError("no video in it (audio only?)")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise MediaError("its codec is not known here")
        check_size(stream.codec_context.width, stream.codec_context.height, limits.pixels)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        yield stream


def demuxed(stream: av.VideoStream) -> Iterator[av.Packet]:
    """What the file holds of the stream, in the order of the file."""
    return cast(av.container.InputContainer, stream.container).demux(stream)


@contextmanager
def video_errors() -> Iterator[None]:
    """What goes wrong while a video is opened, demuxed or decoded, as MediaError."""
    try:
        yield
    except (
        MediaError,
        MemoryError,
    ):  # FFmpeg's error of the latter kind is one of its own errors too
        raise
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"not a video that can be decoded: {getattr(error, 'strerror', None) or error}"
        ) from error


class MediaFile:
    """A file that can be read for so many seconds and has no name.

    FFmpeg asks it for every byte, so an endless file ends with it. From a name FFmpeg would take
    meaning (`frame%03d.png`: a row of pictures).
    """

    def __init__(self, file: IO[bytes], seconds: float) -> None:
        self._file = file
        self.limit(seconds)

    def limit(self, seconds: float) -> None:
        """Let it be read for so many seconds from now on."""
        self._seconds, self._end = seconds, time.monotonic() + seconds

    def read(self, size: int = -1) -> bytes:
        if time.monotonic() > self._end:
            raise MediaError(f"took longer than {self._seconds:g} seconds")
        return self._file.read(size)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()


def byte_count(source: Source) -> int:
    return len(source) if isinstance(source, bytes) else os.path.getsize(source)


def refuse_empty(source: Source) -> None:
    if not byte_count(source):
        raise MediaError("empty file")


def check_size(width: int, height: int, most: int) -> None:
    """Raises MediaError for a picture of more than so many pixels."""
    if width * height > most:
        raise MediaError(
            f"too large: {width} x {height} pixels, the limit is {most / 1e6:g} million"
        )


def _eight_bit(values: np.ndarray) -> np.ndarray:
    top = 255 if values.max(initial=0) <= 255 else 65535
    grey = np.clip(values.astype(np.float32) * (255 / top), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
