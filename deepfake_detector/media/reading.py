"""Open an image or a video and get its frames as RGB arrays.

The only place that decodes media: training and serving see the same pixels. Sources are paths or bytes; FFmpeg reads
through a Python file object and a list of container formats, so a file cannot make it open another one.
"""

import bisect
import io
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

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
STILLS = (
    "TIFF",
    "MPO",
)  # of several pictures in one file the first counts (MPO: a phone's photo with its preview)
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

# PyAV's log level stays unset: any level calls Python from FFmpeg's threads, and closing a file then deadlocks
Image.MAX_IMAGE_PIXELS = None  # the limit above is checked before anything is decoded


class MediaError(UserError):
    """A file that gives no picture; the text says why."""


@dataclass(frozen=True)
class Limits:
    """What a file may ask for: `pixels` of one frame (8K video has 33 million), `duration` of a video and `work` on it, in
    seconds."""

    pixels: int = 64_000_000
    duration: float = math.inf
    work: float = math.inf


LIMITS = Limits()


@dataclass(frozen=True)
class Frame:
    """One decoded frame: `image` is (height, width, 3) RGB uint8, upright; `time` in seconds from the clip's start.

    `rotation`: degrees clockwise that it was turned by to be upright.
    """

    index: int
    pts: int | None
    time: float
    image: np.ndarray
    rotation: int = 0


def kind_of(source: Source) -> str:
    """`image` or `video`, by content: a still that Pillow knows is an image, all else is tried as a video."""
    try:
        with opened(source) as file, Image.open(file, formats=IMAGE_FORMATS) as image:
            return (
                "image" if image.format in STILLS or getattr(image, "n_frames", 1) == 1 else "video"
            )
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return "video"


def read_image(source: Source, limits: Limits = LIMITS) -> np.ndarray:
    """A still as RGB uint8, upright by its EXIF orientation, 16-bit greys scaled to 8.

    Raises MediaError where it is empty, damaged, too large or no image.
    """
    _refuse_empty(source)
    try:
        with opened(source) as file, Image.open(file, formats=IMAGE_FORMATS) as image:
            _check_size(*image.size, limits.pixels)
            image.load()  # a TIFF turns itself upright here
            turn = UPRIGHT.get(image.getexif().get(ORIENTATION))
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


def sample_frames(
    source: Source, count: int, threads: int = 0, limits: Limits = LIMITS
) -> Iterator[Frame]:
    """Yield up to `count` frames spread evenly over the whole clip, in order of presentation.

    The clip is cut into `count` equal parts and the middle frame of each is taken; a clip of fewer frames gives all of
    them. Positions come from the packets that are there, not from what the header claims. `threads` decode (0: one per
    core). Raises MediaError where no frame can be decoded or a limit is passed.
    """
    _refuse_empty(source)
    try:
        with opened(source, limits.work) as file:
            with video(file, limits=limits) as container:
                stamps = _timestamps(container)
                _check_duration(container, stamps, limits.duration)
            file.seek(0)
            if not stamps:
                with video(file, threads, limits) as container:
                    total = sum(1 for _ in _frames(container))
                file.seek(0)
            with video(file, threads, limits) as container:
                upright = _Upright(threads, limits.pixels)
                yield from (
                    _decoded(container, stamps, count, upright)
                    if stamps
                    else _decoded_by_count(container, total, count, upright)
                )
    except (
        MediaError,
        MemoryError,
    ):  # FFmpeg's error of the latter kind is one of its own errors too
        raise
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"not a video that can be decoded: {getattr(error, 'strerror', None) or error}"
        ) from error


def reason(error: Exception) -> str:
    """Why a file gave nothing, for a table or a report."""
    return (
        str(error)
        if isinstance(error, MediaError)
        else f"cannot be read: {getattr(error, 'strerror', None) or error}"
    )


@contextmanager
def opened(source: Source, seconds: float = math.inf) -> Iterator["_Nameless"]:
    """The source as a file that can be read for so many seconds."""
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
        yield _Nameless(file, seconds)


@contextmanager
def video(
    file: "_Nameless", threads: int = 0, limits: Limits = LIMITS
) -> Iterator["av.container.InputContainer"]:
    """The file as an opened container whose first video stream `threads` can decode (0: one per core).

    Raises MediaError where it has none.
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
        _check_size(stream.codec_context.width, stream.codec_context.height, limits.pixels)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        yield container


class _Nameless:
    """A file that can be read for so many seconds; FFmpeg asks it for every byte, so an endless file ends with it.

    It has no name: FFmpeg would take meaning from one (`frame%03d.png`: a row of pictures).
    """

    def __init__(self, file: io.IOBase, seconds: float) -> None:
        self._file, self._seconds, self._end = file, seconds, time.monotonic() + seconds

    def read(self, size: int = -1) -> bytes:
        if time.monotonic() > self._end:
            raise MediaError(f"took longer than {self._seconds:g} seconds")
        return self._file.read(size)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()


def _timestamps(container: "av.container.InputContainer") -> list[int]:
    """Presentation times of all frames, sorted; empty where the container gives none (AVI: none that hold)."""
    stream = container.streams.video[0]
    stamps = [
        packet.pts for packet in container.demux(stream) if packet.size and not packet.is_discard
    ]
    if not stamps:
        raise MediaError("no frame in it")
    return [] if None in stamps or container.format.name == "avi" else sorted(set(stamps))


def _decoded(
    container: "av.container.InputContainer", stamps: list[int], count: int, upright: "_Upright"
) -> Iterator[Frame]:
    wanted = [stamps[position] for position in _middles(len(stamps), count)]
    needed = frozenset(wanted)
    base = container.streams.video[0].time_base or Fraction(1, 1000)
    found = 0
    for frame in _frames(container, needed):
        if frame.pts is None or frame.pts < wanted[found]:
            continue
        index = bisect.bisect_left(stamps, frame.pts)
        yield Frame(
            index,
            frame.pts,
            float((frame.pts - stamps[0]) * base),
            upright(frame),
            _rotation(frame),
        )
        found = bisect.bisect_right(wanted, frame.pts)
        if found == len(wanted):
            return
    if not found:
        raise MediaError("no frame could be decoded")


def _decoded_by_count(
    container: "av.container.InputContainer", total: int, count: int, upright: "_Upright"
) -> Iterator[Frame]:
    """For containers without presentation times: `total` frames were counted before."""
    if not total:
        raise MediaError("no frame could be decoded")
    stream = container.streams.video[0]
    rate = float(stream.average_rate or 25)
    wanted = set(_middles(total, count))
    for index, frame in enumerate(_frames(container)):
        if index in wanted:
            yield Frame(index, None, index / rate, upright(frame), _rotation(frame))


def _frames(
    container: "av.container.InputContainer", wanted: frozenset[int] | None = None
) -> Iterator[av.VideoFrame]:
    """All frames that decode; damaged packets are passed over, as a player does.

    With the times of those that are `wanted`, a frame is left out that is neither wanted nor needed to decode another.
    """
    stream = container.streams.video[0]
    for packet in container.demux(stream):
        if wanted is not None:
            needed = packet.pts is None or packet.pts in wanted
            stream.codec_context.skip_frame = "DEFAULT" if needed else "NONREF"
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _middles(total: int, count: int) -> list[int]:
    count = min(total, count)
    return [(2 * part + 1) * total // (2 * count) for part in range(count)]


class _Upright:
    """Turns a clip's decoded frames into upright RGB pictures; one converter serves them all, on so many threads."""

    def __init__(self, threads: int, pixels: int) -> None:
        self._converter, self._threads, self._pixels = (
            av.video.reformatter.VideoReformatter(),
            threads,
            pixels,
        )

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        _check_size(frame.width, frame.height, self._pixels)
        image = self._converter.reformat(frame, format="rgb24", threads=self._threads).to_ndarray()
        turns = _rotation(frame) // 90
        return np.ascontiguousarray(np.rot90(image, -turns)) if turns else image


def _rotation(frame: av.VideoFrame) -> int:
    """Degrees clockwise; FFmpeg counts the other way."""
    return -round(frame.rotation / 90) * 90 % 360


def _eight_bit(values: np.ndarray) -> np.ndarray:
    top = 255 if values.max(initial=0) <= 255 else 65535
    grey = np.clip(values.astype(np.float32) * (255 / top), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _check_size(width: int, height: int, most: int) -> None:
    if width * height > most:
        raise MediaError(
            f"too large: {width} x {height} pixels, the limit is {most / 1e6:g} million"
        )


def _check_duration(
    container: "av.container.InputContainer", stamps: list[int], most: float
) -> None:
    stream = container.streams.video[0]
    seconds = float((stamps[-1] - stamps[0]) * (stream.time_base or 0)) if stamps else 0.0
    if seconds > most:
        raise MediaError(f"too long: {seconds:.0f} seconds, the limit is {most:g}")


def _refuse_empty(source: Source) -> None:
    if not (len(source) if isinstance(source, bytes) else os.path.getsize(source)):
        raise MediaError("empty file")
